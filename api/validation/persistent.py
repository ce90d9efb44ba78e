"""PersistentVolumes and PersistentVolumeClaims (upstream core validation)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from api import names, quantity
from api.errors import FieldError
from api.types import (
    CSIPersistentVolumeSource,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    PersistentVolumeSpec,
    TypedLocalObjectReference,
    TypedObjectReference,
    fields,
)
from api.validation import selectors, storage
from api.validation.checks import Errors, immutable, known, no_backsteps, required, well_formed
from api.validation.spec_diff import describe

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES = ("Block", "Filesystem")
RECLAIM_POLICIES = ("Delete", "Recycle", "Retain")
_SINGLE_POD = "ReadWriteOncePod"
_NOT_SOURCES = frozenset(
    {
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    }
)
SOURCES: Mapping[str, str] = {
    info.json_name: info.python_name
    for info in fields(PersistentVolumeSpec).values()
    if info.json_name not in _NOT_SOURCES
}


def volume(volume: PersistentVolume) -> Errors:
    yield from volume_spec(volume.spec, "spec")


def volume_spec(spec: PersistentVolumeSpec, path: str, *, inline: bool = False) -> Errors:
    """`inline`: the spec of a VolumeAttachment, which knows no claims, classes and policies."""
    yield from _access_modes(spec.access_modes, f"{path}.accessModes", "")
    yield from _capacity(spec.capacity, f"{path}.capacity")
    if spec.persistent_volume_reclaim_policy and not inline:
        policy = spec.persistent_volume_reclaim_policy
        yield from known(policy, f"{path}.persistentVolumeReclaimPolicy", RECLAIM_POLICIES)
    if spec.node_affinity is not None:
        if spec.node_affinity.required is None:
            yield FieldError.required(f"{path}.nodeAffinity.required", "must specify required node constraints")
        else:
            yield from selectors.node_selector(spec.node_affinity.required, f"{path}.nodeAffinity.required")
    yield from _sources(spec, path)
    if spec.storage_class_name:
        yield from well_formed(spec.storage_class_name, f"{path}.storageClassName", names.dns1123_subdomain)
    yield from known(spec.volume_mode, f"{path}.volumeMode", VOLUME_MODES)
    if spec.volume_attributes_class_name == "":
        yield FieldError.required(f"{path}.volumeAttributesClassName", "an empty string is disallowed")


def _sources(spec: PersistentVolumeSpec, path: str) -> Errors:
    given = [json_name for json_name, name in SOURCES.items() if getattr(spec, name) is not None]
    if not given:
        yield FieldError.required(path, "must specify a volume type")
        return
    for json_name in given[1:]:
        yield FieldError.forbidden(f"{path}.{json_name}", "may not specify more than 1 volume type")
    json_name, where = given[0], f"{path}.{given[0]}"
    if spec.host_path is not None:
        yield from required(spec.host_path.path, f"{where}.path")
        yield from no_backsteps(spec.host_path.path, f"{where}.path")
        if spec.host_path.path == "/" and spec.persistent_volume_reclaim_policy == "Recycle":
            detail = "may not be 'recycle' for a hostPath mount of '/'"
            yield FieldError.forbidden(f"{path}.persistentVolumeReclaimPolicy", detail)
    elif spec.local is not None:
        yield from required(spec.local.path, f"{where}.path")
        yield from no_backsteps(spec.local.path, f"{where}.path")
        if spec.node_affinity is None:
            yield FieldError.required(f"{path}.nodeAffinity", "Local volume requires node affinity")
    elif spec.csi is not None:
        yield from _csi(spec.csi, where)
    else:
        yield from storage.source(json_name, getattr(spec, SOURCES[json_name]), where)


def _csi(source: CSIPersistentVolumeSource, path: str) -> Errors:
    yield from driver_name(source.driver, f"{path}.driver")
    yield from required(source.volume_handle, f"{path}.volumeHandle")
    references = {
        "controllerPublishSecretRef": source.controller_publish_secret_ref,
        "controllerExpandSecretRef": source.controller_expand_secret_ref,
        "nodePublishSecretRef": source.node_publish_secret_ref,
        "nodeExpandSecretRef": source.node_expand_secret_ref,
    }
    for name, reference in references.items():
        if reference is not None:
            yield from required(reference.name, f"{path}.{name}.name")
            yield from required(reference.namespace, f"{path}.{name}.namespace")


def driver_name(name: str, path: str) -> Errors:
    if not name:
        yield FieldError.required(path)
        return
    if len(name) > 63:
        yield FieldError.too_long(path, 63)
    yield from well_formed(name.lower(), path, names.dns1123_subdomain)


def _access_modes(modes: Sequence[str], path: str, missing: str) -> Errors:
    if not modes:
        yield FieldError.required(path, missing)
    for mode in modes:
        if mode not in ACCESS_MODES:
            yield FieldError.not_supported(path, mode, ACCESS_MODES)
    if _SINGLE_POD in modes and len(modes) > 1:
        yield FieldError.forbidden(path, "may not use ReadWriteOncePod with other access modes")


def _capacity(capacity: Mapping[str, str], path: str) -> Errors:
    if not capacity:
        yield FieldError.required(path)
    if "storage" not in capacity or len(capacity) > 1:
        yield FieldError.not_supported(path, dict(capacity), ("storage",))
    for resource, amount in capacity.items():
        yield from _positive(amount, f"{path}[{resource}]")


def _positive(amount: str, path: str) -> Errors:
    if quantity.parse(amount) <= 0:
        yield FieldError.invalid(path, amount, "must be greater than zero")


def volume_update(new: PersistentVolume, old: PersistentVolume) -> Errors:
    yield from volume(new)
    if _without_secrets(_only_sources(new.spec)) != _without_secrets(_only_sources(old.spec)):
        changes = describe(_only_sources(old.spec), _only_sources(new.spec), "spec")
        text = f"spec.persistentvolumesource is immutable after creation\n{changes}"
        yield FieldError.forbidden("spec.persistentvolumesource", text)
    yield from immutable(new.spec.volume_mode, old.spec.volume_mode, "spec.volumeMode")
    if old.spec.node_affinity is not None:
        yield from immutable(_plain(new.spec.node_affinity), _plain(old.spec.node_affinity), "spec.nodeAffinity")


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)


def _only_sources(spec: PersistentVolumeSpec) -> PersistentVolumeSpec:
    return PersistentVolumeSpec(**{name: getattr(spec, name) for name in SOURCES.values()})


def _without_secrets(spec: PersistentVolumeSpec) -> PersistentVolumeSpec:
    """What may be set later: the secret of a CSI expansion."""
    if spec.csi is None:
        return spec
    return replace(spec, csi=replace(spec.csi, controller_expand_secret_ref=None, node_expand_secret_ref=None))


def claim(claim: PersistentVolumeClaim) -> Errors:
    yield from claim_spec(claim.spec, "spec")


def claim_spec(spec: PersistentVolumeClaimSpec, path: str) -> Errors:
    """Of a claim, or of the claim an ephemeral volume makes."""
    yield from _access_modes(spec.access_modes, f"{path}.accessModes", "at least 1 access mode is required")
    yield from selectors.label_selector(spec.selector, f"{path}.selector")
    wanted = spec.resources.requests.get("storage")
    if wanted is None:
        yield FieldError.required(f"{path}.resources[storage]")
    else:
        yield from _positive(wanted, f"{path}.resources[storage]")
    if spec.storage_class_name:
        yield from well_formed(spec.storage_class_name, f"{path}.storageClassName", names.dns1123_subdomain)
    yield from known(spec.volume_mode, f"{path}.volumeMode", VOLUME_MODES)
    if spec.data_source is not None:
        yield from _data_source(spec.data_source, f"{path}.dataSource")
    if spec.data_source_ref is not None:
        yield from _data_source(spec.data_source_ref, f"{path}.dataSourceRef")
        if not spec.data_source_ref.namespace and _differ(spec.data_source, spec.data_source_ref):
            yield FieldError.invalid(path, f"{path}.dataSource", "must match dataSourceRef")
    if spec.volume_attributes_class_name:
        where = f"{path}.volumeAttributesClassName"
        yield from well_formed(spec.volume_attributes_class_name, where, names.dns1123_subdomain)


def _differ(source: TypedLocalObjectReference | None, reference: TypedObjectReference) -> bool:
    if source is None:
        return False
    return (source.api_group, source.kind, source.name) != (reference.api_group, reference.kind, reference.name)


def _data_source(source: TypedLocalObjectReference | TypedObjectReference, path: str) -> Errors:
    yield from required(source.name, f"{path}.name")
    yield from required(source.kind, f"{path}.kind")
    if not source.api_group and source.kind != "PersistentVolumeClaim":
        yield FieldError.invalid(
            path, source.kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        )


def claim_update(new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> Errors:
    yield from claim(new)
    yield from _claim_changes(new, old)
    yield from immutable(new.spec.volume_mode, old.spec.volume_mode, "spec.volumeMode")


def _claim_changes(new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> Errors:
    """A claim is bound once, may be given a class once, and may grow when bound."""
    before, after = old.spec, new.spec
    bound = old.status.phase == "Bound"
    allowed = after
    if not before.volume_name and after.volume_name:
        allowed = replace(allowed, volume_name="")
    if before.storage_class_name is None and after.storage_class_name is not None:
        allowed = replace(allowed, storage_class_name=None)
    if bound:
        allowed = replace(
            allowed,
            resources=replace(after.resources, requests=before.resources.requests),
            volume_attributes_class_name=before.volume_attributes_class_name,
        )
    if allowed != before:
        text = (
            "spec is immutable after creation except resources.requests and volumeAttributesClassName "
            f"for bound claims\n{describe(before, after, 'spec')}"
        )
        yield FieldError.forbidden("spec", text)
    wanted, had = (quantity.parse(spec.resources.requests.get("storage", "0")) for spec in (after, before))
    given = quantity.parse(old.status.capacity.get("storage", "0"))
    if wanted < had and (not bound or wanted <= given):
        yield FieldError.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")
    if bound and before.volume_attributes_class_name and not after.volume_attributes_class_name:
        yield FieldError.forbidden("spec.volumeAttributesClassName", "update from non-nil value to nil is forbidden")


def claim_status(new: PersistentVolumeClaim, old: PersistentVolumeClaim) -> Errors:
    for resource, amount in new.status.capacity.items():
        if quantity.parse(amount) < 0:
            yield FieldError.invalid(f"status.capacity[{resource}]", amount, "must be greater than or equal to 0")
