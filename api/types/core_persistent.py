"""Persistent volumes (core/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_reference import ObjectReference
from api.types.core_scheduling import NodeSelector
from api.types.core_storage import (
    AWSElasticBlockStoreVolumeSource,
    AzureDiskVolumeSource,
    FCVolumeSource,
    FlockerVolumeSource,
    GCEPersistentDiskVolumeSource,
    NFSVolumeSource,
    PhotonPersistentDiskVolumeSource,
    PortworxVolumeSource,
    QuobyteVolumeSource,
    VsphereVirtualDiskVolumeSource,
)
from api.types.core_volume import HostPathVolumeSource
from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always, always_list
from api.types.scalars import Int32, Quantity, Time

PACKAGE = "core/v1"


class SecretReference(Record, frozen=True, kw_only=True):
    """A Secret of any namespace."""

    name: str = ""
    namespace: str = ""


class AzureFilePersistentVolumeSource(Record, frozen=True, kw_only=True):
    """A file share of Azure."""

    read_only: bool = False
    secret_name: Annotated[str, Field(required=True)] = always("")
    secret_namespace: str | None = always(None)
    share_name: Annotated[str, Field(required=True)] = always("")


class CephFSPersistentVolumeSource(Record, frozen=True, kw_only=True):
    """A Ceph file system."""

    monitors: Annotated[list[str], Field(required=True, list_type="atomic")] = always_list()
    path: str = ""
    read_only: bool = False
    secret_file: str = ""
    secret_ref: SecretReference | None = None
    user: str = ""


class CinderPersistentVolumeSource(Record, frozen=True, kw_only=True):
    """A disk of OpenStack's Cinder."""

    fs_type: str = ""
    read_only: bool = False
    secret_ref: SecretReference | None = None
    volume_id: Annotated[str, Field(required=True)] = always("", name="volumeID")


class CSIPersistentVolumeSource(Record, frozen=True, kw_only=True):
    """A volume served by a CSI driver."""

    controller_expand_secret_ref: SecretReference | None = None
    controller_publish_secret_ref: SecretReference | None = None
    driver: Annotated[str, Field(required=True)] = always("")
    fs_type: str = ""
    node_expand_secret_ref: SecretReference | None = None
    node_publish_secret_ref: SecretReference | None = None
    node_stage_secret_ref: SecretReference | None = None
    read_only: bool = False
    volume_attributes: dict[str, str] = {}
    volume_handle: Annotated[str, Field(required=True)] = always("")


class FlexPersistentVolumeSource(Record, frozen=True, kw_only=True):
    """A volume provisioned by an executable plug-in."""

    driver: Annotated[str, Field(required=True)] = always("")
    fs_type: str = ""
    options: dict[str, str] = {}
    read_only: bool = False
    secret_ref: SecretReference | None = None


class GlusterfsPersistentVolumeSource(Record, frozen=True, kw_only=True):
    """A volume of Gluster."""

    endpoints: Annotated[str, Field(required=True)] = always("")
    endpoints_namespace: str | None = None
    path: Annotated[str, Field(required=True)] = always("")
    read_only: bool = False


class ISCSIPersistentVolumeSource(Record, frozen=True, kw_only=True):
    """An iSCSI disk."""

    chap_auth_discovery: bool = False
    chap_auth_session: bool = False
    fs_type: str = ""
    initiator_name: str | None = None
    iqn: Annotated[str, Field(required=True)] = always("")
    iscsi_interface: Annotated[str, Field(default="default")] = ""
    lun: Annotated[Int32, Field(required=True)] = always(0)
    portals: Annotated[list[str], Field(list_type="atomic")] = []
    read_only: bool = False
    secret_ref: SecretReference | None = None
    target_portal: Annotated[str, Field(required=True)] = always("")


class LocalVolumeSource(Record, frozen=True, kw_only=True):
    """A directory or disk of one node."""

    fs_type: str | None = None
    path: Annotated[str, Field(required=True)] = always("")


class VolumeNodeAffinity(Record, frozen=True, kw_only=True):
    """From which nodes a volume can be reached."""

    required: NodeSelector | None = None


