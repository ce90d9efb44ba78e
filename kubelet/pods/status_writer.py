"""Writing pod statuses: the newest of each pod, at once, on the freshest object, without losing anyone's update.

The kubelet owns a pod's status but for conditions of other types; those are kept as they are found. A write that meets
a newer object reads that and is made again (upstream: pkg/kubelet/status/status_manager.go).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from api.errors import Conflict, NotFound
from api.types import Pod, PodStatus
from cluster.client import Client
from cluster.controller import Controller
from cluster.workqueue import WorkQueue
from kubelet.pods import phase
from kubelet.pods.conditions import OWNED
from kubelet.pods.static import is_mirror, is_static, mirrors

# How long a status that says little waits for a better one.
LAZY_SECONDS = 0.15
WORKERS = 8


@dataclass(slots=True)
class _Wanted:
    """pod: its newest object known here. finished: the object is to be deleted once the status is written."""

    pod: Pod
    status: PodStatus | None
    finished: bool = False

    def take(self, pod: Pod) -> None:
        """Take over a newer object; a static pod stays itself, whatever its mirror."""
        if not is_static(self.pod):
            self.pod = pod


class StatusWriter:
    """`freshest` gives the newest object an informer has, by namespace and name. workers: writes under way at once."""

    def __init__(self, client: Client, freshest: Callable[[str, str], Pod | None], *, workers: int = WORKERS) -> None:
        self._client = client
        self._freshest = freshest
        self._wanted: dict[str, _Wanted] = {}
        self._queue: WorkQueue[str] = WorkQueue(max_delay_seconds=5.0)
        self._controller = Controller("pod-status", self._queue, self._write, workers=workers)

    async def run(self) -> None:
        """Write until cancelled."""
        await self._controller.run()

    def set(self, pod: Pod, status: PodStatus, *, lazy: bool = False) -> None:
        """Have a status written; lazy ones a moment later, unless another comes first."""
        uid = pod.metadata.uid
        wanted = self._wanted.setdefault(uid, _Wanted(pod, status))
        wanted.status = status
        if lazy:
            self._queue.add_after(uid, LAZY_SECONDS)
        else:
            self._queue.add(uid)

    def again(self, uid: str) -> None:
        """A pod's object has appeared, or changed: see whether its status still stands to be written."""
        self._queue.add(uid)

    def finish(self, pod: Pod) -> None:
        """Nothing of the pod is left to run: write its last status, then delete its object for good."""
        uid = pod.metadata.uid
        wanted = self._wanted.setdefault(uid, _Wanted(pod, None))
        if not wanted.finished:
            wanted.finished = True
            self._queue.add(uid)

    def forget(self, uid: str) -> None:
        """The pod's object is gone."""
        self._wanted.pop(uid, None)

    async def _write(self, uid: str) -> None:
        wanted = self._wanted.get(uid)
        if wanted is None:
            return
        # Asked for while a status was being written, its last one is still to be: this is called again.
        finished = wanted.finished
        try:
            await self._write_status(wanted)
            if finished and uid in self._wanted:
                await self._delete(wanted.pod)
        except NotFound:
            self._drop(wanted)

    async def _write_status(self, wanted: _Wanted) -> None:
        pod = self._newest(wanted)
        if is_static(pod):
            return  # there is no mirror to write to; once there is, `again` is called
        while wanted.status is not None:
            status = merged(pod.status, wanted.status)
            if status == pod.status:
                return
            try:
                wanted.take(await self._client.update(replace(pod, status=status), subresource="status"))
                return
            except Conflict:
                uid = pod.metadata.uid
                pod = await self._client.get(Pod, pod.metadata.name, pod.metadata.namespace)
                wanted.take(pod)
                if pod.metadata.uid != uid:
                    # Another pod has the name by now.
                    self._drop(wanted)
                    return

    def _drop(self, wanted: _Wanted) -> None:
        """The object is gone; a static pod's will be made again."""
        if not is_static(wanted.pod):
            self.forget(wanted.pod.metadata.uid)

    def _newest(self, wanted: _Wanted) -> Pod:
        """The newer of the informer's object and the one our last write gave back."""
        metadata = wanted.pod.metadata
        seen = self._freshest(metadata.namespace, metadata.name)
        if seen is not None and is_static(wanted.pod):
            # A static pod's status is shown by its mirror, whose uid is another.
            return seen if is_mirror(seen) and mirrors(seen, wanted.pod) else wanted.pod
        if seen is None or seen.metadata.uid != metadata.uid:
            return wanted.pod
        return seen if _revision(seen) > _revision(wanted.pod) else wanted.pod

    async def _delete(self, pod: Pod) -> None:
        metadata = pod.metadata
        # Conflict: the name is another pod's by now, so ours is gone.
        with contextlib.suppress(Conflict):
            await self._client.delete(Pod, metadata.name, metadata.namespace, grace_period_seconds=0, uid=metadata.uid)


def merged(found: PodStatus, ours: PodStatus) -> PodStatus:
    """Our status with what is others' in the object as found; a pod that has ended stays ended."""
    told = OWNED | {condition.type for condition in ours.conditions}
    foreign = [condition for condition in found.conditions if condition.type not in told]
    final = found.phase in phase.TERMINAL
    return replace(
        ours,
        phase=found.phase if final else ours.phase,
        conditions=[*ours.conditions, *foreign],
        nominated_node_name=found.nominated_node_name,
        resource_claim_statuses=found.resource_claim_statuses,
        resize=found.resize,
        start_time=found.start_time or ours.start_time,
    )


def _revision(pod: Pod) -> int:
    return int(pod.metadata.resource_version or 0)
