"""The snapshot controller: binds snapshots to contents, tells in them what contents say, protects what is used."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from api import timestamps
from api.errors import AlreadyExists, NotFound
from api.types import (
    PersistentVolume,
    PersistentVolumeClaim,
    VolumeSnapshot,
    VolumeSnapshotClass,
    VolumeSnapshotContent,
    VolumeSnapshotError,
    VolumeSnapshotStatus,
)
from cluster.events import NORMAL, WARNING
from cluster.informer import ObjectKey
from controllers.context import Context
from controllers.mirror import key_of
from controllers.snapshots import names
from controllers.snapshots.plan import (
    DeleteContent,
    Fail,
    Finalize,
    FinalizeClaim,
    MakeContent,
    Step,
    UseClass,
    View,
    Wait,
    WriteContent,
    WriteStatus,
    content_name,
    is_bound,
    next_step,
)

NAME = "snapshot-controller"
# One after the other from a new snapshot to one that waits for its driver, and some more.
_MOST_STEPS = 10


class SnapshotController:
    """reconcile(snapshot), reconcile_content(content's name)."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._recorder = context.recorder(NAME)
        self._snapshots = context.mirror(VolumeSnapshot)
        self._contents = context.mirror(VolumeSnapshotContent)
        self._classes = context.mirror(VolumeSnapshotClass)
        self._claims = context.mirror(PersistentVolumeClaim)
        self._volumes = context.mirror(PersistentVolume)
        self._queue = context.controller(NAME, self.reconcile, workers=4)
        self._content_queue = context.controller(f"{NAME}-contents", self.reconcile_content, workers=2)
        self._snapshots.add_handler(self._snapshot_changed)
        self._contents.add_handler(self._content_changed)
        self._classes.add_handler(self._class_changed)
        self._claims.add_handler(self._claim_changed)
        self._volumes.add_handler(self._volume_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        for _ in range(_MOST_STEPS):
            view = self._view(key)
            step = None if view is None else next_step(view)
            if view is None or step is None:
                return
            try:
                if not await self._carry_out(view, step):
                    return
            except NotFound:
                return  # gone meanwhile, which is heard of
        self._queue.add(key)

    def _view(self, key: ObjectKey) -> View | None:
        snapshot = self._snapshots.get(*key)
        if snapshot is None:
            return None
        claim_name = snapshot.spec.source.persistent_volume_claim_name
        claim = None if claim_name is None else self._claims.get(key[0], claim_name)
        volume = None if claim is None else self._volumes.get("", claim.spec.volume_name)
        name = content_name(snapshot)
        if is_bound(snapshot) and snapshot.status is not None:
            name = snapshot.status.bound_volume_snapshot_content_name or name
        return View(
            snapshot,
            claim,
            volume,
            self._contents.get("", name),
            self._classes.items(),
            is_source=any(
                claim.status.phase == "Pending" and restores_from(claim, snapshot)
                for claim in self._claims.by_index("namespace", key[0])
            ),
            is_claim_needed=claim is not None and self._is_needed(claim, snapshot),
        )

    def _is_needed(self, claim: PersistentVolumeClaim, but_for: VolumeSnapshot) -> bool:
        return any(
            other.metadata.uid != but_for.metadata.uid
            and other.spec.source.persistent_volume_claim_name == claim.metadata.name
            and other.metadata.deletion_timestamp is None
            and not (other.status and other.status.ready_to_use)
            for other in self._snapshots.by_index("namespace", claim.metadata.namespace)
        )

    async def _carry_out(self, view: View, step: Step) -> bool:
        """Whether there may be more to do at once."""
        snapshot = view.snapshot
        match step:
            case Finalize(finalizers):
                await self._snapshots.update(_finalized(snapshot, finalizers))
            case UseClass(name):
                spec = replace(snapshot.spec, volume_snapshot_class_name=name)
                await self._snapshots.update(replace(snapshot, spec=spec))
            case FinalizeClaim(finalizers) if view.claim is not None:
                await self._claims.update(_finalized(view.claim, finalizers))
            case MakeContent(content):
                await self._make(snapshot, content)
            case WriteContent(content):
                await self._contents.update(content)
            case DeleteContent() if view.content is not None:
                await self._contents.terminate(view.content)
            case WriteStatus(status, told):
                await self._snapshots.update(replace(snapshot, status=status), subresource="status")
                for reason, message in told:
                    self._recorder.record(snapshot, NORMAL, reason, message)
            case Fail(reason, message):
                await self._fail(snapshot, reason, message)
                return False
            case Wait(reason, message):
                self._recorder.record(snapshot, WARNING, reason, message)
                return False
        return True

    async def _make(self, snapshot: VolumeSnapshot, content: VolumeSnapshotContent) -> None:
        try:
            await self._contents.create(content)
        except AlreadyExists:
            self._queue.add_rate_limited(key_of(snapshot))  # until it is seen
            return
        who = f"{snapshot.metadata.namespace}/{snapshot.metadata.name}"
        text = f"Waiting for a snapshot {who} to be created by the CSI driver."
        self._recorder.record(snapshot, NORMAL, "CreatingSnapshot", text)

    async def _fail(self, snapshot: VolumeSnapshot, reason: str, message: str) -> None:
        """Once for each new message."""
        before = snapshot.status or VolumeSnapshotStatus()
        if before.error is not None and before.error.message == message and before.ready_to_use is False:
            return
        error = VolumeSnapshotError(time=timestamps.now_text(self._context.now()), message=message)
        status = replace(before, ready_to_use=False, error=error)
        await self._snapshots.update(replace(snapshot, status=status), subresource="status")
        self._recorder.record(snapshot, WARNING, reason, message)

    async def reconcile_content(self, name: str) -> None:
        """A content with a snapshot is protected."""
        content = self._contents.get("", name)
        if content is None or content.metadata.deletion_timestamp is not None:
            return
        finalizers = content.metadata.finalizers
        if content.spec.volume_snapshot_ref.uid and names.CONTENT_PROTECTION not in finalizers:
            await self._contents.update(_finalized(content, [*finalizers, names.CONTENT_PROTECTION]))

    def _snapshot_changed(self, old: VolumeSnapshot | None, new: VolumeSnapshot | None) -> None:
        known = new or old
        if known is None:
            return
        self._queue.add(key_of(known))
        if new is None:
            # It may have been the last that held its claim.
            self._look_at_others_of(known)

    def _look_at_others_of(self, gone: VolumeSnapshot) -> None:
        claim = gone.spec.source.persistent_volume_claim_name
        if claim is None:
            return
        for snapshot in self._snapshots.by_index("namespace", gone.metadata.namespace):
            if snapshot.spec.source.persistent_volume_claim_name == claim:
                self._queue.add(key_of(snapshot))

    def _content_changed(self, old: VolumeSnapshotContent | None, new: VolumeSnapshotContent | None) -> None:
        known = new or old
        if known is None:
            return
        if new is not None:
            self._content_queue.add(new.metadata.name)
        reference = known.spec.volume_snapshot_ref
        self._queue.add((reference.namespace, reference.name))
        if old is None:
            for snapshot in self._snapshots.items():
                if content_name(snapshot) == known.metadata.name:
                    self._queue.add(key_of(snapshot))

    def _class_changed(self, old: VolumeSnapshotClass | None, new: VolumeSnapshotClass | None) -> None:
        if new is None:
            return
        for snapshot in self._snapshots.items():
            if not is_bound(snapshot):
                self._queue.add(key_of(snapshot))

    def _claim_changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        known = new or old
        if known is None:
            return
        for snapshot in self._snapshots.by_index("namespace", known.metadata.namespace):
            is_of = snapshot.spec.source.persistent_volume_claim_name == known.metadata.name
            if is_of or restores_from(known, snapshot):
                self._queue.add(key_of(snapshot))

    def _volume_changed(self, old: PersistentVolume | None, new: PersistentVolume | None) -> None:
        reference = None if new is None else new.spec.claim_ref
        if reference is None:
            return
        for snapshot in self._snapshots.by_index("namespace", reference.namespace):
            is_of = snapshot.spec.source.persistent_volume_claim_name == reference.name
            if is_of and not is_bound(snapshot):
                self._queue.add(key_of(snapshot))


def restores_from(claim: PersistentVolumeClaim, snapshot: VolumeSnapshot) -> bool:
    """Whether a claim asks for a volume restored from a snapshot. Both are of one namespace."""
    source = claim.spec.data_source
    return source is not None and (source.kind, source.name) == (snapshot.kind, snapshot.metadata.name)


def _finalized(object: Any, finalizers: list[str]) -> Any:
    return replace(object, metadata=replace(object.metadata, finalizers=finalizers))
