"""The CronJob controller: starts Jobs when their time has come, keeps the list of active ones, forgets old ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from api.errors import AlreadyExists, NotFound, StatusError
from api.types import CronJob, CronJobStatus, Job, ObjectReference
from cluster.events import NORMAL, WARNING
from cluster.informer import ObjectKey
from controllers.context import Context, controlled_by
from controllers.cronjob.plan import Saying, Start, observed, outdated, plan, schedule_of, started
from controllers.cronjob.times import next_look_seconds
from controllers.job.verdict import is_finished
from controllers.mirror import key_of
from controllers.namespace.errors import is_terminating
from controllers.ownership import controller_of

NAME: Final = "cronjob"


class CronJobController:
    """reconcile(key): look at the Jobs, start one if due, delete old ones, write the status."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = context.client
        self._recorder = context.recorder("cronjob-controller")
        self._cron_jobs = context.mirror(CronJob)
        self._jobs = context.mirror(Job)
        self._queue = context.controller(NAME, self.reconcile, workers=3)
        self._cron_jobs.add_handler(self._cron_job_changed)
        self._jobs.add_handler(self._job_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        cron_job = self._cron_jobs.get(*key)
        if cron_job is None:
            return
        jobs = self._jobs.by_index("controller", controlled_by(cron_job))
        status, sayings = observed(cron_job, jobs, await self._missing(cron_job, jobs))
        self._say(cron_job, sayings)
        current = replace(cron_job, status=status)
        decided = plan(current, self._context.now())
        self._say(cron_job, decided.sayings)
        failure: StatusError | None = None
        if decided.start is not None:
            status, failure = await self._start(current, decided.start)
        for job in outdated(cron_job, jobs):
            await self._delete(cron_job, job.metadata.name, job.metadata.uid)
        await self._put_status(cron_job, status)
        if failure is not None:
            raise failure
        if decided.look_again_seconds is not None:
            self._queue.add_after(key, decided.look_again_seconds)

    async def _missing(self, cron_job: CronJob, jobs: Sequence[Job]) -> dict[str, ObjectReference]:
        """Listed Jobs that are not there: asked for by name, for our copy may lag."""
        shown = {job.metadata.uid for job in jobs}
        missing = {}
        for reference in cron_job.status.active:
            if reference.uid not in shown and not await self._exists(cron_job, reference):
                missing[reference.uid] = reference
        return missing

    async def _exists(self, cron_job: CronJob, reference: ObjectReference) -> bool:
        try:
            job = await self._client.get(Job, reference.name, cron_job.metadata.namespace)
        except NotFound:
            return False
        return job.metadata.uid == reference.uid

    async def _start(self, cron_job: CronJob, start: Start) -> tuple[CronJobStatus, StatusError | None]:
        """The status afterwards, and what the API server refused."""
        try:
            for reference in start.replaces:
                await self._delete(cron_job, reference.name, reference.uid)
            gone = {reference.uid for reference in start.replaces}
            left = [reference for reference in cron_job.status.active if reference.uid not in gone]
            cron_job = replace(cron_job, status=replace(cron_job.status, active=left))
            job = await self._create(cron_job, start.job)
        except StatusError as error:
            return cron_job.status, error
        status = started(cron_job, job, start.time)
        if is_finished(job):
            status = replace(status, active=cron_job.status.active)
        return status, None

    async def _create(self, cron_job: CronJob, job: Job) -> Job:
        """The Job of that name, if it is the CronJob's: made by us before a crash. Raises StatusError otherwise."""
        try:
            made = await self._jobs.create(job)
        except AlreadyExists:
            found = await self._client.get(Job, job.metadata.name, job.metadata.namespace)
            owner = controller_of(found)
            if owner is None or owner.uid != cron_job.metadata.uid:
                raise
            return found
        except StatusError as error:
            if not is_terminating(error):
                self._recorder.record(cron_job, WARNING, "FailedCreate", f"Error creating job: {error.message}")
            raise
        self._recorder.record(cron_job, NORMAL, "SuccessfulCreate", f"Created job {made.metadata.name}")
        return made

    async def _delete(self, cron_job: CronJob, name: str, uid: str) -> None:
        namespace = cron_job.metadata.namespace
        try:
            await self._client.delete(Job, name, namespace, propagation="Background", uid=uid)
        except NotFound:
            return
        except StatusError as error:
            self._recorder.record(cron_job, WARNING, "FailedDelete", f"Deleted job: {error.message}")
            raise
        self._recorder.record(cron_job, NORMAL, "SuccessfulDelete", f"Deleted job {name}")

    async def _put_status(self, cron_job: CronJob, status: CronJobStatus) -> None:
        if status == cron_job.status:
            return
        try:
            await self._cron_jobs.update(replace(cron_job, status=status), subresource="status")
        except NotFound:
            return  # deleted meanwhile

    def _say(self, cron_job: CronJob, sayings: Sequence[Saying]) -> None:
        for saying in sayings:
            self._recorder.record(cron_job, saying.type, saying.reason, saying.message)

    def _cron_job_changed(self, old: CronJob | None, new: CronJob | None) -> None:
        if new is None:
            return
        if old is None or _timing(old) == _timing(new):
            self._queue.add(key_of(new))
            return
        # A new schedule holds from now on: what it would have meant before is not made up for.
        try:
            delay = next_look_seconds(new, schedule_of(new), self._context.now())
        except ValueError:
            delay = 0.0  # the reconciliation says what is wrong
        if delay is not None:
            self._queue.add_after(key_of(new), delay)

    def _job_changed(self, old: Job | None, new: Job | None) -> None:
        for job in (old, new):
            reference = None if job is None else controller_of(job)
            if job is None or reference is None or reference.kind != "CronJob":
                continue
            owner = self._cron_jobs.get(job.metadata.namespace, reference.name)
            if owner is not None and owner.metadata.uid == reference.uid:
                self._queue.add(key_of(owner))


def _timing(cron_job: CronJob) -> tuple[str, str | None]:
    return cron_job.spec.schedule, cron_job.spec.time_zone
