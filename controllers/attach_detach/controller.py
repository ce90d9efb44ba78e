"""The attach-detach controller: what pods of a node need attached is asked for, what they need no more is let go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from api.errors import AlreadyExists
from api.types import CSIDriver, PersistentVolume, PersistentVolumeClaim, Pod, VolumeAttachment
from cluster.events import NORMAL, WARNING
from controllers.attach_detach.plan import plan
from controllers.context import Context
from controllers.pods import is_terminal
from controllers.volume_protection.claims import claims_of

NAME = "attachdetach"
# A volume held back by another node is looked at again when its attachment goes, or after this.
RETRY_SECONDS = 10.0


class AttachDetachController:
    """reconcile(node name). One worker: two nodes at once would each see a volume that nobody has yet."""

    def __init__(self, context: Context) -> None:
        self._recorder = context.recorder("attachdetach-controller")
        self._pods = context.mirror(Pod)
        self._claims = context.mirror(PersistentVolumeClaim)
        self._volumes = context.mirror(PersistentVolume)
        self._drivers = context.mirror(CSIDriver)
        self._attachments = context.mirror(VolumeAttachment)
        self._queue = context.controller(NAME, self.reconcile, workers=1)
        self._pods.add_handler(self._pod_changed)
        self._claims.add_handler(self._claim_changed)
        self._attachments.add_handler(self._attachment_changed)
        self._drivers.add_handler(self._driver_changed)

    async def reconcile(self, node: str) -> None:
        users = dict(self._users(node))
        wanted = {name: volume for name, (volume, _) in users.items()}
        decided = plan(node, wanted, self._concerned(node, wanted))
        for attachment in decided.create:
            try:
                await self._attachments.create(attachment)
            except AlreadyExists:
                continue
        for attachment in decided.delete:
            await self._attachments.delete(attachment)
        for name, other in decided.refused.items():
            text = (
                f'Multi-Attach error for volume "{name}" Volume is already exclusively attached to node {other} '
                "and can't be attached to another"
            )
            self._recorder.record(users[name][1], WARNING, "FailedAttachVolume", text)
        if decided.refused:
            self._queue.add_after(node, RETRY_SECONDS)

    def _concerned(self, node: str, volumes: Iterable[str]) -> list[VolumeAttachment]:
        """The attachments to a node, and those of some volumes to any."""
        found = list(self._attachments.by_index("node", node))
        for name in volumes:
            others = self._attachments.by_index("volume", name)
            found += [each for each in others if each.spec.node_name != node]
        return found

    def _users(self, node: str) -> Iterator[tuple[str, tuple[PersistentVolume, Pod]]]:
        """The attachable volumes of a node's pods, each with a pod that uses it."""
        for pod in self._pods.by_index("node", node):
            if is_terminal(pod):
                continue
            for name in claims_of(pod):
                claim = self._claims.get(pod.metadata.namespace, name)
                volume = None if claim is None else self._volumes.get("", claim.spec.volume_name)
                if volume is not None and self._is_attachable(volume):
                    yield volume.metadata.name, (volume, pod)

    def _is_attachable(self, volume: PersistentVolume) -> bool:
        if volume.spec.csi is None:
            return False
        driver = self._drivers.get("", volume.spec.csi.driver)
        return driver is None or driver.spec.attach_required is not False

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        if pod is None or not pod.spec.node_name or not any(claims_of(pod)):
            return
        if old is None or new is None or not old.spec.node_name or is_terminal(old) != is_terminal(new):
            self._queue.add(pod.spec.node_name)

    def _claim_changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        if new is None or not new.spec.volume_name or (old is not None and old.spec.volume_name):
            return
        self._look_at_users(new.metadata.namespace, new.metadata.name)

    def _look_at_users(self, namespace: str, claim: str) -> None:
        for pod in self._pods.by_index("namespace", namespace):
            if pod.spec.node_name and claim in claims_of(pod):
                self._queue.add(pod.spec.node_name)

    def _driver_changed(self, old: CSIDriver | None, new: CSIDriver | None) -> None:
        for attachment in self._attachments.items():
            self._queue.add(attachment.spec.node_name)

    def _attachment_changed(self, old: VolumeAttachment | None, new: VolumeAttachment | None) -> None:
        known = new or old
        if known is None:
            return
        self._queue.add(known.spec.node_name)
        if new is not None:
            self._tell(old, new)
            return
        volume = self._volumes.get("", known.spec.source.persistent_volume_name or "")
        claim = None if volume is None else volume.spec.claim_ref
        if claim is not None:
            self._look_at_users(claim.namespace, claim.name)

    def _tell(self, old: VolumeAttachment | None, new: VolumeAttachment) -> None:
        """Tell a pod that waits for it how attaching went."""
        name = new.spec.source.persistent_volume_name
        user = next((pod for volume, (_, pod) in self._users(new.spec.node_name) if volume == name), None)
        if user is None:
            return
        error = new.status.attach_error
        if new.status.attached and (old is None or not old.status.attached):
            text = f'AttachVolume.Attach succeeded for volume "{name}" '
            self._recorder.record(user, NORMAL, "SuccessfulAttachVolume", text)
        elif error is not None and (old is None or old.status.attach_error != error):
            text = f'AttachVolume.Attach failed for volume "{name}" : {error.message}'
            self._recorder.record(user, WARNING, "FailedAttachVolume", text)
