"""Volumes of a pod and the sources a node fills by itself (core/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_reference import (
    ObjectFieldSelector,
    ResourceFieldSelector,
    TypedLocalObjectReference,
    TypedObjectReference,
)
from api.types.core_storage import (
    AWSElasticBlockStoreVolumeSource,
    AzureDiskVolumeSource,
    AzureFileVolumeSource,
    CephFSVolumeSource,
    CinderVolumeSource,
    CSIVolumeSource,
    FCVolumeSource,
    FlexVolumeSource,
    FlockerVolumeSource,
    GCEPersistentDiskVolumeSource,
    GitRepoVolumeSource,
    GlusterfsVolumeSource,
    ISCSIVolumeSource,
    NFSVolumeSource,
    PhotonPersistentDiskVolumeSource,
    PortworxVolumeSource,
    QuobyteVolumeSource,
    RBDVolumeSource,
    ScaleIOVolumeSource,
    StorageOSVolumeSource,
    VsphereVirtualDiskVolumeSource,
)
from api.types.meta import LabelSelector, ObjectMeta
from api.types.record import Field, Record, always, always_list
from api.types.scalars import Int32, Int64, Quantity

PACKAGE = "core/v1"


class ClusterTrustBundleProjection(Record, frozen=True, kw_only=True):
    """Trust anchors written to a file."""

    name: str | None = None
    label_selector: LabelSelector | None = None
    optional: bool | None = None
    path: Annotated[str, Field(required=True)] = always("")
    signer_name: str | None = None


class KeyToPath(Record, frozen=True, kw_only=True):
    """Which key goes into which file."""

    key: Annotated[str, Field(required=True)] = always("")
    mode: Int32 | None = None
    path: Annotated[str, Field(required=True)] = always("")


class ConfigMapProjection(Record, frozen=True, kw_only=True):
    """Keys of a ConfigMap as files of a projected volume."""

    name: Annotated[str, Field(default="")] = ""
    items: Annotated[list[KeyToPath], Field(list_type="atomic")] = []
    optional: bool | None = None


class ConfigMapVolumeSource(Record, frozen=True, kw_only=True):
    """Keys of a ConfigMap as files."""

    name: Annotated[str, Field(default="")] = ""
    default_mode: Int32 | None = None
    items: Annotated[list[KeyToPath], Field(list_type="atomic")] = []
    optional: bool | None = None


class DownwardAPIVolumeFile(Record, frozen=True, kw_only=True):
    """One file holding a field of the pod."""

    field_ref: ObjectFieldSelector | None = None
    mode: Int32 | None = None
    path: Annotated[str, Field(required=True)] = always("")
    resource_field_ref: ResourceFieldSelector | None = None


class DownwardAPIProjection(Record, frozen=True, kw_only=True):
    """The pod's own fields as files of a projected volume."""

    items: Annotated[list[DownwardAPIVolumeFile], Field(list_type="atomic")] = []


class DownwardAPIVolumeSource(Record, frozen=True, kw_only=True):
    """The pod's own fields as files."""

    default_mode: Int32 | None = None
    items: Annotated[list[DownwardAPIVolumeFile], Field(list_type="atomic")] = []


class EmptyDirVolumeSource(Record, frozen=True, kw_only=True):
    """An empty directory that lives as long as the pod, on disk or in memory."""

    medium: str = ""
    size_limit: Quantity | None = None


class VolumeResourceRequirements(Record, frozen=True, kw_only=True):
    """How much storage a claim asks for."""

    limits: dict[str, Quantity] = {}
    requests: dict[str, Quantity] = {}


class PersistentVolumeClaimSpec(Record, frozen=True, kw_only=True):
    """What storage a claim asks for."""

    access_modes: Annotated[
        list[str],
        Field(enum=("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"), list_type="atomic"),
    ] = []
    data_source: TypedLocalObjectReference | None = None
    data_source_ref: TypedObjectReference | None = None
    resources: VolumeResourceRequirements = field(default_factory=VolumeResourceRequirements)
    selector: LabelSelector | None = None
    storage_class_name: str | None = None
    volume_attributes_class_name: str | None = None
    volume_mode: Annotated[str | None, Field(enum=("Block", "Filesystem"))] = None
    volume_name: str = ""


