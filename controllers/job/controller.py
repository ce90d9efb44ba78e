"""The Job controller: watches Jobs and their pods, creates, deletes and counts pods, keeps the status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from api import selectors
from api.errors import NotFound, StatusError
from api.types import Job, JobStatus, Pod
from cluster.client import PatchKind
from cluster.events import NORMAL, WARNING
from cluster.informer import ObjectKey
from controllers.adoption import settle
from controllers.batches import failures_of, slow_start
from controllers.context import Context, controlled_by, orphans_of
from controllers.job.accounting import SUSPENDED, account, counted, finished, started
from controllers.job.backoff import Backoff
from controllers.job.doomed import Doomed
from controllers.job.plan import NewPod, Plan, batch_seconds, plan
from controllers.job.pods import TRACKING_FINALIZER, belongs, is_failed
from controllers.job.template import make_pod
from controllers.job.verdict import COMPLETE, FAILED, Verdict, is_finished, is_true, judge
from controllers.mirror import key_of
from controllers.namespace.errors import is_terminating
from controllers.ownership import claim, controller_of
from controllers.pod_owners import PodOwners

NAME: Final = "job"
MANAGER: Final = "kubernetes.io/job-controller"
FREE_METADATA: Final = {"$deleteFromPrimitiveList/finalizers": [TRACKING_FINALIZER]}


class JobController:
    """reconcile(key): claim pods, judge, create or delete, count, write the status."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = context.client
        self._recorder = context.recorder("job-controller")
        self._jobs = context.mirror(Job)
        self._pods = context.mirror(Pod)
        self._pod_owners = PodOwners("Job", self._jobs, _may_adopt)
        self._doomed = Doomed(context.informer(Pod))
        self._backoffs: dict[str, Backoff] = {}  # by the Job's uid
        self._queue = context.controller(NAME, self.reconcile, workers=5)
        self._strays = context.controller(f"{NAME}_orphan_pods", self.free_stray, workers=2)
        self._jobs.add_handler(self._job_changed)
        self._pods.add_handler(self._pod_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        job = self._jobs.get(*key)
        if job is None or is_finished(job) or _is_managed_elsewhere(job):
            return
        now = self._context.now()
        pods = await self._claim(job)
        begun = started(job, now)
        verdict = judge(begun, pods, now)
        backoff = self._backoff(begun, pods, verdict, now)
        decided = plan(begun, pods, verdict, backoff, now)
        failure = await self._carry_out(job, decided)
        await self._count(job, begun, pods, verdict)
        # Not before those who ended are written down: until then they are found again.
        if self._jobs.get(*key) is not None:
            self._backoffs[job.metadata.uid] = backoff
        if failure is not None:
            raise failure
        if decided.retry_seconds is not None:
            self._queue.add_after(key, decided.retry_seconds)

    async def free_stray(self, key: ObjectKey) -> None:
        """Let go of a pod that no living Job will count any more."""
        pod = self._pods.get(*key)
        if pod is None or TRACKING_FINALIZER not in pod.metadata.finalizers:
            return
        reference = controller_of(pod)
        if reference is not None and reference.kind != "Job":
            return
        job = None if reference is None else self._jobs.get(key[0], reference.name)
        if job is not None and reference is not None and job.metadata.uid == reference.uid and not is_finished(job):
            return
        # Somebody may be adopting it: then this is not the pod that was judged.
        await self._free(pod, revision=pod.metadata.resource_version)

    async def _claim(self, job: Job) -> list[Pod]:
        if job.spec.selector is None:
            return []
        owners = (controlled_by(job), orphans_of(job.metadata.namespace))
        candidates = [pod for owner in owners for pod in self._pods.by_index("controller", owner)]
        matches = selectors.from_record(job.spec.selector).matches
        claims = claim(job, matches, candidates)
        pods = await settle(self._client, job, self._pods, claims, finalizer=TRACKING_FINALIZER)
        return self._with_doomed(job, pods)

    def _present(self, job: Job) -> list[Pod]:
        return self._with_doomed(job, self._pods.by_index("controller", controlled_by(job)))

    def _with_doomed(self, job: Job, pods: Sequence[Pod]) -> list[Pod]:
        shown = {pod.metadata.uid for pod in pods}
        return [*pods, *(pod for pod in self._doomed.of(job.metadata.uid) if pod.metadata.uid not in shown)]

    def _backoff(self, job: Job, pods: Sequence[Pod], verdict: Verdict, now: float) -> Backoff:
        """Kept in memory; after a restart, begun with the ended pods there still are."""
        known = self._backoffs.get(job.metadata.uid)
        if known is None:
            ended = [pod for pod in pods if belongs(pod, job)]
            succeeded = [pod for pod in ended if pod.status.phase == "Succeeded"]
            return Backoff().after(succeeded, [pod for pod in ended if is_failed(pod, job)], now)
        return known.after(verdict.new_succeeded, verdict.new_failed, now)

    async def _carry_out(self, job: Job, decided: Plan) -> StatusError | None:
        failures = await failures_of(self._delete_one(job, pod, forget=decided.forget) for pod in decided.delete)
        if failures:
            return failures[0]
        made = 0
        for size in slow_start(len(decided.create)):
            batch = decided.create[made : made + size]
            failures = await failures_of(self._create_one(job, new) for new in batch)
            if failures:
                return failures[0]
            made += size
        return None

    async def _create_one(self, job: Job, new: NewPod) -> None:
        try:
            pod = await self._pods.create(make_pod(job, new))
        except StatusError as error:
            if not is_terminating(error):
                self._recorder.record(job, WARNING, "FailedCreate", f"Error creating: {error.message}")
            raise
        self._recorder.record(job, NORMAL, "SuccessfulCreate", f"Created pod: {pod.metadata.name}")

    async def _delete_one(self, job: Job, pod: Pod, *, forget: bool) -> None:
        try:
            if forget:
                await self._free(pod)
            deleted = await self._pods.delete(pod)
        except StatusError as error:
            self._recorder.record(job, WARNING, "FailedDelete", f"Error deleting: {error.message}")
            raise
        if deleted:
            self._doomed.add(job.metadata.uid, self._untracked(pod) if forget else pod, self._context.now())
            self._recorder.record(job, NORMAL, "SuccessfulDelete", f"Deleted pod: {pod.metadata.name}")

    @staticmethod
    def _untracked(pod: Pod) -> Pod:
        left = [each for each in pod.metadata.finalizers if each != TRACKING_FINALIZER]
        return replace(pod, metadata=replace(pod.metadata, finalizers=left))

    async def _free(self, pod: Pod, *, revision: str = "") -> None:
        """Take the finalizer off; of a given revision only."""
        metadata = {**FREE_METADATA, **({"resourceVersion": revision} if revision else {})}
        try:
            await self._pods.patch(pod, {"metadata": metadata}, kind=PatchKind.STRATEGIC)
        except NotFound:
            return  # gone already

    async def _count(self, job: Job, begun: Job, pods: Sequence[Pod], verdict: Verdict) -> None:
        """Write down who ended, take their finalizers, move them to the counters; end the Job if that was all."""
        now = self._context.now()
        told = account(begun, pods, self._present(job), verdict, now)
        if told.free:
            job = await self._put_status(job, told.status)
        failures = await failures_of(self._free(pod) for pod in told.free)
        status = counted(told.status, self._present(job))
        if verdict.ending is not None and told.complete and not failures:
            status = finished(status, verdict.ending, now)
        await self._put_status(job, status)
        if failures:
            raise failures[0]

    async def _put_status(self, job: Job, status: JobStatus) -> Job:
        if status == job.status:
            return job
        try:
            written = await self._jobs.update(replace(job, status=status), subresource="status")
        except NotFound:
            return replace(job, status=status)  # deleted meanwhile: its pods are freed all the same
        self._tell(job, written)
        return written

    def _tell(self, old: Job, new: Job) -> None:
        """Events of what became true."""
        suspended, was = is_true(new.status, SUSPENDED), is_true(old.status, SUSPENDED)
        if suspended and not was:
            self._recorder.record(new, NORMAL, "Suspended", "Job suspended")
        if was and not suspended:
            self._recorder.record(new, NORMAL, "Resumed", "Job resumed")
        failed = is_true(new.status, FAILED)
        if failed is not None:
            self._recorder.record(new, WARNING, failed.reason, failed.message)
        if is_true(new.status, COMPLETE) is not None:
            if new.spec.completions is not None and new.status.succeeded > new.spec.completions:
                message = "Too many succeeded pods running after completion count reached"
                self._recorder.record(new, WARNING, "TooManySucceededPods", message)
            self._recorder.record(new, NORMAL, "Completed", "Job completed")

    def _job_changed(self, old: Job | None, new: Job | None) -> None:
        if new is not None:
            self._queue.add(key_of(new))
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self._forget(old)

    def _forget(self, job: Job) -> None:
        self._backoffs.pop(job.metadata.uid, None)
        self._doomed.forget(job.metadata.uid)
        for pod in self._pods.by_index("controller", controlled_by(job)):
            self._strays.add(key_of(pod))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for job in self._pod_owners.concerned(old, new):
            if not is_finished(job):
                self._queue.add_after(key_of(job), batch_seconds(job))
        if new is not None and TRACKING_FINALIZER in new.metadata.finalizers:
            counting = self._pod_owners.of(new)
            if counting is None or is_finished(counting):
                self._strays.add(key_of(new))


def _may_adopt(job: Job, pod: Pod) -> bool:
    return job.spec.selector is not None and selectors.from_record(job.spec.selector).matches(pod.metadata.labels)


def _is_managed_elsewhere(job: Job) -> bool:
    return job.spec.managed_by not in (None, MANAGER)
