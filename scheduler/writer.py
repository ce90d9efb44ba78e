"""What the scheduler does to the world: it binds pods, removes victims, and says why a pod waits.

Neighbours: `scheduler.core` has decided; `scheduler.shell` hands the decisions over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from api import timestamps
from api.errors import Conflict, NotFound, StatusError
from api.types import Binding, ObjectMeta, ObjectReference, Pod
from cluster.client import Client, PatchKind
from cluster.events import NORMAL, WARNING, EventRecorder
from cluster.logs import get_logger
from scheduler import metrics
from scheduler.attempt import Nomination, Unschedulable
from scheduler.core import Core
from scheduler.cycle import Chosen
from scheduler.pod_info import PodInfo
from scheduler.queue import QueuedPod
from scheduler.snapshot.volumes import VolumeDecision
from scheduler.statuses import disruption_patch, unschedulable_patch
from scheduler.volume_binder import VolumeBinder, VolumesNotBound

log = get_logger()


class Writer:
    """Carries out one decision at a time. recorders: by profile."""

    def __init__(
        self, client: Client, core: Core, recorders: Mapping[str, EventRecorder], volume_binder: VolumeBinder
    ) -> None:
        self._client = client
        self._volume_binder = volume_binder
        self._core = core
        self._recorders = recorders

    async def bind(self, queued: QueuedPod, chosen: Chosen, started: float) -> None:
        """Bind a pod, or have it tried again. started: of the attempt, monotonic seconds."""
        pod = queued.pod.pod
        metadata = pod.metadata
        binding = Binding(
            metadata=ObjectMeta(name=metadata.name, namespace=metadata.namespace, uid=metadata.uid),
            target=ObjectReference(kind="Node", name=chosen.node),
        )
        try:
            await self._client.create(binding, name=metadata.name, subresource="binding")
        except StatusError as error:
            self._binding_failed(queued, chosen.node, started, error)
            return
        now = time.monotonic()
        self._observe(pod, "scheduled", now - started)
        metrics.pod_attempts.observe(queued.attempts)
        metrics.sli_duration.labels(str(min(queued.attempts, 16))).observe(now - queued.first_seen)
        log.debug("bound", pod=queued.pod.full_name, node=chosen.node, attempts=queued.attempts)
        message = f"Successfully assigned {queued.pod.full_name} to {chosen.node}"
        self._recorder(pod).record(pod, NORMAL, "Scheduled", message)

    async def bind_with_volumes(
        self, queued: QueuedPod, chosen: Chosen, volumes: VolumeDecision, started: float
    ) -> None:
        """Bind a pod once its claims are bound, or have it tried again."""
        pod = queued.pod.pod
        profile = self._core.profiles[pod.spec.scheduler_name]
        try:
            await self._volume_binder.bind(volumes, profile.bind_timeout)
        except VolumesNotBound as error:
            self._observe(pod, "error", time.monotonic() - started)
            self._core.binding_failed(queued, time.monotonic())
            log.warning("volumes were not bound", pod=queued.pod.full_name, node=chosen.node, reason=str(error))
            message = f'running PreBind plugin "VolumeBinding": {error}'
            self._recorder(pod).record(pod, WARNING, "FailedScheduling", message)
            return
        await self.bind(queued, chosen, started)

    async def explain(self, queued: QueuedPod, outcome: Unschedulable, started: float) -> None:
        """Say why a pod waits; remove those who are to make room for it."""
        pod = queued.pod.pod
        self._observe(pod, "unschedulable", time.monotonic() - started)
        self._recorder(pod).record(pod, WARNING, "FailedScheduling", outcome.message)
        nomination = outcome.nomination
        nominated = nomination.node if nomination is not None else "" if outcome.gives_up else None
        patch = unschedulable_patch(pod, outcome.message, timestamps.now_text(time.time()), nominated=nominated)
        if patch is not None and not await self._patch_status(pod, patch):
            return
        if nomination is not None:
            await self._make_room(queued.pod, nomination)

    async def denominate(self, pod: Pod) -> None:
        """Say that no room is made for a pod any more."""
        await self._patch_status(pod, {"metadata": {"uid": pod.metadata.uid}, "status": {"nominatedNodeName": None}})

    def _binding_failed(self, queued: QueuedPod, node: str, started: float, error: StatusError) -> None:
        pod = queued.pod.pod
        self._observe(pod, "error", time.monotonic() - started)
        self._core.binding_failed(queued, time.monotonic())
        if isinstance(error, NotFound):
            return  # the pod is gone; there is nobody to tell
        log.warning("binding failed", pod=queued.pod.full_name, node=node, reason=error.message)
        self._recorder(pod).record(pod, WARNING, "FailedScheduling", f"binding rejected: {error.message}")

    async def _make_room(self, pod: PodInfo, nomination: Nomination) -> None:
        victims = nomination.victims
        if victims:
            metrics.preemption_victims.observe(len(victims))
        removed = await asyncio.gather(*(self._remove(victim.pod, pod.pod, nomination.node) for victim in victims))
        if not all(removed):
            self._core.preemption_failed(pod.uid, nomination, time.monotonic())
            await self.denominate(pod.pod)

    async def _remove(self, victim: Pod, preemptor: Pod, node: str) -> bool:
        """Delete a victim, with all the time it asked for to end; whether it goes."""
        metadata = victim.metadata
        patch = disruption_patch(victim, preemptor.spec.scheduler_name, timestamps.now_text(time.time()))
        try:
            if patch is not None:
                await self._patch(victim, patch)
            await self._client.delete(Pod, metadata.name, metadata.namespace, uid=metadata.uid)
        except (NotFound, Conflict):
            return True  # gone, or another of the same name by now
        except StatusError as error:
            log.warning("preemption failed", victim=f"{metadata.namespace}/{metadata.name}", reason=error.message)
            return False
        message = f"Preempted by pod {preemptor.metadata.uid} on node {node}"
        self._recorder(preemptor).record(victim, NORMAL, "Preempted", message)
        return True

    async def _patch_status(self, pod: Pod, patch: dict[str, Any]) -> bool:
        """Whether the pod is still there and has been told."""
        try:
            await self._patch(pod, patch)
        except (NotFound, Conflict):
            return False
        except StatusError as error:
            full_name = f"{pod.metadata.namespace}/{pod.metadata.name}"
            log.warning("could not say why a pod waits", pod=full_name, reason=error.message)
        return True

    async def _patch(self, pod: Pod, patch: dict[str, Any]) -> None:
        await self._client.patch(
            Pod, pod.metadata.name, pod.metadata.namespace, patch, kind=PatchKind.STRATEGIC, subresource="status"
        )

    def _recorder(self, pod: Pod) -> EventRecorder:
        return self._recorders[pod.spec.scheduler_name]

    def _observe(self, pod: Pod, result: str, seconds: float) -> None:
        profile = pod.spec.scheduler_name
        metrics.attempts.labels(result, profile).inc()
        metrics.attempt_duration.labels(result, profile).observe(seconds)
