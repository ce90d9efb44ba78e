"""Keeping a mirror in the API server for each static pod, and none for any other.

A mirror may be deleted by anyone: it is made again, and its pod runs on (upstream: pkg/kubelet/pod/mirror_client.go).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from api.errors import AlreadyExists, Conflict, NotFound, ServiceUnavailable
from api.types import Node, ObjectMeta, OwnerReference, Pod, PodStatus
from cluster.client import Client
from cluster.controller import Controller
from cluster.workqueue import WorkQueue
from kubelet.pods.static import CONFIG_HASH, CONFIG_MIRROR, is_mirror, mirrors

Key = tuple[str, str]

# How long until a mirror whose name was taken is tried again.
TAKEN_RETRY_SECONDS: Final = 10.0


class Mirrors:
    """`node` gives the registered node; `seen` a pod as the API server has it; `mirrored` hears of mirrored pods."""

    def __init__(
        self,
        client: Client,
        node: Callable[[], Node | None],
        seen: Callable[[str, str], Pod | None],
        mirrored: Callable[[Pod], None],
    ) -> None:
        self._client = client
        self._node = node
        self._seen = seen
        self._mirrored = mirrored
        self._static: dict[Key, Pod] = {}
        self._queue: WorkQueue[Key] = WorkQueue(max_delay_seconds=5.0)
        self._controller = Controller("mirror-pods", self._queue, self._reconcile, workers=2)

    async def run(self) -> None:
        """Work until cancelled."""
        await self._controller.run()

    def static_changed(self, old: Pod | None, new: Pod | None) -> None:
        """A static pod has come, changed or gone."""
        if old is not None:
            self._static.pop(_key(old), None)
            self._queue.add(_key(old))
        if new is not None:
            self._static[_key(new)] = new
            self._queue.add(_key(new))

    def object_changed(self, old: Pod | None, new: Pod | None) -> None:
        """Handler of the pod informer: looks at mirrors, and at what has a mirror's name."""
        for pod in (old, new):
            if pod is not None and (is_mirror(pod) or _key(pod) in self._static):
                self._queue.add(_key(pod))

    async def _reconcile(self, key: Key) -> None:
        pod, found = self._static.get(key), self._seen(*key)
        if found is not None and not is_mirror(found):
            return
        if found is not None and (
            pod is None or not mirrors(found, pod) or found.metadata.deletion_timestamp is not None
        ):
            await self._delete(found)
        elif pod is not None and found is None:
            await self._create(pod)
        elif pod is not None:
            self._mirrored(pod)

    async def _delete(self, mirror: Pod) -> None:
        metadata = mirror.metadata
        # Conflict: another pod has the name by now.
        with contextlib.suppress(NotFound, Conflict):
            await self._client.delete(Pod, metadata.name, metadata.namespace, grace_period_seconds=0, uid=metadata.uid)

    async def _create(self, pod: Pod) -> None:
        node = self._node()
        if node is None:
            raise ServiceUnavailable(f"node {pod.spec.node_name} is not registered yet")
        try:
            await self._client.create(mirror_of(pod, node.metadata.uid))
        except AlreadyExists:
            # Ours, which the informer does not show yet; or a pod of another node, whose end nobody tells us of.
            self._queue.add_after(_key(pod), TAKEN_RETRY_SECONDS)


def _key(pod: Pod) -> Key:
    return pod.metadata.namespace, pod.metadata.name


def mirror_of(pod: Pod, node_uid: str) -> Pod:
    """The object that shows a static pod in the API server."""
    owner = OwnerReference(api_version="v1", kind="Node", name=pod.spec.node_name, uid=node_uid, controller=True)
    given = pod.metadata
    metadata = ObjectMeta(
        name=given.name,
        namespace=given.namespace,
        labels=given.labels,
        annotations={**given.annotations, CONFIG_MIRROR: given.annotations[CONFIG_HASH]},
        owner_references=[owner],
    )
    return replace(pod, metadata=metadata, status=PodStatus())
