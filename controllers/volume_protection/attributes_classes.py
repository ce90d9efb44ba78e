"""The vac-protection controller: a VolumeAttributesClass that is to go stays while a claim or volume names it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from api.errors import NotFound
from api.types import PersistentVolume, PersistentVolumeClaim, VolumeAttributesClass
from controllers.context import Context
from controllers.persistent_volume.names import ATTRIBUTES_CLASS_PROTECTION

NAME = "vac-protection"


class AttributesClassProtection:
    """reconcile(name): put the finalizer on what lives, take it off what nobody names any more."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._classes = context.mirror(VolumeAttributesClass)
        self._claims = context.mirror(PersistentVolumeClaim)
        self._volumes = context.mirror(PersistentVolume)
        self._queue = context.controller(NAME, self.reconcile, workers=1)
        self._classes.add_handler(self._class_changed)
        self._claims.add_handler(self._claim_changed)
        self._volumes.add_handler(self._volume_changed)

    async def reconcile(self, name: str) -> None:
        attributes = self._classes.get("", name)
        if attributes is None:
            return
        finalizers = attributes.metadata.finalizers
        if attributes.metadata.deletion_timestamp is None:
            wanted = (
                finalizers if ATTRIBUTES_CLASS_PROTECTION in finalizers else [*finalizers, ATTRIBUTES_CLASS_PROTECTION]
            )
        elif await self._is_named(name):
            wanted = finalizers
        else:
            wanted = [each for each in finalizers if each != ATTRIBUTES_CLASS_PROTECTION]
        if wanted == finalizers:
            return
        try:
            await self._classes.update(replace(attributes, metadata=replace(attributes.metadata, finalizers=wanted)))
        except NotFound:
            return

    async def _is_named(self, name: str) -> bool:
        if _names(name, self._claims.items(), self._volumes.items()):
            return True
        # Our copies may lag behind the class's deletion: what they do not show the API server may know.
        claims = await self._client.list(PersistentVolumeClaim)
        volumes = await self._client.list(PersistentVolume)
        return _names(name, claims.items, volumes.items)

    def _class_changed(self, old: VolumeAttributesClass | None, new: VolumeAttributesClass | None) -> None:
        if new is None:
            return
        if new.metadata.deletion_timestamp is not None or ATTRIBUTES_CLASS_PROTECTION not in new.metadata.finalizers:
            self._queue.add(new.metadata.name)

    def _claim_changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        if old is not None:
            for name in _classes_of_claim(old):
                self._queue.add(name)

    def _volume_changed(self, old: PersistentVolume | None, new: PersistentVolume | None) -> None:
        if old is not None and old.spec.volume_attributes_class_name:
            self._queue.add(old.spec.volume_attributes_class_name)


def _names(name: str, claims: Iterable[PersistentVolumeClaim], volumes: Iterable[PersistentVolume]) -> bool:
    return any(name in _classes_of_claim(claim) for claim in claims) or any(
        volume.spec.volume_attributes_class_name == name for volume in volumes
    )


def _classes_of_claim(claim: PersistentVolumeClaim) -> Iterator[str]:
    """What a claim asks for and what it has."""
    for name in (claim.spec.volume_attributes_class_name, claim.status.current_volume_attributes_class_name):
        if name:
            yield name