class RBDPersistentVolumeSource(Record, frozen=True, kw_only=True):
    """A Ceph block device."""

    fs_type: str = ""
    image: Annotated[str, Field(required=True)] = always("")
    keyring: Annotated[str, Field(default="/etc/ceph/keyring")] = ""
    monitors: Annotated[list[str], Field(required=True, list_type="atomic")] = always_list()
    pool: Annotated[str, Field(default="rbd")] = ""
    read_only: bool = False
    secret_ref: SecretReference | None = None
    user: Annotated[str, Field(default="admin")] = ""


class ScaleIOPersistentVolumeSource(Record, frozen=True, kw_only=True):
    """A volume of ScaleIO."""

    fs_type: Annotated[str, Field(default="xfs")] = ""
    gateway: Annotated[str, Field(required=True)] = always("")
    protection_domain: str = ""
    read_only: bool = False
    secret_ref: Annotated[SecretReference | None, Field(required=True)] = always(None)
    ssl_enabled: bool = False
    storage_mode: Annotated[str, Field(default="ThinProvisioned")] = ""
    storage_pool: str = ""
    system: Annotated[str, Field(required=True)] = always("")
    volume_name: str = ""


class StorageOSPersistentVolumeSource(Record, frozen=True, kw_only=True):
    """A volume of StorageOS."""

    fs_type: str = ""
    read_only: bool = False
    secret_ref: ObjectReference | None = None
    volume_name: str = ""
    volume_namespace: str = ""


class PersistentVolumeSpec(Record, frozen=True, kw_only=True):
    """What a volume is, how large, and whose."""

    access_modes: Annotated[
        list[str],
        Field(enum=("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"), list_type="atomic"),
    ] = []
    aws_elastic_block_store: AWSElasticBlockStoreVolumeSource | None = None
    azure_disk: AzureDiskVolumeSource | None = None
    azure_file: AzureFilePersistentVolumeSource | None = None
    capacity: dict[str, Quantity] = {}
    cephfs: CephFSPersistentVolumeSource | None = None
    cinder: CinderPersistentVolumeSource | None = None
    claim_ref: Annotated[ObjectReference | None, Field(map_type="granular")] = None
    csi: CSIPersistentVolumeSource | None = None
    fc: FCVolumeSource | None = None
    flex_volume: FlexPersistentVolumeSource | None = None
    flocker: FlockerVolumeSource | None = None
    gce_persistent_disk: GCEPersistentDiskVolumeSource | None = None
    glusterfs: GlusterfsPersistentVolumeSource | None = None
    host_path: HostPathVolumeSource | None = None
    iscsi: ISCSIPersistentVolumeSource | None = None
    local: LocalVolumeSource | None = None
    mount_options: Annotated[list[str], Field(list_type="atomic")] = []
    nfs: NFSVolumeSource | None = None
    node_affinity: VolumeNodeAffinity | None = None
    persistent_volume_reclaim_policy: Annotated[str, Field(enum=("Recycle", "Delete", "Retain"))] = ""
    photon_persistent_disk: PhotonPersistentDiskVolumeSource | None = None
    portworx_volume: PortworxVolumeSource | None = None
    quobyte: QuobyteVolumeSource | None = None
    rbd: RBDPersistentVolumeSource | None = None
    scale_io: ScaleIOPersistentVolumeSource | None = field(name="scaleIO", default=None)
    storage_class_name: str = ""
    storageos: StorageOSPersistentVolumeSource | None = None
    volume_attributes_class_name: str | None = None
    volume_mode: Annotated[str | None, Field(enum=("Block", "Filesystem"))] = None
    vsphere_volume: VsphereVirtualDiskVolumeSource | None = None


class PersistentVolumeStatus(Record, frozen=True, kw_only=True):
    """Whether a volume is available, bound, released or failed."""

    last_phase_transition_time: Time | None = None
    message: str = ""
    phase: Annotated[str, Field(enum=("Pending", "Available", "Bound", "Released", "Failed"))] = ""
    reason: str = ""


class PersistentVolume(Record, frozen=True, kw_only=True):
    """A piece of storage of the cluster."""

    api_version: str = always("v1")
    kind: str = always("PersistentVolume")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: PersistentVolumeSpec = field(default_factory=PersistentVolumeSpec)
    status: PersistentVolumeStatus = field(default_factory=PersistentVolumeStatus)
