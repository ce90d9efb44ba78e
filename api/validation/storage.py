"""Volume sources of outside storage systems: the fields each cannot do without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api import names
from api.errors import FieldError
from api.types import (
    AWSElasticBlockStoreVolumeSource,
    CSIVolumeSource,
    FCVolumeSource,
    FlexVolumeSource,
    FlockerVolumeSource,
    GCEPersistentDiskVolumeSource,
    GitRepoVolumeSource,
    ISCSIVolumeSource,
    NFSVolumeSource,
    Record,
    fields,
)
from api.validation.checks import Errors, descending_path, in_range, required, well_formed

_REQUIRED = {
    "awsElasticBlockStore": ("volumeID",),
    "azureDisk": ("diskName", "diskURI"),
    "azureFile": ("secretName", "shareName"),
    "cephfs": ("monitors",),
    "cinder": ("volumeID",),
    "csi": ("driver",),
    "flexVolume": ("driver",),
    "gcePersistentDisk": ("pdName",),
    "gitRepo": ("repository",),
    "glusterfs": ("endpoints", "path"),
    "iscsi": ("targetPortal", "iqn"),
    "nfs": ("server", "path"),
    "photonPersistentDisk": ("pdID",),
    "portworxVolume": ("volumeID",),
    "quobyte": ("registry", "volume"),
    "rbd": ("monitors", "image"),
    "scaleIO": ("gateway", "system", "volumeName"),
    "vsphereVolume": ("volumePath",),
}


def source(json_name: str, source: Record, path: str) -> Errors:
    """`json_name` is the volume's field that holds the source."""
    known = fields(type(source))
    for field in _REQUIRED.get(json_name, ()):
        yield from required(getattr(source, known[field].python_name), f"{path}.{field}")
    peculiar = _PECULIAR.get(json_name)
    if peculiar is not None:
        yield from peculiar(source, path)


def _nfs(source: NFSVolumeSource, path: str) -> Errors:
    if not source.path.startswith("/"):
        yield FieldError.invalid(f"{path}.path", source.path, "must be an absolute path")


def _git(source: GitRepoVolumeSource, path: str) -> Errors:
    yield from descending_path(source.directory, f"{path}.directory")


def _partition(source: GCEPersistentDiskVolumeSource | AWSElasticBlockStoreVolumeSource, path: str) -> Errors:
    yield from in_range(source.partition, f"{path}.partition", 0, 255)


def _iscsi(source: ISCSIVolumeSource, path: str) -> Errors:
    yield from in_range(source.lun, f"{path}.lun", 0, 255)
    if source.iqn and not source.iqn.startswith(("iqn", "eui", "naa")):
        yield FieldError.invalid(f"{path}.iqn", source.iqn, "must be valid format starting with iqn, eui, or naa")


def _flocker(source: FlockerVolumeSource, path: str) -> Errors:
    if not source.dataset_name and not source.dataset_uuid:
        yield FieldError.required(path, "one of datasetName and datasetUUID is required")


def _flex(source: FlexVolumeSource, path: str) -> Errors:
    for key in source.options:
        if f".{key.partition('/')[0].lower()}".endswith((".kubernetes.io", ".k8s.io")):
            detail = "kubernetes.io and k8s.io namespaces are reserved"
            yield FieldError.invalid(f"{path}.options[{key}]", key, detail)


def _fibre_channel(source: FCVolumeSource, path: str) -> Errors:
    if not source.target_wwns and not source.wwids:
        yield FieldError.required(f"{path}.targetWWNs", "must specify either targetWWNs or wwids, but not both")
    if source.target_wwns and source.wwids:
        detail = "targetWWNs and wwids can not be specified simultaneously"
        yield FieldError.invalid(f"{path}.targetWWNs", source.target_wwns, detail)
    if source.target_wwns and source.lun is None:
        yield FieldError.required(f"{path}.lun", "lun is required if targetWWNs is specified")
    elif source.target_wwns:
        yield from in_range(source.lun, f"{path}.lun", 0, 255)


def _csi(source: CSIVolumeSource, path: str) -> Errors:
    if source.driver:
        if len(source.driver) > 63:
            yield FieldError.too_long(f"{path}.driver", 63)
        yield from well_formed(source.driver.lower(), f"{path}.driver", names.dns1123_subdomain)
    reference = source.node_publish_secret_ref
    if reference is not None:
        yield from required(reference.name, f"{path}.nodePublishSecretRef.name")


_PECULIAR: dict[str, Callable[[Any, str], Errors]] = {
    "awsElasticBlockStore": _partition,
    "csi": _csi,
    "fc": _fibre_channel,
    "flexVolume": _flex,
    "flocker": _flocker,
    "gcePersistentDisk": _partition,
    "gitRepo": _git,
    "iscsi": _iscsi,
    "nfs": _nfs,
}
