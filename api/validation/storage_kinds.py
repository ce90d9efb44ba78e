"""The kinds of storage.k8s.io: classes, CSI drivers and nodes, attachments, capacities (upstream validation)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from api import names, quantity
from api.errors import FieldError
from api.types import (
    CSIDriver,
    CSINode,
    CSINodeDriver,
    CSIStorageCapacity,
    StorageClass,
    VolumeAttachment,
    VolumeAttributesClass,
)
from api.validation import selectors
from api.validation.checks import Errors, immutable, known, non_negative, one_of, required, unique, well_formed
from api.validation.persistent import driver_name, volume_spec

_RECLAIM_POLICIES = ("Delete", "Retain")
_BINDING_MODES = ("Immediate", "WaitForFirstConsumer")
_FS_GROUP_POLICIES = ("File", "None", "ReadWriteOnceWithFSType")
_LIFECYCLE_MODES = ("Ephemeral", "Persistent")
_MOST_PARAMETERS = 512
_MOST_PARAMETER_BYTES = 256 * 1024
_LONGEST_NODE_ID = 192
_SHORTEST_TOKEN_SECONDS = 10 * 60
_LONGEST_TOKEN_SECONDS = 1 << 32


def storage_class(storage_class: StorageClass) -> Errors:
    if not storage_class.provisioner:
        yield FieldError.required("provisioner")
    else:
        yield from well_formed(storage_class.provisioner.lower(), "provisioner", names.qualified_name)
    yield from _parameters(storage_class.parameters, "parameters", needed=False)
    yield from known(storage_class.reclaim_policy, "reclaimPolicy", _RECLAIM_POLICIES)
    yield from one_of(storage_class.volume_binding_mode or "", "volumeBindingMode", _BINDING_MODES)
    for index, term in enumerate(storage_class.allowed_topologies):
        seen: set[str] = set()
        for number, requirement in enumerate(term.match_label_expressions):
            where = f"allowedTopologies[{index}].matchLabelExpressions[{number}]"
            yield from well_formed(requirement.key, f"{where}.key", names.qualified_name)
            yield from unique(requirement.key, seen, f"{where}.key")
            yield from required(requirement.values, f"{where}.values")


def storage_class_update(new: StorageClass, old: StorageClass) -> Errors:
    yield from storage_class(new)
    for name in ("parameters", "provisioner"):
        if getattr(new, name) != getattr(old, name):
            yield FieldError.forbidden(name, f"updates to {name} are forbidden.")
    if new.reclaim_policy != old.reclaim_policy:
        yield FieldError.forbidden("reclaimPolicy", "updates to reclaimPolicy are forbidden.")
    yield from immutable(new.volume_binding_mode, old.volume_binding_mode, "volumeBindingMode")


def _parameters(parameters: Mapping[str, str], path: str, *, needed: bool) -> Errors:
    if needed and not parameters:
        yield FieldError.required(path, "must contain at least one key/value pair")
    if len(parameters) > _MOST_PARAMETERS:
        yield FieldError.too_many(path, len(parameters), _MOST_PARAMETERS)
    for key in parameters:
        if not key:
            yield FieldError.invalid(path, key, "field can not be empty.")
    if sum(len(key) + len(value) for key, value in parameters.items()) > _MOST_PARAMETER_BYTES:
        yield FieldError.too_long(path, _MOST_PARAMETER_BYTES)


def csi_driver(driver: CSIDriver) -> Errors:
    yield from driver_name(driver.metadata.name, "metadata.name")
    spec = driver.spec
    if spec.attach_required is None:
        yield FieldError.required("spec.attachedRequired")
    if spec.pod_info_on_mount is None:
        yield FieldError.required("spec.podInfoOnMount")
    if spec.storage_capacity is None:
        yield FieldError.required("spec.storageCapacity")
    yield from known(spec.fs_group_policy, "spec.fsGroupPolicy", _FS_GROUP_POLICIES)
    for index, mode in enumerate(spec.volume_lifecycle_modes):
        yield from known(mode, f"spec.volumeLifecycleModes[{index}]", _LIFECYCLE_MODES)
    audiences: set[str] = set()
    for index, token in enumerate(spec.token_requests):
        where = f"spec.tokenRequests[{index}]"
        yield from unique(token.audience, audiences, f"{where}.audience")
        seconds = token.expiration_seconds
        if seconds is None:
            continue
        if seconds < _SHORTEST_TOKEN_SECONDS:
            detail = "may not specify a duration less than 10 minutes"
            yield FieldError.invalid(f"{where}.expirationSeconds", seconds, detail)
        if seconds > _LONGEST_TOKEN_SECONDS:
            detail = "may not specify a duration larger than 2^32 seconds"
            yield FieldError.invalid(f"{where}.expirationSeconds", seconds, detail)


def csi_driver_update(new: CSIDriver, old: CSIDriver) -> Errors:
    yield from csi_driver(new)
    yield from immutable(new.spec.attach_required, old.spec.attach_required, "spec.attachedRequired")
    modes = sorted(new.spec.volume_lifecycle_modes), sorted(old.spec.volume_lifecycle_modes)
    yield from immutable(*modes, "spec.volumeLifecycleModes")


def csi_node(node: CSINode) -> Errors:
    seen: set[str] = set()
    for index, driver in enumerate(node.spec.drivers):
        where = f"spec.drivers[{index}]"
        yield from driver_name(driver.name, f"{where}.name")
        if driver.name:
            yield from unique(driver.name, seen, f"{where}.name")
        yield from _node_id(driver, where)
        keys: set[str] = set()
        for key in driver.topology_keys:
            yield from well_formed(key, f"{where}.topologyKeys", names.qualified_name)
            yield from unique(key, keys, f"{where}.topologyKeys")
        if driver.allocatable is not None:
            yield from non_negative(driver.allocatable.count, f"{where}.allocatable.count")


def _node_id(driver: CSINodeDriver, path: str) -> Errors:
    yield from required(driver.node_id, f"{path}.nodeID")
    if len(driver.node_id) > _LONGEST_NODE_ID:
        detail = f"must be {_LONGEST_NODE_ID} characters or less"
        yield FieldError.invalid(f"{path}.nodeID", driver.node_id, detail)


def csi_node_update(new: CSINode, old: CSINode) -> Errors:
    """A driver may come and go; while it is there, its identity stays."""
    yield from csi_node(new)
    present = {driver.name: driver for driver in new.spec.drivers}
    for index, driver in enumerate(old.spec.drivers):
        kept = present.get(driver.name)
        if kept is None:
            continue
        where = f"spec.drivers[{index}]"
        if (kept.node_id, kept.topology_keys) != (driver.node_id, driver.topology_keys):
            yield FieldError.invalid(where, _plain(kept), "field is immutable")


def volume_attachment(attachment: VolumeAttachment) -> Errors:
    spec = attachment.spec
    yield from driver_name(spec.attacher, "spec.attacher")
    source = spec.source
    if source.inline_volume_spec is None and not source.persistent_volume_name:
        detail = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
        yield FieldError.required("spec.source", detail)
    elif source.inline_volume_spec is not None and source.persistent_volume_name:
        detail = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
        yield FieldError.invalid("spec.source", _plain(source), detail)
    elif source.inline_volume_spec is not None:
        yield from volume_spec(source.inline_volume_spec, "spec.source.inlineVolumeSpec", inline=True)
    yield from required(spec.node_name, "spec.nodeName")
    if spec.node_name:
        yield from well_formed(spec.node_name, "spec.nodeName", names.dns1123_subdomain)
    yield from _errors_told(attachment)


def _errors_told(attachment: VolumeAttachment) -> Errors:
    told = {"attachError": attachment.status.attach_error, "detachError": attachment.status.detach_error}
    for name, error in told.items():
        if error is not None and len(error.message) > 256 * 1024:
            yield FieldError.too_long(f"status.{name}.message", 256 * 1024)


def volume_attachment_update(new: VolumeAttachment, old: VolumeAttachment) -> Errors:
    yield from volume_attachment(new)
    if new.spec != old.spec:
        yield FieldError.invalid("spec", _plain(new.spec), "field is immutable")


def csi_storage_capacity(capacity: CSIStorageCapacity) -> Errors:
    yield from selectors.label_selector(capacity.node_topology, "nodeTopology")
    yield from required(capacity.storage_class_name, "storageClassName")
    if capacity.storage_class_name:
        yield from well_formed(capacity.storage_class_name, "storageClassName", names.dns1123_subdomain)
    for name, amount in {"capacity": capacity.capacity, "maximumVolumeSize": capacity.maximum_volume_size}.items():
        if amount is not None and quantity.parse(amount) < 0:
            yield FieldError.invalid(name, amount, "must be greater than or equal to 0")


def csi_storage_capacity_update(new: CSIStorageCapacity, old: CSIStorageCapacity) -> Errors:
    yield from csi_storage_capacity(new)
    if new.node_topology != old.node_topology:
        yield FieldError.invalid("nodeTopology", _plain(new.node_topology), "field is immutable")
    yield from immutable(new.storage_class_name, old.storage_class_name, "storageClassName")


def volume_attributes_class(attributes: VolumeAttributesClass) -> Errors:
    yield from driver_name(attributes.driver_name, "driverName")
    yield from _parameters(attributes.parameters, "parameters", needed=True)


def volume_attributes_class_update(new: VolumeAttributesClass, old: VolumeAttributesClass) -> Errors:
    yield from volume_attributes_class(new)
    yield from immutable(new.driver_name, old.driver_name, "driverName")
    yield from immutable(new.parameters, old.parameters, "parameters")


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)
