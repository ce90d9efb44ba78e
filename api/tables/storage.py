"""Tables of persistent volumes, claims, storage classes and what CSI drivers tell."""

from api.storage_classes import is_default
from api.tables.layout import AGE, NAME, Cell, Column, Layout, wide
from api.tables.text import UNSET, age
from api.types import (
    CSIDriver,
    CSIStorageCapacity,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
    VolumeAttachment,
)

_SHORT_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_OLD_CLASS = "volume.beta.kubernetes.io/storage-class"

_CAPACITY = Column("Capacity", "How much the volume holds.")
_ACCESS_MODES = Column("Access Modes", "From how many nodes the volume may be used, and how.")
_CLASS = Column("StorageClass", "The storage class.")
_ATTRIBUTES_CLASS = Column("VolumeAttributesClass", "The class of attributes the volume has.")
_VOLUME_MODE = wide("VolumeMode", "Whether the volume is a file system or a raw device.")


def access_modes(modes: list[str]) -> str:
    """Short forms, in upstream's order: "RWO,ROX"."""
    return ",".join(short for mode, short in _SHORT_MODES.items() if mode in modes)


def _claim_cells(claim: PersistentVolumeClaim, now: float) -> list[Cell]:
    spec, status, bound = claim.spec, claim.status, bool(claim.spec.volume_name)
    return [
        claim.metadata.name,
        "Terminating" if claim.metadata.deletion_timestamp else status.phase,
        spec.volume_name,
        status.capacity.get("storage", "") if bound else "",
        access_modes(status.access_modes) if bound else "",
        claim.metadata.annotations.get(_OLD_CLASS) or spec.storage_class_name or "",
        UNSET if spec.volume_attributes_class_name is None else spec.volume_attributes_class_name,
        age(claim.metadata, now),
        UNSET if spec.volume_mode is None else spec.volume_mode,
    ]


CLAIMS = Layout(
    columns=(
        NAME,
        Column("Status", "Whether the claim has its volume."),
        Column("Volume", "The volume the claim is bound to."),
        _CAPACITY,
        _ACCESS_MODES,
        _CLASS,
        _ATTRIBUTES_CLASS,
        AGE,
        _VOLUME_MODE,
    ),
    cells=_claim_cells,
)


def _volume_cells(volume: PersistentVolume, now: float) -> list[Cell]:
    spec, status = volume.spec, volume.status
    reference = spec.claim_ref
    return [
        volume.metadata.name,
        spec.capacity.get("storage", ""),
        access_modes(spec.access_modes),
        spec.persistent_volume_reclaim_policy,
        "Terminating" if volume.metadata.deletion_timestamp else status.phase,
        f"{reference.namespace}/{reference.name}" if reference is not None else "",
        volume.metadata.annotations.get(_OLD_CLASS) or spec.storage_class_name,
        UNSET if spec.volume_attributes_class_name is None else spec.volume_attributes_class_name,
        status.reason,
        age(volume.metadata, now),
        UNSET if spec.volume_mode is None else spec.volume_mode,
    ]


VOLUMES = Layout(
    columns=(
        NAME,
        _CAPACITY,
        _ACCESS_MODES,
        Column("Reclaim Policy", "What becomes of the volume when its claim goes."),
        Column("Status", "Whether the volume is free, bound, released or failed."),
        Column("Claim", "The claim the volume is bound to."),
        _CLASS,
        _ATTRIBUTES_CLASS,
        Column("Reason", "Why the volume is in its state."),
        AGE,
        _VOLUME_MODE,
    ),
    cells=_volume_cells,
)


def _class_cells(storage_class: StorageClass, now: float) -> list[Cell]:
    name = storage_class.metadata.name
    return [
        f"{name} (default)" if is_default(storage_class) else name,
        storage_class.provisioner,
        storage_class.reclaim_policy or "Delete",
        storage_class.volume_binding_mode or "Immediate",
        bool(storage_class.allow_volume_expansion),
        age(storage_class.metadata, now),
    ]


CLASSES = Layout(
    columns=(
        NAME,
        Column("Provisioner", "Who makes volumes of this class."),
        Column("ReclaimPolicy", "What becomes of its volumes when their claims go."),
        Column("VolumeBindingMode", "Whether volumes are made at once or for the first pod."),
        Column("AllowVolumeExpansion", "Whether its claims may grow."),
        AGE,
    ),
    cells=_class_cells,
)


def _driver_cells(driver: CSIDriver, now: float) -> list[Cell]:
    spec = driver.spec
    return [
        driver.metadata.name,
        spec.attach_required is not False,
        bool(spec.pod_info_on_mount),
        bool(spec.storage_capacity),
        ",".join(request.audience for request in spec.token_requests) or UNSET,
        bool(spec.requires_republish),
        ",".join(spec.volume_lifecycle_modes) or "<none>",
        age(driver.metadata, now),
    ]


DRIVERS = Layout(
    columns=(
        NAME,
        Column("AttachRequired", "Whether volumes are attached to nodes first.", type="boolean"),
        Column("PodInfoOnMount", "Whether the driver is told for which pod it mounts.", type="boolean"),
        Column("StorageCapacity", "Whether the driver tells how much room it has.", type="boolean"),
        Column("TokenRequests", "For whom the driver wants tokens of the pod."),
        Column("RequiresRepublish", "Whether the driver is called again and again.", type="boolean"),
        Column("Modes", "For which volumes the driver is."),
        AGE,
    ),
    cells=_driver_cells,
)

NODES = Layout(
    columns=(NAME, Column("Drivers", "How many CSI drivers the node has.", type="integer"), AGE),
    cells=lambda node, now: [node.metadata.name, len(node.spec.drivers), age(node.metadata, now)],
)


def _capacity_cells(capacity: CSIStorageCapacity, now: float) -> list[Cell]:
    return [capacity.metadata.name, capacity.storage_class_name, capacity.capacity or UNSET]


CAPACITIES = Layout(
    columns=(
        NAME,
        Column("StorageClassName", "The storage class the room is of."),
        Column("Capacity", "How much room there is."),
    ),
    cells=_capacity_cells,
)


def _attachment_cells(attachment: VolumeAttachment, now: float) -> list[Cell]:
    spec = attachment.spec
    return [
        attachment.metadata.name,
        spec.attacher,
        spec.source.persistent_volume_name or "",
        spec.node_name,
        attachment.status.attached,
        age(attachment.metadata, now),
    ]


ATTACHMENTS = Layout(
    columns=(
        NAME,
        Column("Attacher", "Who attaches the volume.", format="name"),
        Column("PV", "The volume."),
        Column("Node", "The node."),
        Column("Attached", "Whether the volume is attached.", type="boolean"),
        AGE,
    ),
    cells=_attachment_cells,
)

ATTRIBUTES_CLASSES = Layout(
    columns=(NAME, Column("DriverName", "The driver whose volumes the class is for."), AGE),
    cells=lambda attributes, now: [
        attributes.metadata.name,
        attributes.driver_name,
        age(attributes.metadata, now),
    ],
)
