"""What storage objects get and must satisfy on their way in.

Upstream's plugins StorageObjectInUseProtection, DefaultStorageClass and PersistentVolumeClaimResize.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from api import errors, quantity
from api.scheme import Resource
from api.storage_classes import default_class
from api.types import PersistentVolumeClaim
from apiserver.admission.chain import CREATE, UPDATE, Plugin, Request
from apiserver.storage.reader import Reader

PROTECTION: Final = {
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
    "persistentvolumes": "kubernetes.io/pv-protection",
    "volumeattributesclasses.storage.k8s.io": "kubernetes.io/vac-protection",
}
# How claims named their class before there was a field.
OLD_CLASS: Final = "volume.beta.kubernetes.io/storage-class"
_CLAIMS: Final = "persistentvolumeclaims"


class StorageObjectInUseProtection(Plugin):
    """New volumes and claims carry a finalizer that the protection controllers take off once nobody uses them."""

    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        return operation == CREATE and resource.group_resource in PROTECTION and not subresource

    async def create(self, request: Request) -> Any:
        metadata = request.new.metadata
        finalizer = PROTECTION[request.resource.group_resource]
        if finalizer in metadata.finalizers:
            return request.new
        return replace(request.new, metadata=replace(metadata, finalizers=[*metadata.finalizers, finalizer]))


class DefaultStorageClass(Plugin):
    """A claim that names no class, not even the empty one, gets the default class: the newest of several."""

    def __init__(self, classes: Reader) -> None:
        self._classes = classes

    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        return operation == CREATE and resource.group_resource == _CLAIMS and not subresource

    async def create(self, request: Request) -> PersistentVolumeClaim:
        claim: PersistentVolumeClaim = request.new
        if claim.spec.storage_class_name is not None or OLD_CLASS in claim.metadata.annotations:
            return claim
        # A class made a moment ago counts.
        await self._classes.fresh(None)
        chosen = default_class(stored.record for stored in self._classes.cache.items())
        if chosen is None:
            return claim
        return replace(claim, spec=replace(claim.spec, storage_class_name=chosen.metadata.name))


class PersistentVolumeClaimResize(Plugin):
    """A claim may grow only when its class says so."""

    def __init__(self, classes: Reader) -> None:
        self._classes = classes

    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        return operation == UPDATE and resource.group_resource == _CLAIMS and not subresource

    def update(self, request: Request) -> PersistentVolumeClaim:
        new: PersistentVolumeClaim = request.new
        old: PersistentVolumeClaim = request.old
        if _wanted(new) <= _wanted(old):
            return new
        if old.status.phase != "Bound":
            raise _forbidden(request, "Only bound persistent volume claims can be expanded")
        name = old.metadata.annotations.get(OLD_CLASS) or old.spec.storage_class_name or ""
        found = self._classes.cache.get("", name)
        if found is None or not found.record.allow_volume_expansion:
            message = (
                "only dynamically provisioned pvc can be resized and "
                "the storageclass that provisions the pvc must support resize"
            )
            raise _forbidden(request, message)
        return new


def _wanted(claim: PersistentVolumeClaim) -> Any:
    return quantity.parse(claim.spec.resources.requests.get("storage", "0"))


def _forbidden(request: Request, message: str) -> errors.Forbidden:
    return errors.Forbidden(request.resource.group_resource, request.name, message)
