"""The snapshotter: has the nodes' drivers take and delete snapshots (upstream: the sidecar csi-snapshotter).

Calls may be repeated: a snapshot is named after its VolumeSnapshot, so that whoever starts anew finds what was begun.
"""

from __future__ import annotations

from msgspec.structs import replace

from api import timestamps
from api.errors import NotFound
from api.types import Node, PersistentVolume, VolumeSnapshotClass, VolumeSnapshotContent, VolumeSnapshotContentStatus
from cluster.connection import Connection
from cluster.events import WARNING
from cluster.pb import csi_pb2 as pb
from controllers.context import Context
from controllers.local_storage import DRIVER
from controllers.local_storage.drivers import DriverFailure, NodeDrivers
from controllers.local_storage.snapshots import Task, failed, handle, node_of_content, status_of, task
from controllers.local_storage.volumes import is_ours
from controllers.snapshots import names

NAME = "local-snapshotter"
_OWN_PREFIX = "csi.storage.k8s.io/"


class LocalSnapshotter:
    """identity: what this process calls kubelets with."""

    def __init__(self, context: Context, identity: Connection) -> None:
        self._context = context
        self._recorder = context.recorder(f"csi-snapshotter {DRIVER}")
        self._contents = context.mirror(VolumeSnapshotContent)
        self._classes = context.mirror(VolumeSnapshotClass)
        self._volumes = context.mirror(PersistentVolume)
        self._nodes = context.informer(Node)
        self._drivers = NodeDrivers(lambda name: self._nodes.get("", name), identity)
        self._queue = context.controller(NAME, self.reconcile, workers=4)
        self._contents.add_handler(self._content_changed)

    async def reconcile(self, name: str) -> None:
        content = self._contents.get("", name)
        due = None if content is None else task(content)
        if content is None or due is None:
            return
        if due is Task.DELETE:
            await self._delete(content)
        if due in (Task.DELETE, Task.LET_GO):
            await self._let_go(content)
            return
        try:
            made = await (self._take(content) if due is Task.TAKE else self._find(content))
        except DriverFailure as failure:
            await self._tell(content, f"Failed to check and update snapshot content: {_failure(content, failure)}")
            raise
        await self._write(name, made)

    async def _take(self, content: VolumeSnapshotContent) -> pb.Snapshot:
        volume_handle = content.spec.source.volume_handle or ""
        request = pb.CreateSnapshotRequest(
            name=handle(content), source_volume_id=volume_handle, parameters=self._parameters(content)
        )
        return await self._drivers.take_snapshot(self._node_of(content), request)

    def _parameters(self, content: VolumeSnapshotContent) -> dict[str, str]:
        chosen = self._classes.get("", content.spec.volume_snapshot_class_name or "")
        given = {} if chosen is None else chosen.parameters
        return {key: value for key, value in given.items() if not key.startswith(_OWN_PREFIX)}

    def _node_of(self, content: VolumeSnapshotContent) -> str:
        wanted = content.spec.source.volume_handle
        of_handle = (each for each in self._volumes.items() if each.spec.csi and each.spec.csi.volume_handle == wanted)
        volume = next((each for each in of_handle if is_ours(each)), None)
        return node_of_content(content, volume)

    async def _find(self, content: VolumeSnapshotContent) -> pb.Snapshot:
        """A snapshot that is there already; its node is written down when nobody said which it is."""
        wanted = handle(content)
        label = node_of_content(content, None)
        for node in [label] if label else sorted(each.metadata.name for each in self._nodes.items()):
            found = await self._drivers.find_snapshot(node, wanted)
            if found is None:
                continue
            if not label:
                metadata = content.metadata
                labels = {**metadata.labels, names.MANAGED_BY: node}
                await self._contents.update(replace(content, metadata=replace(metadata, labels=labels)))
            return found
        raise DriverFailure.absent(f"there is no snapshot {wanted} on {f'node {label}' if label else 'any node'}")

    async def _write(self, name: str, made: pb.Snapshot) -> None:
        content = self._contents.get("", name)
        if content is not None:
            await self._write_status(content, status_of(made))

    async def _write_status(self, content: VolumeSnapshotContent, status: VolumeSnapshotContentStatus) -> None:
        try:
            await self._contents.update(replace(content, status=status), subresource="status")
        except NotFound:
            return

    async def _tell(self, content: VolumeSnapshotContent, message: str) -> None:
        """In status and event, once for each new message."""
        status = failed(content, message, timestamps.now_text(self._context.now()))
        if status is not None:
            await self._write_status(content, status)
            self._recorder.record(content, WARNING, "SnapshotContentCheckandUpdateFailed", message)

    async def _delete(self, content: VolumeSnapshotContent) -> None:
        """Where it is, or on every node when nothing says where; a node that is gone took it along."""
        told = self._node_of(content)
        nodes = [node.metadata.name for node in self._nodes.items() if told in ("", node.metadata.name)]
        try:
            for node in nodes:
                await self._drivers.delete_snapshot(node, handle(content))
        except DriverFailure as failure:
            self._recorder.record(content, WARNING, "SnapshotDeleteError", f"Failed to delete snapshot: {failure}")
            raise

    async def _let_go(self, content: VolumeSnapshotContent) -> None:
        """Take the finalizer off: the snapshot is gone, or is to stay."""
        finalizers = [each for each in content.metadata.finalizers if each != names.CONTENT_PROTECTION]
        try:
            await self._contents.update(replace(content, metadata=replace(content.metadata, finalizers=finalizers)))
        except NotFound:
            return

    def _content_changed(self, old: VolumeSnapshotContent | None, new: VolumeSnapshotContent | None) -> None:
        if new is not None and task(new) is not None:
            self._queue.add(new.metadata.name)


def _failure(content: VolumeSnapshotContent, failure: DriverFailure) -> str:
    volume = content.spec.source.volume_handle
    if volume is None:
        return f"failed to list snapshot for content {content.metadata.name}: {failure}"
    return f'failed to take snapshot of the volume {volume}: "{failure}"'
