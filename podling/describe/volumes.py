"""Volumes as they are described in pods and in pod templates."""

from collections.abc import Iterator, Sequence

import msgspec

from api.types import DownwardAPIVolumeFile, ProjectedVolumeSource, Volume
from podling.describe.common import NONE, UNSET
from podling.describe.page import Page

Field = tuple[str, object]

_TYPES = {
    "config_map": "ConfigMap (a volume populated by a ConfigMap)",
    "downward_api": "DownwardAPI (a volume populated by information about the pod)",
    "empty_dir": "EmptyDir (a temporary directory that shares a pod's lifetime)",
    "host_path": "HostPath (bare host directory volume)",
    "persistent_volume_claim": ("PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)"),
    "projected": "Projected (a volume that contains injected data from multiple sources)",
    "secret": "Secret (a volume populated by a Secret)",
}


def describe_volumes(page: Page, volumes: Sequence[Volume], *, level: int = 0) -> None:
    """A section on volumes."""
    if not volumes:
        page.field("Volumes", NONE, level=level)
        return
    page.line("Volumes:", level=level)
    for volume in volumes:
        page.line(f"{' ' if level else ''}{volume.name}:", level=1)
        page.field("Type", _type(volume), level=2)
        for name, value in _fields(volume):
            page.field(name, value, level=2)
        if volume.downward_api is not None:
            page.line("Items:", level=2)
            for item in volume.downward_api.items:
                page.line(f"{_downward_source(item)} -> {item.path}", level=3)


def _source_name(volume: Volume) -> str:
    sources = (field.name for field in msgspec.structs.fields(volume) if field.name != "name")
    return next((name for name in sources if getattr(volume, name) is not None), "")


def _type(volume: Volume) -> str:
    name = _source_name(volume)
    return _TYPES.get(name) or "".join(word.capitalize() for word in name.split("_")) or "<unknown>"


def _fields(volume: Volume) -> Iterator[Field]:
    if volume.host_path is not None:
        yield "Path", volume.host_path.path
        yield "HostPathType", volume.host_path.type or ""
    elif volume.empty_dir is not None:
        yield "Medium", volume.empty_dir.medium
        yield "SizeLimit", volume.empty_dir.size_limit or UNSET
    elif volume.secret is not None:
        yield "SecretName", volume.secret.secret_name
        yield "Optional", _boolean(volume.secret.optional)
    elif volume.config_map is not None:
        yield "Name", volume.config_map.name
        yield "Optional", _boolean(volume.config_map.optional)
    elif volume.persistent_volume_claim is not None:
        yield "ClaimName", volume.persistent_volume_claim.claim_name
        yield "ReadOnly", _boolean(volume.persistent_volume_claim.read_only)
    elif volume.projected is not None:
        yield from _projected(volume.projected)


def _projected(source: ProjectedVolumeSource) -> Iterator[Field]:
    for part in source.sources:
        if part.secret is not None:
            yield "SecretName", part.secret.name
            yield "Optional", _boolean(part.secret.optional)
        elif part.downward_api is not None:
            yield "DownwardAPI", "true"
        elif part.config_map is not None:
            yield "ConfigMapName", part.config_map.name
            yield "Optional", _boolean(part.config_map.optional)
        elif part.service_account_token is not None:
            yield "TokenExpirationSeconds", part.service_account_token.expiration_seconds


def _downward_source(item: DownwardAPIVolumeFile) -> str:
    if item.field_ref is not None:
        return item.field_ref.field_path
    return item.resource_field_ref.resource if item.resource_field_ref is not None else ""


def _boolean(value: bool | None) -> str:
    return "true" if value else "false"
