"""ReplicaSets and ReplicationControllers: watches pods, creates and deletes them, keeps the status."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from api import timestamps
from api.errors import NotFound, StatusError
from api.types import Pod
from cluster.events import NORMAL, WARNING
from cluster.informer import ObjectKey
from controllers.adoption import settle
from controllers.batches import failures_of, slow_start
from controllers.context import Context, by_controller, controlled_by, orphans_of
from controllers.mirror import key_of
from controllers.namespace.errors import is_terminating
from controllers.ownership import claim, controller_of
from controllers.pod_owners import PodOwners
from controllers.pods import is_active
from controllers.replicaset.kinds import Condition, Owner, ReplicaKind, Status, selects
from controllers.replicaset.plan import Plan, desired_replicas, plan, pod_from_template
from controllers.replicaset.status import REPLICA_FAILURE, new_status
from controllers.replicaset.terminating import Pace, terminating


class ReplicaController:
    """reconcile(key): claim pods, create or delete, write the status."""

    def __init__(self, context: Context, kind: ReplicaKind) -> None:
        self._context = context
        self._kind = kind
        self._client = context.client
        self._recorder = context.recorder(kind.component)
        self._owners = context.mirror(kind.record)
        self._pods = context.mirror(Pod)
        self._pod_owners = PodOwners(kind.kind, self._owners, _may_adopt)
        self._pace = Pace()
        self._queue = context.controller(kind.name, self.reconcile, workers=5)
        self._owners.add_handler(self._owner_changed)
        self._pods.add_handler(self._pod_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        owner = self._owners.get(*key)
        if owner is None:
            return
        pods = await self._claim(owner)
        related = self._related(owner) if len(pods) > desired_replicas(owner) else []
        now = self._context.now()  # of plan and status: a pod that is not available yet must be looked at again
        decided = plan(owner, pods, related, now)
        failure = await self._carry_out(owner, decided)
        await self._write_status(owner, pods, failure, now)
        if failure is not None:
            raise failure
        if decided.requeue_seconds is not None:
            self._queue.add_after(key, decided.requeue_seconds)

    async def _claim(self, owner: Owner) -> list[Pod]:
        matches = selects(owner)
        if matches is None:
            return []
        candidates = [
            pod
            for key in (controlled_by(owner), orphans_of(owner.metadata.namespace))
            for pod in self._pods.by_index("controller", key)
            if is_active(pod)
        ]
        return await settle(self._client, owner, self._pods, claim(owner, matches, candidates))

    def _related(self, owner: Owner) -> list[Pod]:
        above = controller_of(owner)
        siblings = self._owners.by_index("controller", by_controller(owner)[0]) if above else [owner]
        return [pod for sibling in siblings for pod in self._pods.by_index("controller", controlled_by(sibling))]

    async def _carry_out(self, owner: Owner, decided: Plan) -> StatusError | None:
        for size in slow_start(decided.create):
            failures = await failures_of(self._create_one(owner) for _ in range(size))
            if failures:
                return failures[0]
        failures = await failures_of(self._delete_one(owner, pod) for pod in decided.delete)
        return failures[0] if failures else None

    async def _create_one(self, owner: Owner) -> None:
        try:
            pod = await self._pods.create(pod_from_template(owner))
        except StatusError as error:
            if not is_terminating(error):
                self._recorder.record(owner, WARNING, "FailedCreate", f"Error creating: {error.message}")
            raise
        self._recorder.record(owner, NORMAL, "SuccessfulCreate", f"Created pod: {pod.metadata.name}")

    async def _delete_one(self, owner: Owner, pod: Pod) -> None:
        try:
            deleted = await self._pods.delete(pod)
        except StatusError as error:
            self._recorder.record(owner, WARNING, "FailedDelete", f"Error deleting: {error.message}")
            raise
        if deleted:
            self._recorder.record(owner, NORMAL, "SuccessfulDelete", f"Deleted pod: {pod.metadata.name}")

    async def _write_status(self, owner: Owner, pods: Sequence[Pod], failure: StatusError | None, now: float) -> None:
        condition = None if failure is None else _failure_condition(self._kind, owner, pods, failure, now)
        leaving = terminating(self._pods.by_index("controller", controlled_by(owner)))
        status = new_status(owner, pods, condition, now, leaving)
        if status == owner.status:
            return
        wait = self._pace.wait(key_of(owner), owner.status, status, now)
        if wait:
            self._queue.add_after(key_of(owner), wait)
        else:
            await self._put_status(owner, status)

    async def _put_status(self, owner: Owner, status: Status) -> None:
        try:
            await self._owners.update(replace(owner, status=status), subresource="status")
        except NotFound:
            return  # deleted meanwhile

    def _owner_changed(self, old: Owner | None, new: Owner | None) -> None:
        changed = new or old
        if changed is not None:
            self._queue.add(key_of(changed))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for owner in self._pod_owners.concerned(old, new):
            self._queue.add(key_of(owner))


def _may_adopt(owner: Owner, pod: Pod) -> bool:
    matches = selects(owner)
    return matches is not None and matches(pod.metadata.labels)


def _failure_condition(
    kind: ReplicaKind, owner: Owner, pods: Sequence[Pod], failure: StatusError, now: float
) -> Condition:
    creating = len(pods) < desired_replicas(owner)
    condition: Condition = kind.condition(
        type=REPLICA_FAILURE,
        status="True",
        reason="FailedCreate" if creating else "FailedDelete",
        message=failure.message,
        last_transition_time=timestamps.now_text(now),
    )
    return condition
