"""Volumes of a pod, and the sources a node fills by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from api import names, quantity
from api.errors import FieldError
from api.types import (
    ConfigMapVolumeSource,
    DownwardAPIVolumeFile,
    DownwardAPIVolumeSource,
    EphemeralVolumeSource,
    HostPathVolumeSource,
    ImageVolumeSource,
    KeyToPath,
    ProjectedVolumeSource,
    SecretVolumeSource,
    ServiceAccountTokenProjection,
    Volume,
    VolumeProjection,
    fields,
)
from api.validation import environment, storage
from api.validation.checks import (
    Errors,
    file_mode,
    file_path,
    known,
    no_backsteps,
    one_of,
    required,
    well_formed,
)

_HOST_PATH_TYPES = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
_SOURCES = {info.json_name: info.python_name for info in fields(Volume).values() if info.json_name != "name"}
_ONE_TYPE = "may not specify more than 1 volume type"
_SHORTEST_TOKEN_SECONDS = 10 * 60
_LONGEST_TOKEN_SECONDS = 1 << 32


def check(volumes: Sequence[Volume], pod_name: str, path: str) -> tuple[dict[str, Volume], list[FieldError]]:
    """The valid volumes by name, and what is wrong with the others. `pod_name` is empty for templates."""
    valid: dict[str, Volume] = {}
    errors: list[FieldError] = []
    created = {f"{pod_name}-{volume.name}" for volume in volumes if pod_name and volume.ephemeral is not None}
    for index, volume in enumerate(volumes):
        found = [*_volume(volume, pod_name, valid, f"{path}[{index}]")]
        if not found:
            valid[volume.name] = volume
        errors.extend(found)
        claim = volume.persistent_volume_claim
        if claim is not None and claim.claim_name in created:
            detail = "must not reference a PVC that gets created for an ephemeral volume"
            where = f"{path}[{index}].persistentVolumeClaim.claimName"
            errors.append(FieldError.invalid(where, claim.claim_name, detail))
    return valid, errors


def _volume(volume: Volume, pod_name: str, others: Mapping[str, Volume], path: str) -> Errors:
    given = [json_name for json_name, name in _SOURCES.items() if getattr(volume, name) is not None]
    given.sort(key=_precedence)
    if not given:
        yield FieldError.required(path, "must specify a volume type")
    else:
        yield from _source(volume, given[0], pod_name, f"{path}.{given[0]}")
    for json_name in given[1:]:
        yield FieldError.forbidden(f"{path}.{json_name}", _ONE_TYPE)
    if not volume.name:
        yield FieldError.required(f"{path}.name")
    else:
        yield from well_formed(volume.name, f"{path}.name", names.dns1123_label)
    if volume.name in others:
        yield FieldError.duplicate(f"{path}.name", volume.name)


def _precedence(json_name: str) -> int:
    """Which of several sources counts as the first: emptyDir, then hostPath, then the order of the type."""
    return {"emptyDir": 0, "hostPath": 1}.get(json_name, 2)


def _source(volume: Volume, json_name: str, pod_name: str, path: str) -> Errors:
    source = getattr(volume, _SOURCES[json_name])
    match json_name:
        case "emptyDir":
            if source.size_limit is not None and quantity.parse(source.size_limit) < 0:
                yield FieldError.forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")
        case "hostPath":
            yield from _host_path(source, path)
        case "secret":
            yield from required(source.secret_name, f"{path}.secretName")
            yield from _files(source, path)
        case "configMap":
            yield from required(source.name, f"{path}.name")
            yield from _files(source, path)
        case "downwardAPI":
            yield from _downward(source, path)
        case "projected":
            yield from _projected(source, path)
        case "persistentVolumeClaim":
            yield from required(source.claim_name, f"{path}.claimName")
        case "ephemeral":
            yield from _ephemeral(source, volume.name, pod_name, path)
        case "image":
            yield from _image(source, bool(pod_name), path)
        case _:
            yield from storage.source(json_name, source, path)


def _host_path(source: HostPathVolumeSource, path: str) -> Errors:
    if not source.path:
        yield FieldError.required(f"{path}.path")
        return
    yield from no_backsteps(source.path, f"{path}.path")
    yield from known(source.type, f"{path}.type", _HOST_PATH_TYPES)


def _files(source: SecretVolumeSource | ConfigMapVolumeSource, path: str) -> Errors:
    yield from file_mode(source.default_mode, f"{path}.defaultMode")
    for index, item in enumerate(source.items):
        yield from _key_to_path(item, f"{path}.items[{index}]")


def _key_to_path(item: KeyToPath, path: str) -> Errors:
    yield from required(item.key, f"{path}.key")
    yield from required(item.path, f"{path}.path")
    yield from file_path(item.path, f"{path}.path")
    yield from file_mode(item.mode, f"{path}.mode")


def _downward(source: DownwardAPIVolumeSource, path: str) -> Errors:
    yield from file_mode(source.default_mode, f"{path}.defaultMode")
    for file in source.items:
        yield from _downward_file(file, path)


def _downward_file(file: DownwardAPIVolumeFile, path: str) -> Errors:
    yield from required(file.path, f"{path}.path")
    yield from file_path(file.path, f"{path}.path")
    if file.field_ref is not None:
        yield from environment.field_reference(file.field_ref, f"{path}.fieldRef", environment.VOLUME_FIELDS)
        if file.resource_field_ref is not None:
            detail = "fieldRef and resourceFieldRef can not be specified simultaneously"
            yield FieldError.invalid(path, "resource", detail)
    elif file.resource_field_ref is not None:
        where = f"{path}.resourceFieldRef"
        yield from environment.resource_reference(file.resource_field_ref, where, volume=True)
    else:
        yield FieldError.required(path, "one of fieldRef and resourceFieldRef is required")
    yield from file_mode(file.mode, f"{path}.mode")


def _projected(source: ProjectedVolumeSource, path: str) -> Errors:
    yield from file_mode(source.default_mode, f"{path}.defaultMode")
    used: set[str] = set()
    for index, projection in enumerate(source.sources):
        where = f"{path}.sources[{index}]"
        yield from _projection(projection, used, path, where)
        given = sum(getattr(projection, info.python_name) is not None for info in fields(VolumeProjection).values())
        if given > 1:
            yield FieldError.forbidden(where, "may not specify more than 1 volume type per source")


def _projection(projection: VolumeProjection, used: set[str], path: str, where: str) -> Errors:
    """`used` collects the files of all sources of the volume: no two may have the same path."""
    for json_name, objects in (("secret", projection.secret), ("configMap", projection.config_map)):
        if objects is None:
            continue
        yield from required(objects.name, f"{where}.{json_name}.name")
        for index, item in enumerate(objects.items):
            yield from _key_to_path(item, f"{where}.{json_name}.items[{index}]")
        yield from _distinct((item.path for item in objects.items), used, path, objects.name)
    if projection.downward_api is not None:
        for file in projection.downward_api.items:
            yield from _downward_file(file, f"{where}.downwardAPI")
            yield from _distinct((file.path,), used, path, file.path)
    if projection.service_account_token is not None:
        yield from _token(projection.service_account_token, path, f"{where}.serviceAccountToken")
    bundle = projection.cluster_trust_bundle
    if bundle is not None:
        if bundle.name is None and bundle.signer_name is None:
            yield FieldError.required(f"{where}.clusterTrustBundle", "either name or signerName must be specified")
        yield from required(bundle.path, f"{where}.clusterTrustBundle.path")
        yield from file_path(bundle.path, f"{where}.clusterTrustBundle.path")
        yield from _distinct((bundle.path,), used, path, bundle.path)


def _distinct(paths: Iterable[str], used: set[str], path: str, shown: str) -> Errors:
    for each in paths:
        if each and each in used:
            yield FieldError.invalid(path, shown, "conflicting duplicate paths")
        used.add(each)


def _token(token: ServiceAccountTokenProjection, path: str, where: str) -> Errors:
    seconds = token.expiration_seconds or 0
    if seconds < _SHORTEST_TOKEN_SECONDS:
        detail = "may not specify a duration less than 10 minutes"
        yield FieldError.invalid(f"{where}.expirationSeconds", seconds, detail)
    if seconds > _LONGEST_TOKEN_SECONDS:
        detail = "may not specify a duration larger than 2^32 seconds"
        yield FieldError.invalid(f"{where}.expirationSeconds", seconds, detail)
    yield from required(token.path, f"{path}.path")
    yield from file_path(token.path, f"{path}.path")


def _ephemeral(source: EphemeralVolumeSource, volume_name: str, pod_name: str, path: str) -> Errors:
    if source.volume_claim_template is None:
        yield FieldError.required(f"{path}.volumeClaimTemplate")
    if pod_name and volume_name:
        claim = f"{pod_name}-{volume_name}"
        for message in names.dns1123_subdomain(claim):
            yield FieldError.invalid(f"{path}.name", volume_name, f'PVC name "{claim}": {message}')


def _image(source: ImageVolumeSource, in_pod: bool, path: str) -> Errors:
    if in_pod:
        yield from required(source.reference, f"{path}.reference")
    yield from one_of(source.pull_policy, f"{path}.pullPolicy", ("Always", "IfNotPresent", "Never"))
