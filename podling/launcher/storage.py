"""The storage a cluster starts with: the CSI driver of the nodes' own disks, and its class, which is the default."""

from __future__ import annotations

from typing import Any, Final

from podling.launcher.rest import Admin

_GROUP: Final = "storage.k8s.io/v1"
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


def ensure_storage(admin: Admin) -> None:
    """Make the driver's object and the class unless they are there. Raises RuntimeError when one is refused."""
    for plural, wanted in (("csidrivers", CSI_DRIVER), ("storageclasses", STORAGE_CLASS)):
        code, answer = admin.post(f"/apis/{_GROUP}/{plural}", wanted)
        if code not in (200, 201, 409):
            name = f"{wanted['kind']} {wanted['metadata']['name']}"
            raise RuntimeError(f"the {name} was refused: {answer.get('message', code)}")
