"""The provisioner: makes a volume for each claim of its classes, deletes what was released."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from api.errors import AlreadyExists, NotFound
from api.types import (
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
    VolumeSnapshot,
    VolumeSnapshotContent,
)
from cluster.connection import Connection
from cluster.events import NORMAL, WARNING
from cluster.informer import ObjectKey
from controllers.context import Context
from controllers.local_storage import DRIVER
from controllers.local_storage.drivers import DriverFailure, NodeDrivers
from controllers.local_storage.sources import Source, clone_source, is_foreign, is_restored, snapshot_source
from controllers.local_storage.volumes import (
    choose_node,
    create_request,
    is_ours,
    is_to_be_deleted,
    node_of,
    persistent_volume,
    volume_name,
)
from controllers.mirror import key_of
from controllers.persistent_volume import names
from controllers.persistent_volume.matching import claim_class

NAME = "local-provisioner"


class LocalProvisioner:
    """identity: what this process calls kubelets with."""

    def __init__(self, context: Context, identity: Connection) -> None:
        self._client = context.client
        self._recorder = context.recorder(DRIVER)
        self._claims = context.mirror(PersistentVolumeClaim)
        self._volumes = context.mirror(PersistentVolume)
        self._classes = context.mirror(StorageClass)
        self._snapshots = context.mirror(VolumeSnapshot)
        self._contents = context.mirror(VolumeSnapshotContent)
        self._nodes = context.informer(Node)
        self._drivers = NodeDrivers(lambda name: self._nodes.get("", name), identity)
        self._claim_queue = context.controller(f"{NAME}-claims", self.reconcile_claim, workers=8)
        self._volume_queue = context.controller(f"{NAME}-volumes", self.reconcile_volume, workers=4)
        self._claims.add_handler(self._claim_changed)
        self._volumes.add_handler(self._volume_changed)
        self._classes.add_handler(self._class_changed)
        self._nodes.add_handler(self._node_changed)
        self._snapshots.add_handler(self._snapshot_changed)
        self._contents.add_handler(self._content_changed)

    async def reconcile_claim(self, key: ObjectKey) -> None:
        claim = self._claims.get(*key)
        storage_class = self._class_of(claim)
        if claim is None or storage_class is None or self._volumes.get("", volume_name(claim)) is not None:
            return
        source = self._source(claim)
        if isinstance(source, str):
            if source:
                self._recorder.record(claim, WARNING, "ProvisioningFailed", _failure(storage_class, source))
            return  # looked at again when the source changes
        node_name = self._place(claim, storage_class, source)
        if node_name is None:
            return
        request = create_request(claim, storage_class, node_name)
        if source is not None:
            source.add_to(request)
        text = f'External provisioner is provisioning volume for claim "{key[0]}/{key[1]}"'
        self._recorder.record(claim, NORMAL, "Provisioning", text)
        try:
            if source is not None and source.node != node_name:
                raise DriverFailure.elsewhere(f"what is to be copied is on node {source.node}, not on {node_name}")
            made = await self._drivers.create(node_name, request)
        except DriverFailure as failure:
            await self._tell_failure(claim, storage_class, failure)
            raise
        try:
            volume = await self._volumes.create(persistent_volume(claim, storage_class, made))
        except AlreadyExists:
            return
        text = f"Successfully provisioned volume {volume.metadata.name}"
        self._recorder.record(claim, NORMAL, "ProvisioningSucceeded", text)

    def _class_of(self, claim: PersistentVolumeClaim | None) -> StorageClass | None:
        """The claim's class, when the claim is unbound and the class ours."""
        if claim is None or claim.spec.volume_name or claim.metadata.deletion_timestamp is not None:
            return None
        storage_class = self._classes.get("", claim_class(claim))
        return storage_class if storage_class is not None and storage_class.provisioner == DRIVER else None

    def _source(self, claim: PersistentVolumeClaim) -> Source | str | None:
        """What is to be copied, or why it cannot be now; "" when that needs no telling."""
        wanted, namespace = claim.spec.data_source, claim.metadata.namespace
        if is_foreign(claim):
            text = "Assuming an external populator will provision the volume"
            self._recorder.record(claim, NORMAL, "Provisioning", text)
            return ""
        if claim.spec.selector is not None:
            return "claim Selector is not supported" if _is_left_to_us(claim) else ""
        if wanted is None:
            return None
        if is_restored(claim):
            snapshot = self._snapshots.get(namespace, wanted.name)
            bound = None if snapshot is None or snapshot.status is None else snapshot.status
            name = None if bound is None else bound.bound_volume_snapshot_content_name
            return snapshot_source(claim, snapshot, self._contents.get("", name or ""))
        original = self._claims.get(namespace, wanted.name)
        volume = None if original is None else self._volumes.get("", original.spec.volume_name)
        return clone_source(claim, original, volume)

    def _place(self, claim: PersistentVolumeClaim, storage_class: StorageClass, source: Source | None) -> str | None:
        """The node to make the volume on; None while the scheduler is to say. A copy is where its source is."""
        selected = claim.metadata.annotations.get(names.SELECTED_NODE)
        if selected:
            return selected
        if storage_class.volume_binding_mode == "WaitForFirstConsumer":
            return None
        if not _is_left_to_us(claim):
            return None
        if source is not None:
            return source.node
        used = Counter(node_of(volume) for volume in self._volumes.items())
        return choose_node(self._nodes.items(), storage_class, used)

    async def _tell_failure(
        self, claim: PersistentVolumeClaim, storage_class: StorageClass, failure: DriverFailure
    ) -> None:
        self._recorder.record(claim, WARNING, "ProvisioningFailed", _failure(storage_class, failure))
        if failure.is_full and names.SELECTED_NODE in claim.metadata.annotations:
            # The scheduler is to choose again.
            marks = {name: value for name, value in claim.metadata.annotations.items() if name != names.SELECTED_NODE}
            await self._claims.update(replace(claim, metadata=replace(claim.metadata, annotations=marks)))

    async def reconcile_volume(self, name: str) -> None:
        volume = self._volumes.get("", name)
        if volume is None or not is_ours(volume) or volume.spec.csi is None:
            return
        if is_to_be_deleted(volume):
            await self._delete_data(volume)
            if volume.metadata.deletion_timestamp is None:
                await self._volumes.delete(volume)
                fresh = self._volumes.get("", name)
                volume = fresh if fresh is not None else volume
        elif volume.metadata.deletion_timestamp is None or volume.status.phase == "Bound":
            return
        await self._let_go(name)

    async def _delete_data(self, volume: PersistentVolume) -> None:
        assert volume.spec.csi is not None
        node_name = node_of(volume)
        if self._nodes.get("", node_name) is None:
            return  # gone with its node
        try:
            await self._drivers.delete(node_name, volume.spec.csi.volume_handle)
        except DriverFailure as failure:
            if not failure.is_in_use:
                self._recorder.record(volume, WARNING, "VolumeFailedDelete", str(failure))
            raise

    async def _let_go(self, name: str) -> None:
        """Take our finalizer off: the data are gone, or are to stay."""
        try:
            fresh = await self._client.get(PersistentVolume, name)
        except NotFound:
            return
        finalizers = [each for each in fresh.metadata.finalizers if each != names.PROVISIONER_FINALIZER]
        if len(finalizers) != len(fresh.metadata.finalizers):
            await self._client.update(replace(fresh, metadata=replace(fresh.metadata, finalizers=finalizers)))

    def _claim_changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        if new is None:
            return
        if not new.spec.volume_name:
            self._claim_queue.add(key_of(new))
        elif old is None or old.status.phase != new.status.phase:
            self._look_at_clones(new)

    def _look_at_clones(self, original: PersistentVolumeClaim) -> None:
        for claim in self._claims.items():
            source = claim.spec.data_source
            if source is None or claim.spec.volume_name or source.name != original.metadata.name:
                continue
            if claim.metadata.namespace == original.metadata.namespace:
                self._claim_queue.add(key_of(claim))

    def _snapshot_changed(self, old: VolumeSnapshot | None, new: VolumeSnapshot | None) -> None:
        if new is not None:
            self._look_at_restored(new.metadata.namespace, new.metadata.name)

    def _content_changed(self, old: VolumeSnapshotContent | None, new: VolumeSnapshotContent | None) -> None:
        if new is not None:
            reference = new.spec.volume_snapshot_ref
            self._look_at_restored(reference.namespace, reference.name)

    def _look_at_restored(self, namespace: str, snapshot: str) -> None:
        for claim in self._claims.by_index("namespace", namespace):
            source = claim.spec.data_source
            if not claim.spec.volume_name and source is not None and is_restored(claim) and source.name == snapshot:
                self._claim_queue.add(key_of(claim))

    def _volume_changed(self, old: PersistentVolume | None, new: PersistentVolume | None) -> None:
        if new is None:
            return
        self._volume_queue.add(new.metadata.name)
        reference = new.spec.claim_ref
        original = (
            None if reference is None or old is not None else self._claims.get(reference.namespace, reference.name)
        )
        if original is not None:
            self._look_at_clones(original)

    def _class_changed(self, old: StorageClass | None, new: StorageClass | None) -> None:
        if new is not None and new.provisioner == DRIVER:
            self._look_at_unbound()

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if old is None or new is None:
            self._look_at_unbound()

    def _look_at_unbound(self) -> None:
        for claim in self._claims.items():
            if not claim.spec.volume_name:
                self._claim_queue.add(key_of(claim))


def _is_left_to_us(claim: PersistentVolumeClaim) -> bool:
    """Whether the binder has looked for a volume that is there already, and found none."""
    return names.STORAGE_PROVISIONER in claim.metadata.annotations


def _failure(storage_class: StorageClass, problem: object) -> str:
    return f'failed to provision volume with StorageClass "{storage_class.metadata.name}": {problem}'
