"""Defaults of persistent volumes, claims, storage classes and CSI drivers (upstream core and storage defaults.go)."""

from __future__ import annotations

from msgspec.structs import replace

from api.defaults.fill import fill, within
from api.defaults.volumes import claim_spec, host_path
from api.types import (
    AzureDiskVolumeSource,
    CSIDriver,
    CSIDriverSpec,
    ISCSIPersistentVolumeSource,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimStatus,
    PersistentVolumeSpec,
    PersistentVolumeStatus,
    RBDPersistentVolumeSource,
    ScaleIOPersistentVolumeSource,
    StorageClass,
)

PENDING = "Pending"


def persistent_volume(volume: PersistentVolume) -> PersistentVolume:
    return within(volume, spec=_volume_spec, status=_volume_status)


def persistent_volume_claim(claim: PersistentVolumeClaim) -> PersistentVolumeClaim:
    return within(claim, spec=claim_spec, status=_claim_status)


def storage_class(storage_class: StorageClass) -> StorageClass:
    return fill(storage_class, reclaim_policy="Delete", volume_binding_mode="Immediate")


def csi_driver(driver: CSIDriver) -> CSIDriver:
    return within(driver, spec=_driver_spec)


def _volume_spec(spec: PersistentVolumeSpec) -> PersistentVolumeSpec:
    spec = within(
        spec,
        host_path=host_path,
        iscsi=_iscsi,
        rbd=_rbd,
        azure_disk=_azure_disk,
        scale_io=_scale_io,
    )
    return fill(spec, persistent_volume_reclaim_policy="Retain", volume_mode="Filesystem")


def _volume_status(status: PersistentVolumeStatus) -> PersistentVolumeStatus:
    return fill(status, phase=PENDING)


def _claim_status(status: PersistentVolumeClaimStatus) -> PersistentVolumeClaimStatus:
    return fill(status, phase=PENDING)


def _driver_spec(spec: CSIDriverSpec) -> CSIDriverSpec:
    if not spec.volume_lifecycle_modes:
        spec = replace(spec, volume_lifecycle_modes=["Persistent"])
    return fill(
        spec,
        attach_required=True,
        pod_info_on_mount=False,
        storage_capacity=False,
        fs_group_policy="ReadWriteOnceWithFSType",
        requires_republish=False,
        se_linux_mount=False,
    )


def _iscsi(source: ISCSIPersistentVolumeSource) -> ISCSIPersistentVolumeSource:
    return fill(source, iscsi_interface="default")


def _rbd(source: RBDPersistentVolumeSource) -> RBDPersistentVolumeSource:
    return fill(source, pool="rbd", user="admin", keyring="/etc/ceph/keyring")


def _azure_disk(source: AzureDiskVolumeSource) -> AzureDiskVolumeSource:
    return fill(source, caching_mode="ReadWrite", kind="Shared", fs_type="ext4", read_only=False)


def _scale_io(source: ScaleIOPersistentVolumeSource) -> ScaleIOPersistentVolumeSource:
    return fill(source, storage_mode="ThinProvisioned", fs_type="xfs")
