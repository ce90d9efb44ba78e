"""Volume sources of outside storage systems (core/v1): accepted and kept, as upstream keeps them."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_reference import LocalObjectReference
from api.types.record import Field, Record, always, always_list
from api.types.scalars import Int32

PACKAGE = "core/v1"


class AWSElasticBlockStoreVolumeSource(Record, frozen=True, kw_only=True):
    """A disk of Amazon's EBS."""

    fs_type: str = ""
    partition: Int32 = 0
    read_only: bool = False
    volume_id: Annotated[str, Field(required=True)] = always("", name="volumeID")


class AzureDiskVolumeSource(Record, frozen=True, kw_only=True):
    """A data disk of Azure."""

    caching_mode: Annotated[str | None, Field(enum=("None", "ReadOnly", "ReadWrite"))] = None
    disk_name: Annotated[str, Field(required=True)] = always("")
    disk_uri: Annotated[str, Field(required=True)] = always("", name="diskURI")
    fs_type: Annotated[str | None, Field(default="ext4")] = None
    kind: Annotated[str | None, Field(enum=("Shared", "Dedicated", "Managed"))] = None
    read_only: Annotated[bool | None, Field(default=False)] = None


class AzureFileVolumeSource(Record, frozen=True, kw_only=True):
    """A file share of Azure."""

    read_only: bool = False
    secret_name: Annotated[str, Field(required=True)] = always("")
    share_name: Annotated[str, Field(required=True)] = always("")


class CSIVolumeSource(Record, frozen=True, kw_only=True):
    """A volume that lives with its pod, served by a CSI driver."""

    driver: Annotated[str, Field(required=True)] = always("")
    fs_type: str | None = None
    node_publish_secret_ref: LocalObjectReference | None = None
    read_only: bool | None = None
    volume_attributes: dict[str, str] = {}


class CephFSVolumeSource(Record, frozen=True, kw_only=True):
    """A Ceph file system."""

    monitors: Annotated[list[str], Field(required=True, list_type="atomic")] = always_list()
    path: str = ""
    read_only: bool = False
    secret_file: str = ""
    secret_ref: LocalObjectReference | None = None
    user: str = ""


class CinderVolumeSource(Record, frozen=True, kw_only=True):
    """A disk of OpenStack's Cinder."""

    fs_type: str = ""
    read_only: bool = False
    secret_ref: LocalObjectReference | None = None
    volume_id: Annotated[str, Field(required=True)] = always("", name="volumeID")


class FCVolumeSource(Record, frozen=True, kw_only=True):
    """A Fibre Channel volume."""

    fs_type: str = ""
    lun: Int32 | None = None
    read_only: bool = False
    target_wwns: Annotated[list[str], Field(list_type="atomic")] = field(name="targetWWNs", default_factory=list)
    wwids: Annotated[list[str], Field(list_type="atomic")] = []


class FlexVolumeSource(Record, frozen=True, kw_only=True):
    """A volume provisioned by an executable plug-in."""

    driver: Annotated[str, Field(required=True)] = always("")
    fs_type: str = ""
    options: dict[str, str] = {}
    read_only: bool = False
    secret_ref: LocalObjectReference | None = None


class FlockerVolumeSource(Record, frozen=True, kw_only=True):
    """A dataset of Flocker."""

    dataset_name: str = ""
    dataset_uuid: str = field(name="datasetUUID", default="")


class GCEPersistentDiskVolumeSource(Record, frozen=True, kw_only=True):
    """A persistent disk of Google Compute Engine."""

    fs_type: str = ""
    partition: Int32 = 0
    pd_name: Annotated[str, Field(required=True)] = always("")
    read_only: bool = False


class GitRepoVolumeSource(Record, frozen=True, kw_only=True):
    """A Git repository at a revision."""

    directory: str = ""
    repository: Annotated[str, Field(required=True)] = always("")
    revision: str = ""


class GlusterfsVolumeSource(Record, frozen=True, kw_only=True):
    """A volume of Gluster."""

    endpoints: Annotated[str, Field(required=True)] = always("")
    path: Annotated[str, Field(required=True)] = always("")
    read_only: bool = False


class ISCSIVolumeSource(Record, frozen=True, kw_only=True):
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
    secret_ref: LocalObjectReference | None = None
    target_portal: Annotated[str, Field(required=True)] = always("")


class NFSVolumeSource(Record, frozen=True, kw_only=True):
    """An export of an NFS server."""

    path: Annotated[str, Field(required=True)] = always("")
    read_only: bool = False
    server: Annotated[str, Field(required=True)] = always("")


class PhotonPersistentDiskVolumeSource(Record, frozen=True, kw_only=True):
    """A persistent disk of Photon Controller."""

    fs_type: str = ""
    pd_id: Annotated[str, Field(required=True)] = always("", name="pdID")


class PortworxVolumeSource(Record, frozen=True, kw_only=True):
    """A volume of Portworx."""

    fs_type: str = ""
    read_only: bool = False
    volume_id: Annotated[str, Field(required=True)] = always("", name="volumeID")


class QuobyteVolumeSource(Record, frozen=True, kw_only=True):
    """A volume of Quobyte."""

    group: str = ""
    read_only: bool = False
    registry: Annotated[str, Field(required=True)] = always("")
    tenant: str = ""
    user: str = ""
    volume: Annotated[str, Field(required=True)] = always("")


class RBDVolumeSource(Record, frozen=True, kw_only=True):
    """A Ceph block device."""

    fs_type: str = ""
    image: Annotated[str, Field(required=True)] = always("")
    keyring: Annotated[str, Field(default="/etc/ceph/keyring")] = ""
    monitors: Annotated[list[str], Field(required=True, list_type="atomic")] = always_list()
    pool: Annotated[str, Field(default="rbd")] = ""
    read_only: bool = False
    secret_ref: LocalObjectReference | None = None
    user: Annotated[str, Field(default="admin")] = ""


class ScaleIOVolumeSource(Record, frozen=True, kw_only=True):
    """A volume of ScaleIO."""

    fs_type: Annotated[str, Field(default="xfs")] = ""
    gateway: Annotated[str, Field(required=True)] = always("")
    protection_domain: str = ""
    read_only: bool = False
    secret_ref: Annotated[LocalObjectReference | None, Field(required=True)] = always(None)
    ssl_enabled: bool = False
    storage_mode: Annotated[str, Field(default="ThinProvisioned")] = ""
    storage_pool: str = ""
    system: Annotated[str, Field(required=True)] = always("")
    volume_name: str = ""


class StorageOSVolumeSource(Record, frozen=True, kw_only=True):
    """A volume of StorageOS."""

    fs_type: str = ""
    read_only: bool = False
    secret_ref: LocalObjectReference | None = None
    volume_name: str = ""
    volume_namespace: str = ""


class VsphereVirtualDiskVolumeSource(Record, frozen=True, kw_only=True):
    """A virtual disk of vSphere."""

    fs_type: str = ""
    storage_policy_id: str = field(name="storagePolicyID", default="")
    storage_policy_name: str = ""
    volume_path: Annotated[str, Field(required=True)] = always("")
