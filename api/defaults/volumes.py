"""Defaults of volumes and of references to files and fields."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from api.defaults.fill import fill, within
from api.types import (
    AzureDiskVolumeSource,
    ConfigMapVolumeSource,
    DownwardAPIProjection,
    DownwardAPIVolumeFile,
    DownwardAPIVolumeSource,
    EmptyDirVolumeSource,
    EphemeralVolumeSource,
    HostPathVolumeSource,
    ImageVolumeSource,
    ISCSIVolumeSource,
    ObjectFieldSelector,
    PersistentVolumeClaimSpec,
    PersistentVolumeClaimTemplate,
    ProjectedVolumeSource,
    RBDVolumeSource,
    ScaleIOVolumeSource,
    SecretVolumeSource,
    ServiceAccountTokenProjection,
    Volume,
    VolumeProjection,
)

FILE_MODE = 0o644
_SOURCES = tuple(field.name for field in msgspec.structs.fields(Volume) if field.name != "name")


def volume(volume: Volume) -> Volume:
    """A volume without any source is an emptyDir."""
    if all(getattr(volume, source) is None for source in _SOURCES):
        return replace(volume, empty_dir=EmptyDirVolumeSource())
    return within(
        volume,
        secret=_with_mode,
        config_map=_with_mode,
        downward_api=_downward,
        projected=_projected,
        host_path=host_path,
        ephemeral=_ephemeral,
        image=_image,
        iscsi=_iscsi,
        rbd=_rbd,
        azure_disk=_azure_disk,
        scale_io=_scale_io,
    )


def field_reference(selector: ObjectFieldSelector) -> ObjectFieldSelector:
    return fill(selector, api_version="v1")


def pull_policy(image: str) -> str:
    """Always for `latest`, named or implied; otherwise an image that is here is good enough."""
    reference, _, digest = image.partition("@")
    _, colon, tag = reference.rpartition("/")[2].partition(":")
    if not image or digest:
        return "IfNotPresent"
    return "Always" if not colon or tag == "latest" else "IfNotPresent"


def _with_mode(source: SecretVolumeSource | ConfigMapVolumeSource) -> SecretVolumeSource | ConfigMapVolumeSource:
    return fill(source, default_mode=FILE_MODE)


def _downward(source: DownwardAPIVolumeSource) -> DownwardAPIVolumeSource:
    return fill(within(source, items=_downward_file), default_mode=FILE_MODE)


def _downward_file(file: DownwardAPIVolumeFile) -> DownwardAPIVolumeFile:
    return within(file, field_ref=field_reference)


def _projected(source: ProjectedVolumeSource) -> ProjectedVolumeSource:
    return fill(within(source, sources=_projection), default_mode=FILE_MODE)


def _projection(projection: VolumeProjection) -> VolumeProjection:
    return within(projection, downward_api=_downward_projection, service_account_token=_token)


def _downward_projection(projection: DownwardAPIProjection) -> DownwardAPIProjection:
    return within(projection, items=_downward_file)


def _token(projection: ServiceAccountTokenProjection) -> ServiceAccountTokenProjection:
    return fill(projection, expiration_seconds=3600)


def host_path(source: HostPathVolumeSource) -> HostPathVolumeSource:
    return fill(source, type="")


def _image(source: ImageVolumeSource) -> ImageVolumeSource:
    return fill(source, pull_policy=pull_policy(source.reference))


def _ephemeral(source: EphemeralVolumeSource) -> EphemeralVolumeSource:
    return within(source, volume_claim_template=_claim_template)


def _claim_template(template: PersistentVolumeClaimTemplate) -> PersistentVolumeClaimTemplate:
    return within(template, spec=claim_spec)


def claim_spec(claim: PersistentVolumeClaimSpec) -> PersistentVolumeClaimSpec:
    return fill(claim, volume_mode="Filesystem")


def _iscsi(source: ISCSIVolumeSource) -> ISCSIVolumeSource:
    return fill(source, iscsi_interface="default")


def _rbd(source: RBDVolumeSource) -> RBDVolumeSource:
    return fill(source, pool="rbd", user="admin", keyring="/etc/ceph/keyring")


def _azure_disk(source: AzureDiskVolumeSource) -> AzureDiskVolumeSource:
    return fill(source, caching_mode="ReadWrite", kind="Shared", fs_type="ext4", read_only=False)


def _scale_io(source: ScaleIOVolumeSource) -> ScaleIOVolumeSource:
    return fill(source, storage_mode="ThinProvisioned", fs_type="xfs")