class PersistentVolumeClaimTemplate(Record, frozen=True, kw_only=True):
    """The claim an ephemeral volume makes."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[PersistentVolumeClaimSpec, Field(required=True)] = field(default_factory=PersistentVolumeClaimSpec)


class EphemeralVolumeSource(Record, frozen=True, kw_only=True):
    """A claim made for the pod and removed with it."""

    volume_claim_template: PersistentVolumeClaimTemplate | None = None


class HostPathVolumeSource(Record, frozen=True, kw_only=True):
    """A file or directory of the node."""

    path: Annotated[str, Field(required=True)] = always("")
    type: Annotated[
        str | None,
        Field(
            enum=("", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice")
        ),
    ] = None


class ImageVolumeSource(Record, frozen=True, kw_only=True):
    """The files of an OCI image or artifact, read-only."""

    pull_policy: Annotated[str, Field(enum=("Always", "Never", "IfNotPresent"))] = ""
    reference: str = ""


class PersistentVolumeClaimVolumeSource(Record, frozen=True, kw_only=True):
    """A claim of the same namespace."""

    claim_name: Annotated[str, Field(required=True)] = always("")
    read_only: bool = False


class PodCertificateProjection(Record, frozen=True, kw_only=True):
    """A key and certificate chain issued for the pod."""

    certificate_chain_path: str = ""
    credential_bundle_path: str = ""
    key_path: str = ""
    key_type: Annotated[str, Field(required=True)] = ""
    max_expiration_seconds: Int32 | None = None
    signer_name: Annotated[str, Field(required=True)] = ""
    user_annotations: dict[str, str] = {}


class SecretProjection(Record, frozen=True, kw_only=True):
    """Keys of a Secret as files of a projected volume."""

    name: Annotated[str, Field(default="")] = ""
    items: Annotated[list[KeyToPath], Field(list_type="atomic")] = []
    optional: bool | None = None


class ServiceAccountTokenProjection(Record, frozen=True, kw_only=True):
    """A token of the pod's service account, renewed before it expires."""

    audience: str = ""
    expiration_seconds: Int64 | None = None
    path: Annotated[str, Field(required=True)] = always("")


class VolumeProjection(Record, frozen=True, kw_only=True):
    """One source of a projected volume."""

    cluster_trust_bundle: ClusterTrustBundleProjection | None = None
    config_map: ConfigMapProjection | None = None
    downward_api: DownwardAPIProjection | None = field(name="downwardAPI", default=None)
    pod_certificate: PodCertificateProjection | None = None
    secret: SecretProjection | None = None
    service_account_token: ServiceAccountTokenProjection | None = None


class ProjectedVolumeSource(Record, frozen=True, kw_only=True):
    """Several sources in one directory."""

    default_mode: Int32 | None = None
    sources: Annotated[list[VolumeProjection], Field(list_type="atomic")] = always_list()


class SecretVolumeSource(Record, frozen=True, kw_only=True):
    """Keys of a Secret as files."""

    default_mode: Int32 | None = None
    items: Annotated[list[KeyToPath], Field(list_type="atomic")] = []
    optional: bool | None = None
    secret_name: str = ""


class Volume(Record, frozen=True, kw_only=True):
    """A named directory the pod's containers can mount; exactly one source is set."""

    name: Annotated[str, Field(required=True)] = always("")
    aws_elastic_block_store: AWSElasticBlockStoreVolumeSource | None = None
    azure_disk: AzureDiskVolumeSource | None = None
    azure_file: AzureFileVolumeSource | None = None
    cephfs: CephFSVolumeSource | None = None
    cinder: CinderVolumeSource | None = None
    config_map: ConfigMapVolumeSource | None = None
    csi: CSIVolumeSource | None = None
    downward_api: DownwardAPIVolumeSource | None = field(name="downwardAPI", default=None)
    empty_dir: EmptyDirVolumeSource | None = None
    ephemeral: EphemeralVolumeSource | None = None
    fc: FCVolumeSource | None = None
    flex_volume: FlexVolumeSource | None = None
    flocker: FlockerVolumeSource | None = None
    gce_persistent_disk: GCEPersistentDiskVolumeSource | None = None
    git_repo: GitRepoVolumeSource | None = None
    glusterfs: GlusterfsVolumeSource | None = None
    host_path: HostPathVolumeSource | None = None
    image: ImageVolumeSource | None = None
    iscsi: ISCSIVolumeSource | None = None
    nfs: NFSVolumeSource | None = None
    persistent_volume_claim: PersistentVolumeClaimVolumeSource | None = None
    photon_persistent_disk: PhotonPersistentDiskVolumeSource | None = None
    portworx_volume: PortworxVolumeSource | None = None
    projected: ProjectedVolumeSource | None = None
    quobyte: QuobyteVolumeSource | None = None
    rbd: RBDVolumeSource | None = None
    scale_io: ScaleIOVolumeSource | None = field(name="scaleIO", default=None)
    secret: SecretVolumeSource | None = None
    storageos: StorageOSVolumeSource | None = None
    vsphere_volume: VsphereVirtualDiskVolumeSource | None = None
