"""The ReplicaSet controller: watches pods, creates and deletes them, keeps the status."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from api import selectors, timestamps
from api.errors import NotFound, StatusError
from api.types import Pod, ReplicaSet, ReplicaSetCondition, ReplicaSetStatus
from cluster.events import NORMAL, WARNING
from cluster.informer import ObjectKey
from controllers.adoption import settle
from controllers.context import Context, by_controller, controlled_by, orphans_of
from controllers.mirror import key_of
from controllers.namespace.errors import is_terminating
from controllers.ownership import claim, controller_of
from controllers.pods import is_active, next_available
from controllers.replicaset.plan import Plan, desired_replicas, plan, pod_from_template, slow_start
from controllers.replicaset.status import REPLICA_FAILURE, new_status

NAME = "replicaset"


class ReplicaSetController:
    """reconcile(key): claim pods, create or delete, write the status."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = context.client
        self._recorder = context.recorder("replicaset-controller")
        self._sets = context.mirror(ReplicaSet)
        self._pods = context.mirror(Pod)
        self._queue = context.controller(NAME, self.reconcile, workers=5)
        self._sets.add_handler(self._set_changed)
        self._pods.add_handler(self._pod_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        replica_set = self._sets.get(*key)
        if replica_set is None:
            return
        pods = await self._claim(replica_set)
        related = self._related(replica_set) if len(pods) > desired_replicas(replica_set) else []
        decided = plan(replica_set, pods, related, self._context.now())
        failure = await self._carry_out(replica_set, decided)
        await self._write_status(replica_set, pods, failure)
        if failure is not None:
            raise failure
        delay = next_available(pods, replica_set.spec.min_ready_seconds, self._context.now())
        if delay is not None:
            self._queue.add_after(key, delay)

    async def _claim(self, replica_set: ReplicaSet) -> list[Pod]:
        if replica_set.spec.selector is None:
            return []
        candidates = [
            pod
            for owner in (controlled_by(replica_set), orphans_of(replica_set.metadata.namespace))
            for pod in self._pods.by_index("controller", owner)
            if is_active(pod)
        ]
        matches = selectors.from_record(replica_set.spec.selector).matches
        return await settle(self._client, replica_set, self._pods, claim(replica_set, matches, candidates))

    def _related(self, replica_set: ReplicaSet) -> list[Pod]:
        owner = controller_of(replica_set)
        siblings = self._sets.by_index("controller", by_controller(replica_set)[0]) if owner else [replica_set]
        return [pod for sibling in siblings for pod in self._pods.by_index("controller", controlled_by(sibling))]

    async def _carry_out(self, replica_set: ReplicaSet, decided: Plan) -> StatusError | None:
        for size in slow_start(decided.create):
            failures = await _failures(self._create_one(replica_set) for _ in range(size))
            if failures:
                return failures[0]
        failures = await _failures(self._delete_one(replica_set, pod) for pod in decided.delete)
        return failures[0] if failures else None

    async def _create_one(self, replica_set: ReplicaSet) -> None:
        try:
            pod = await self._pods.create(pod_from_template(replica_set))
        except StatusError as error:
            if not is_terminating(error):
                self._recorder.record(replica_set, WARNING, "FailedCreate", f"Error creating: {error.message}")
            raise
        self._recorder.record(replica_set, NORMAL, "SuccessfulCreate", f"Created pod: {pod.metadata.name}")

    async def _delete_one(self, replica_set: ReplicaSet, pod: Pod) -> None:
        try:
            deleted = await self._pods.delete(pod)
        except StatusError as error:
            self._recorder.record(replica_set, WARNING, "FailedDelete", f"Error deleting: {error.message}")
            raise
        if deleted:
            self._recorder.record(replica_set, NORMAL, "SuccessfulDelete", f"Deleted pod: {pod.metadata.name}")

    async def _write_status(self, replica_set: ReplicaSet, pods: Sequence[Pod], failure: StatusError | None) -> None:
        now = self._context.now()
        condition = None if failure is None else _failure_condition(replica_set, pods, failure, now)
        status = new_status(replica_set, pods, condition, now)
        if status != replica_set.status:
            await self._put_status(replica_set, status)

    async def _put_status(self, replica_set: ReplicaSet, status: ReplicaSetStatus) -> None:
        try:
            await self._sets.update(replace(replica_set, status=status), subresource="status")
        except NotFound:
            return  # deleted meanwhile

    def _set_changed(self, old: ReplicaSet | None, new: ReplicaSet | None) -> None:
        changed = new or old
        if changed is not None:
            self._queue.add(key_of(changed))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for pod in (old, new):
            if pod is not None:
                self._enqueue_owner(pod)
        if new is None or controller_of(new) is not None:
            return
        if old is None or old.metadata.labels != new.metadata.labels or controller_of(old) is not None:
            self._enqueue_adopters(new)

    def _enqueue_owner(self, pod: Pod) -> None:
        reference = controller_of(pod)
        if reference is None or reference.kind != "ReplicaSet":
            return
        owner = self._sets.get(pod.metadata.namespace, reference.name)
        if owner is not None and owner.metadata.uid == reference.uid:
            self._queue.add(key_of(owner))

    def _enqueue_adopters(self, pod: Pod) -> None:
        for replica_set in self._sets.by_index("namespace", pod.metadata.namespace):
            selector = replica_set.spec.selector
            if selector is not None and selectors.from_record(selector).matches(pod.metadata.labels):
                self._queue.add(key_of(replica_set))


async def _failures(calls: Iterable[object]) -> list[StatusError]:
    """Run all calls at once; returns what the API server refused, raises anything else."""
    results = await asyncio.gather(*calls, return_exceptions=True)  # type: ignore[call-overload]
    failures = []
    for result in results:
        if isinstance(result, StatusError):
            failures.append(result)
        elif isinstance(result, BaseException):
            raise result
    return failures


def _failure_condition(
    replica_set: ReplicaSet, pods: Sequence[Pod], failure: StatusError, now: float
) -> ReplicaSetCondition:
    creating = len(pods) < desired_replicas(replica_set)
    return ReplicaSetCondition(
        type=REPLICA_FAILURE,
        status="True",
        reason="FailedCreate" if creating else "FailedDelete",
        message=failure.message,
        last_transition_time=timestamps.now_text(now),
    )
