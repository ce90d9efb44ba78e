"""The storage a cluster starts with: the CSI driver of the nodes' own disks, and its classes, the default ones."""

from __future__ import annotations

from typing import Any, Final

from podling.launcher.rest import Admin

_GROUP: Final = "storage.k8s.io/v1"
_SNAPSHOTS: Final = "snapshot.storage.k8s.io/v1"
DRIVER: Final = "local.csi.podling"
CLASS: Final = "standard"

CSI_DRIVER: Final[dict[str, Any]] = {
    "apiVersion": _GROUP,
    "kind": "CSIDriver",
    "metadata": {"name": DRIVER},
    "spec": {"attachRequired": False, "podInfoOnMount": False, "fsGroupPolicy": "ReadWriteOnceWithFSType"},
}
STORAGE_CLASS: Final[dict[str, Any]] = {
    "apiVersion": _GROUP,
    "kind": "StorageClass",
    "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": DRIVER,
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "WaitForFirstConsumer",
    "allowVolumeExpansion": True,
}
SNAPSHOT_CLASS: Final[dict[str, Any]] = {
    "apiVersion": _SNAPSHOTS,
    "kind": "VolumeSnapshotClass",
    "metadata": {"name": CLASS, "annotations": {"snapshot.storage.kubernetes.io/is-default-class": "true"}},
    "driver": DRIVER,
    "deletionPolicy": "Delete",
}
_OBJECTS: Final = {
    "csidrivers": CSI_DRIVER,
    "storageclasses": STORAGE_CLASS,
    "volumesnapshotclasses": SNAPSHOT_CLASS,
}


def ensure_storage(admin: Admin) -> None:
    """Make the driver's object and the classes unless they are there. Raises RuntimeError when one is refused."""
    for plural, wanted in _OBJECTS.items():
        code, answer = admin.post(f"/apis/{wanted['apiVersion']}/{plural}", wanted)
        if code not in (200, 201, 409):
            name = f"{wanted['kind']} {wanted['metadata']['name']}"
            raise RuntimeError(f"the {name} was refused: {answer.get('message', code)}")
