"""The pv-protection controller: a volume that is to go stays while it is bound (upstream: pvprotection)."""

from __future__ import annotations

from msgspec.structs import replace

from api.errors import NotFound
from api.types import PersistentVolume
from controllers.context import Context
from controllers.persistent_volume.names import VOLUME_PROTECTION

NAME = "pv-protection"


class VolumeProtection:
    """reconcile(name): put the finalizer on what lives, take it off what is bound no more."""

    def __init__(self, context: Context) -> None:
        self._volumes = context.mirror(PersistentVolume)
        self._queue = context.controller(NAME, self.reconcile, workers=2)
        self._volumes.add_handler(self._volume_changed)

    async def reconcile(self, name: str) -> None:
        volume = self._volumes.get("", name)
        if volume is None:
            return
        finalizers = volume.metadata.finalizers
        protected = VOLUME_PROTECTION in finalizers
        if volume.metadata.deletion_timestamp is None:
            wanted = finalizers if protected else [*finalizers, VOLUME_PROTECTION]
        elif volume.status.phase == "Bound":
            wanted = finalizers
        else:
            wanted = [each for each in finalizers if each != VOLUME_PROTECTION]
        if wanted == finalizers:
            return
        try:
            await self._volumes.update(replace(volume, metadata=replace(volume.metadata, finalizers=wanted)))
        except NotFound:
            return

    def _volume_changed(self, old: PersistentVolume | None, new: PersistentVolume | None) -> None:
        if new is None:
            return
        if new.metadata.deletion_timestamp is not None or VOLUME_PROTECTION not in new.metadata.finalizers:
            self._queue.add(new.metadata.name)
