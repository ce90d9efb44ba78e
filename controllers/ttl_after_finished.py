"""Deletes finished Jobs, and with them their pods, `ttlSecondsAfterFinished` after their end."""

from __future__ import annotations

from api import timestamps
from api.errors import Conflict, NotFound
from api.types import Job
from cluster.informer import ObjectKey
from controllers.context import Context
from controllers.job.verdict import COMPLETE, FAILED, is_true
from controllers.mirror import key_of

NAME = "ttl_after_finished"


def seconds_left(job: Job, now: float) -> float | None:
    """Until the Job is due to be deleted; None when it never is, or not yet."""
    ttl = job.spec.ttl_seconds_after_finished
    end = is_true(job.status, COMPLETE) or is_true(job.status, FAILED)
    if ttl is None or end is None or not end.last_transition_time or job.metadata.deletion_timestamp is not None:
        return None
    return timestamps.parse(end.last_transition_time) + ttl - now


class TTLAfterFinishedController:
    """reconcile(key): delete the Job when its time is up, else come back when it is."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = context.client
        self._jobs = context.mirror(Job)
        self._queue = context.controller(NAME, self.reconcile, workers=2)
        self._jobs.add_handler(self._job_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        job = self._jobs.get(*key)
        left = None if job is None else seconds_left(job, self._context.now())
        if job is None or left is None:
            return
        if left > 0:
            self._queue.add_after(key, left)
            return
        try:
            # Our copy may lag behind a change of the time to live: this very revision is meant.
            await self._client.delete(
                Job,
                key[1],
                key[0],
                propagation="Foreground",
                uid=job.metadata.uid,
                resource_version=job.metadata.resource_version,
            )
        except (NotFound, Conflict):
            return  # gone, or changed: then there will be another event

    def _job_changed(self, old: Job | None, new: Job | None) -> None:
        if new is not None and seconds_left(new, self._context.now()) is not None:
            self._queue.add(key_of(new))
