"""The persistent-volume binder: carries out what `plan` decides about claims and volumes."""

from __future__ import annotations

from msgspec.structs import replace

from api.errors import NotFound
from api.storage_classes import default_class
from api.types import ObjectReference, PersistentVolume, PersistentVolumeClaim, StorageClass
from cluster.informer import ObjectKey
from controllers.context import Context
from controllers.mirror import key_of
from controllers.persistent_volume import names
from controllers.persistent_volume.matching import claim_class, is_bound_to
from controllers.persistent_volume.plan import (
    Action,
    Bind,
    Look,
    Provision,
    Said,
    SetClaimPhase,
    SetVolumePhase,
    Unbind,
    plan_claim,
    plan_reclaim,
    plan_volume,
)

NAME = "persistentvolume-binder"
_LATER_SECONDS = 0.05


class PersistentVolumeBinder:
    """Two queues: claims by (namespace, name), volumes by name. Conflicts are tried again on newer knowledge."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._recorder = context.recorder("persistentvolume-controller")
        self._claims = context.mirror(PersistentVolumeClaim)
        self._volumes = context.mirror(PersistentVolume)
        self._classes = context.mirror(StorageClass)
        self._claim_queue = context.controller(f"{NAME}-claims", self.reconcile_claim, workers=4)
        self._volume_queue = context.controller(f"{NAME}-volumes", self.reconcile_volume, workers=4)
        self._claims.add_handler(self._claim_changed)
        self._volumes.add_handler(self._volume_changed)
        self._classes.add_handler(self._class_changed)

    async def reconcile_claim(self, key: ObjectKey) -> None:
        claim = self._claims.get(*key)
        if claim is None:
            return
        claim = await self._with_class(claim)
        storage_class = self._classes.get("", claim_class(claim))
        actions = plan_claim(claim, self._volumes.items, lambda name: self._volumes.get("", name), storage_class)
        for action in actions:
            await self._do_for_claim(claim, action)

    async def _with_class(self, claim: PersistentVolumeClaim) -> PersistentVolumeClaim:
        """A claim from before there was a default class gets it now (upstream: retroactive default class)."""
        if claim.spec.volume_name or claim.spec.storage_class_name is not None:
            return claim
        if names.OLD_CLASS in claim.metadata.annotations or claim.metadata.deletion_timestamp is not None:
            return claim
        chosen = default_class(self._classes.items())
        if chosen is None:
            return claim
        return await self._claims.update(
            replace(claim, spec=replace(claim.spec, storage_class_name=chosen.metadata.name))
        )

    async def _do_for_claim(self, claim: PersistentVolumeClaim, action: Action) -> None:
        match action:
            case Bind():
                await self._bind(action.volume, action.claim)
            case Provision():
                await self._mark(claim, action.provisioner)
            case SetClaimPhase():
                await self._set_claim_phase(key_of(claim), action.phase)
            case Said():
                if claim.status.phase != "Lost" or action.reason not in ("ClaimLost", "ClaimMisbound"):
                    self._recorder.record(claim, action.type, action.reason, action.message)

    async def _bind(self, volume: PersistentVolume, claim: PersistentVolumeClaim) -> None:
        """Volume first: a claim never names a volume that could still go to another."""
        volume = await self._bind_volume(volume, claim)
        volume = await self._set_volume_phase(volume, "Bound")
        bound = claim.spec.volume_name == volume.metadata.name
        marks = {names.BIND_COMPLETED: "yes"}
        if not claim.spec.volume_name:
            marks[names.BOUND_BY_CONTROLLER] = "yes"
        if not bound or names.BIND_COMPLETED not in claim.metadata.annotations:
            metadata = replace(claim.metadata, annotations={**claim.metadata.annotations, **marks})
            spec = replace(claim.spec, volume_name=volume.metadata.name)
            claim = await self._claims.update(replace(claim, metadata=metadata, spec=spec))
        await self._tell_claim(claim, volume)

    async def _bind_volume(self, volume: PersistentVolume, claim: PersistentVolumeClaim) -> PersistentVolume:
        reference = volume.spec.claim_ref
        if reference is not None and reference.uid == claim.metadata.uid:
            return volume
        marks = dict(volume.metadata.annotations)
        if reference is None:
            marks[names.BOUND_BY_CONTROLLER] = "yes"
        given = ObjectReference(
            api_version="v1",
            kind="PersistentVolumeClaim",
            namespace=claim.metadata.namespace,
            name=claim.metadata.name,
            uid=claim.metadata.uid,
            resource_version=claim.metadata.resource_version,
        )
        return await self._volumes.update(
            replace(
                volume,
                metadata=replace(volume.metadata, annotations=marks),
                spec=replace(volume.spec, claim_ref=given),
            )
        )

    async def _tell_claim(self, claim: PersistentVolumeClaim, volume: PersistentVolume) -> None:
        """Phase, access modes and, at first, capacity: what is grown later says so itself."""
        status = claim.status
        wanted = replace(status, phase="Bound", access_modes=list(volume.spec.access_modes))
        if status.phase != "Bound" or not status.capacity:
            wanted = replace(wanted, capacity=dict(volume.spec.capacity))
        attributes = volume.spec.volume_attributes_class_name
        if attributes and status.phase != "Bound":
            wanted = replace(wanted, current_volume_attributes_class_name=attributes)
        if wanted != status:
            await self._claims.update(replace(claim, status=wanted), subresource="status")

    async def _mark(self, claim: PersistentVolumeClaim, provisioner: str) -> None:
        marks = {names.STORAGE_PROVISIONER: provisioner, names.OLD_STORAGE_PROVISIONER: provisioner}
        if any(claim.metadata.annotations.get(name) != value for name, value in marks.items()):
            metadata = replace(claim.metadata, annotations={**claim.metadata.annotations, **marks})
            await self._claims.update(replace(claim, metadata=metadata))

    async def _set_claim_phase(self, key: ObjectKey, phase: str) -> None:
        claim = self._claims.get(*key)
        if claim is not None and claim.status.phase != phase:
            status = replace(claim.status, phase=phase)
            await self._claims.update(replace(claim, status=status), subresource="status")

    async def reconcile_volume(self, name: str) -> None:
        volume = self._volumes.get("", name)
        if volume is None:
            return
        reference = volume.spec.claim_ref
        claim = None
        if reference is not None:
            claim = await self._claim_of(volume, reference)
        for action in plan_volume(volume, claim):
            volume = await self._do_for_volume(volume, action)
        if volume.status.phase == "Released":
            for action in plan_reclaim(volume):
                volume = await self._do_for_volume(volume, action)

    async def _claim_of(self, volume: PersistentVolume, reference: ObjectReference) -> PersistentVolumeClaim | None:
        """The claim a volume names. Its absence is only believed of the API server itself: data depend on it."""
        claim = self._claims.get(reference.namespace, reference.name)
        if not reference.uid or (claim is not None and claim.metadata.uid == reference.uid):
            return claim
        if volume.status.phase in ("Released", "Failed"):
            return claim
        try:
            return await self._client.get(PersistentVolumeClaim, reference.name, reference.namespace)
        except NotFound:
            return None

    async def _do_for_volume(self, volume: PersistentVolume, action: Action) -> PersistentVolume:
        match action:
            case SetVolumePhase():
                return await self._set_volume_phase(volume, action.phase, action.message)
            case Unbind():
                return await self._unbind(volume, whole=action.whole)
            case Look():
                if volume.spec.claim_ref is not None:
                    self._claim_queue.add((volume.spec.claim_ref.namespace, volume.spec.claim_ref.name))
            case Said():
                self._recorder.record(volume, action.type, action.reason, action.message)
        return volume

    async def _unbind(self, volume: PersistentVolume, *, whole: bool) -> PersistentVolume:
        reference = volume.spec.claim_ref
        if reference is None:
            return volume
        kept = None if whole else replace(reference, uid="", resource_version="")
        marks = {
            name: value for name, value in volume.metadata.annotations.items() if name != names.BOUND_BY_CONTROLLER
        }
        metadata = replace(volume.metadata, annotations=marks)
        volume = await self._volumes.update(
            replace(volume, metadata=metadata, spec=replace(volume.spec, claim_ref=kept))
        )
        return await self._set_volume_phase(volume, "Available")

    async def _set_volume_phase(self, volume: PersistentVolume, phase: str, message: str = "") -> PersistentVolume:
        if volume.status.phase == phase:
            return volume  # what else others wrote into the status stays
        status = replace(volume.status, phase=phase, message=message)
        try:
            return await self._volumes.update(replace(volume, status=status), subresource="status")
        except NotFound:
            return volume

    def _claim_changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        known = new or old
        if known is None:
            return
        if new is not None:
            self._claim_queue.add(key_of(new))
        if known.spec.volume_name:
            self._volume_queue.add(known.spec.volume_name)
        elif new is None:
            for volume in self._volumes.items():
                if is_bound_to(volume, known):
                    self._volume_queue.add(volume.metadata.name)

    def _volume_changed(self, old: PersistentVolume | None, new: PersistentVolume | None) -> None:
        if new is not None:
            self._volume_queue.add(new.metadata.name)
        for volume in (old, new):
            reference = volume.spec.claim_ref if volume is not None else None
            if reference is not None:
                self._claim_queue.add((reference.namespace, reference.name))
        if new is not None and new.spec.claim_ref is None and new.status.phase == "Available":
            self._look_at_waiting()

    def _class_changed(self, old: StorageClass | None, new: StorageClass | None) -> None:
        if new is not None:
            self._look_at_waiting()

    def _look_at_waiting(self) -> None:
        """A new volume or class may be what claims wait for; a burst of them is looked at once."""
        for claim in self._claims.items():
            if names.BIND_COMPLETED not in claim.metadata.annotations:
                self._claim_queue.add_after(key_of(claim), _LATER_SECONDS)
