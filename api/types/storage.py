"""Storage classes and what CSI drivers tell and are told (storage/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_persistent import PersistentVolumeSpec
from api.types.core_scheduling import TopologySelectorTerm
from api.types.meta import LabelSelector, ObjectMeta
from api.types.record import Field, Record, always, always_list
from api.types.scalars import Int32, Int64, Quantity, Time

PACKAGE = "storage/v1"


class StorageClass(Record, frozen=True, kw_only=True):
    """A sort of storage, and who provisions it."""

    api_version: str = always("storage.k8s.io/v1")
    kind: str = always("StorageClass")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    allow_volume_expansion: bool | None = None
    allowed_topologies: Annotated[list[TopologySelectorTerm], Field(list_type="atomic")] = []
    mount_options: Annotated[list[str], Field(list_type="atomic")] = []
    parameters: dict[str, str] = {}
    provisioner: Annotated[str, Field(required=True)] = always("")
    reclaim_policy: Annotated[str | None, Field(enum=("Recycle", "Delete", "Retain"))] = None
    volume_binding_mode: Annotated[str | None, Field(enum=("Immediate", "WaitForFirstConsumer"))] = None


class VolumeAttachmentSource(Record, frozen=True, kw_only=True):
    """The volume to attach."""

    inline_volume_spec: PersistentVolumeSpec | None = None
    persistent_volume_name: str | None = None


class VolumeAttachmentSpec(Record, frozen=True, kw_only=True):
    """Which volume to attach to which node."""

    attacher: Annotated[str, Field(required=True)] = always("")
    node_name: Annotated[str, Field(required=True)] = always("")
    source: Annotated[VolumeAttachmentSource, Field(required=True)] = field(default_factory=VolumeAttachmentSource)


class VolumeError(Record, frozen=True, kw_only=True):
    """Why attaching or detaching failed."""

    error_code: Int32 | None = None
    message: str = ""
    time: Time | None = always(None)


class VolumeAttachmentStatus(Record, frozen=True, kw_only=True):
    """Whether a volume is attached."""

    attach_error: VolumeError | None = None
    attached: Annotated[bool, Field(required=True)] = always(False)
    attachment_metadata: dict[str, str] = {}
    detach_error: VolumeError | None = None


class VolumeAttachment(Record, frozen=True, kw_only=True):
    """The wish to have a volume attached to a node."""

    api_version: str = always("storage.k8s.io/v1")
    kind: str = always("VolumeAttachment")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[VolumeAttachmentSpec, Field(required=True)] = field(default_factory=VolumeAttachmentSpec)
    status: VolumeAttachmentStatus = field(default_factory=VolumeAttachmentStatus)


class StorageTokenRequest(Record, frozen=True, kw_only=True):
    """A token a CSI driver wants for the pod it mounts for."""

    audience: Annotated[str, Field(required=True)] = always("")
    expiration_seconds: Int64 | None = None


class CSIDriverSpec(Record, frozen=True, kw_only=True):
    """What a CSI driver can do and needs to be told."""

    attach_required: bool | None = None
    fs_group_policy: str | None = None
    node_allocatable_update_period_seconds: Int64 | None = None
    pod_info_on_mount: bool | None = None
    prevent_pod_scheduling_if_missing: bool | None = None
    requires_republish: bool | None = None
    se_linux_mount: bool | None = None
    service_account_token_in_secrets: bool | None = None
    storage_capacity: bool | None = None
    token_requests: Annotated[list[StorageTokenRequest], Field(list_type="atomic")] = []
    volume_lifecycle_modes: Annotated[list[str], Field(list_type="set")] = []


class CSIDriver(Record, frozen=True, kw_only=True):
    """A CSI driver of the cluster."""

    api_version: str = always("storage.k8s.io/v1")
    kind: str = always("CSIDriver")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[CSIDriverSpec, Field(required=True)] = field(default_factory=CSIDriverSpec)


class VolumeNodeResources(Record, frozen=True, kw_only=True):
    """How many volumes a node can take."""

    count: Int32 | None = None


class CSINodeDriver(Record, frozen=True, kw_only=True):
    """A CSI driver as installed on a node."""

    allocatable: VolumeNodeResources | None = None
    name: Annotated[str, Field(required=True)] = always("")
    node_id: Annotated[str, Field(required=True)] = always("", name="nodeID")
    topology_keys: Annotated[list[str], Field(list_type="atomic")] = always_list()


class CSINodeSpec(Record, frozen=True, kw_only=True):
    """The CSI drivers of a node."""

    drivers: Annotated[
        list[CSINodeDriver],
        Field(required=True, list_type="map", list_map_keys=("name",), patch_strategy="merge", patch_merge_key="name"),
    ] = always_list()


class CSINode(Record, frozen=True, kw_only=True):
    """What CSI drivers say about a node."""

    api_version: str = always("storage.k8s.io/v1")
    kind: str = always("CSINode")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[CSINodeSpec, Field(required=True)] = field(default_factory=CSINodeSpec)


class CSIStorageCapacity(Record, frozen=True, kw_only=True):
    """How much storage a class has left in a topology."""

    api_version: str = always("storage.k8s.io/v1")
    kind: str = always("CSIStorageCapacity")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    capacity: Quantity | None = None
    maximum_volume_size: Quantity | None = None
    node_topology: LabelSelector | None = None
    storage_class_name: Annotated[str, Field(required=True)] = always("")


class VolumeAttributesClass(Record, frozen=True, kw_only=True):
    """Attributes a volume can be changed to have."""

    api_version: str = always("storage.k8s.io/v1")
    kind: str = always("VolumeAttributesClass")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    driver_name: Annotated[str, Field(required=True)] = always("")
    parameters: dict[str, str] = {}
