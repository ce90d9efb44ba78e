"""The Deployment controller: watches replica sets, carries out plans, tells of scaling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from api import selectors
from api.errors import AlreadyExists, NotFound, StatusError
from api.types import Deployment, DeploymentStatus, LabelSelector, Pod, ReplicaSet
from cluster.events import NORMAL, WARNING
from cluster.informer import ObjectKey
from controllers.adoption import settle
from controllers.context import Context, controlled_by, orphans_of
from controllers.deployment import bookkeeping, conditions
from controllers.deployment.numbers import RECREATE, size
from controllers.deployment.plan import Action, ChangeSet, CreateSet, plan
from controllers.deployment.rollback import Rollback
from controllers.deployment.template import same_template
from controllers.mirror import key_of
from controllers.namespace.errors import is_terminating
from controllers.ownership import claim, controller_of

NAME = "deployment"


class DeploymentController:
    """reconcile(key): claim replica sets, take the next step of the rollout, write the status."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = context.client
        self._recorder = context.recorder("deployment-controller")
        self._deployments = context.mirror(Deployment)
        self._sets = context.mirror(ReplicaSet)
        self._pods = context.mirror(Pod)
        self._queue = context.controller(NAME, self.reconcile, workers=5)
        self._deployments.add_handler(self._deployment_changed)
        self._sets.add_handler(self._set_changed)
        self._pods.add_handler(self._pod_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        deployment = self._deployments.get(*key)
        if deployment is None:
            return
        if deployment.spec.selector in (None, LabelSelector()):
            await self._refuse(deployment)
            return
        replica_sets = await self._claim(deployment)
        step = plan(deployment, replica_sets, self._pods_by_set(deployment, replica_sets), self._context.now())
        if step.rollback is not None:
            await self._roll_back(step.rollback)
            return  # its change brings the deployment back into the queue
        if step.revision is not None:
            deployment = await self._write_revision(deployment, step.revision)
        for action in step.actions:
            await self._carry_out(deployment, action)
        if step.status != deployment.status:
            await self._write_status(deployment, step.status)
        if step.requeue_seconds is not None:
            self._queue.add_after(key, step.requeue_seconds)

    async def _roll_back(self, rollback: Rollback) -> None:
        changed = await self._deployments.update(rollback.deployment)
        self._recorder.record(changed, rollback.type, rollback.reason, rollback.message)

    async def _refuse(self, deployment: Deployment) -> None:
        """A selector that selects everything would claim every replica set there is."""
        words = "This deployment is selecting all pods. A non-empty selector is required."
        self._recorder.record(deployment, WARNING, "SelectingAll", words)
        if deployment.status.observed_generation < deployment.metadata.generation:
            status = replace(deployment.status, observed_generation=deployment.metadata.generation)
            await self._write_status(deployment, status)

    async def _claim(self, deployment: Deployment) -> list[ReplicaSet]:
        selector = deployment.spec.selector or LabelSelector()
        candidates = [
            replica_set
            for owner in (controlled_by(deployment), orphans_of(deployment.metadata.namespace))
            for replica_set in self._sets.by_index("controller", owner)
        ]
        claims = claim(deployment, selectors.from_record(selector).matches, candidates)
        return await settle(self._client, deployment, self._sets, claims)

    def _pods_by_set(self, deployment: Deployment, sets: Sequence[ReplicaSet]) -> Mapping[str, Sequence[Pod]]:
        if deployment.spec.strategy.type != RECREATE:
            return {}
        return {each.metadata.uid: self._pods.by_index("controller", controlled_by(each)) for each in sets}

    async def _carry_out(self, deployment: Deployment, action: Action) -> None:
        if isinstance(action, CreateSet):
            await self._create(deployment, action.replica_set)
        elif isinstance(action, ChangeSet):
            await self._change(deployment, action)
        else:
            await self._sets.delete(action.replica_set)

    async def _create(self, deployment: Deployment, replica_set: ReplicaSet) -> None:
        try:
            await self._sets.create(replica_set)
        except AlreadyExists:
            if not await self._is_ours(deployment, replica_set):
                await self._count_collision(deployment)
                raise
            return  # made by an earlier attempt whose answer was lost
        except StatusError as error:
            if not is_terminating(error):
                await self._tell_of_failed_creation(deployment, replica_set, error)
            raise
        if size(replica_set):
            self._tell_of_scaling(deployment, replica_set, 0)

    async def _is_ours(self, deployment: Deployment, wanted: ReplicaSet) -> bool:
        found = await self._client.get(ReplicaSet, wanted.metadata.name, wanted.metadata.namespace)
        owner = controller_of(found)
        return (
            owner is not None
            and owner.uid == deployment.metadata.uid
            and same_template(found.spec.template, wanted.spec.template)
        )

    async def _count_collision(self, deployment: Deployment) -> None:
        count = (deployment.status.collision_count or 0) + 1
        await self._write_status(deployment, replace(deployment.status, collision_count=count))

    async def _tell_of_failed_creation(
        self, deployment: Deployment, replica_set: ReplicaSet, error: StatusError
    ) -> None:
        words = f'Failed to create new replica set "{replica_set.metadata.name}": {error.message}'
        self._recorder.record(deployment, WARNING, conditions.FAILED_CREATE, words)
        if not conditions.has_deadline(deployment):
            return
        now = self._context.now()
        condition = conditions.make(conditions.PROGRESSING, "False", conditions.FAILED_CREATE, words, now)
        entries = conditions.with_condition(deployment.status.conditions, condition)
        if entries != deployment.status.conditions:
            await self._write_status(deployment, replace(deployment.status, conditions=entries))

    async def _change(self, deployment: Deployment, action: ChangeSet) -> None:
        await self._sets.update(action.replica_set)
        if size(action.replica_set) != action.old_size:
            self._tell_of_scaling(deployment, action.replica_set, action.old_size)

    def _tell_of_scaling(self, deployment: Deployment, replica_set: ReplicaSet, old_size: int) -> None:
        new_size = size(replica_set)
        direction = "up" if new_size > old_size else "down"
        words = f"Scaled {direction} replica set {replica_set.metadata.name} from {old_size} to {new_size}"
        self._recorder.record(deployment, NORMAL, "ScalingReplicaSet", words)

    async def _write_revision(self, deployment: Deployment, revision: str) -> Deployment:
        # With the status, as upstream: a change of the object itself would count as a new generation.
        annotations = {**deployment.metadata.annotations, bookkeeping.REVISION: revision}
        changed = replace(deployment, metadata=replace(deployment.metadata, annotations=annotations))
        return await self._deployments.update(changed, subresource="status")

    async def _write_status(self, deployment: Deployment, status: DeploymentStatus) -> None:
        try:
            await self._deployments.update(replace(deployment, status=status), subresource="status")
        except NotFound:
            return  # deleted meanwhile

    def _deployment_changed(self, old: Deployment | None, new: Deployment | None) -> None:
        changed = new or old
        if changed is not None:
            self._queue.add(key_of(changed))

    def _set_changed(self, old: ReplicaSet | None, new: ReplicaSet | None) -> None:
        for replica_set in (old, new):
            if replica_set is not None:
                self._enqueue_owner(replica_set)
        if new is None or controller_of(new) is not None:
            return
        if old is None or old.metadata.labels != new.metadata.labels or controller_of(old) is not None:
            self._enqueue_adopters(new)

    def _enqueue_owner(self, replica_set: ReplicaSet) -> None:
        reference = controller_of(replica_set)
        if reference is None or reference.kind != "Deployment":
            return
        owner = self._deployments.get(replica_set.metadata.namespace, reference.name)
        if owner is not None and owner.metadata.uid == reference.uid:
            self._queue.add(key_of(owner))

    def _enqueue_adopters(self, replica_set: ReplicaSet) -> None:
        for deployment in self._deployments.items():
            selector = deployment.spec.selector
            if (
                selector not in (None, LabelSelector())
                and deployment.metadata.namespace == replica_set.metadata.namespace
                and selectors.from_record(selector).matches(replica_set.metadata.labels)
            ):
                self._queue.add(key_of(deployment))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """A pod's end is what a deployment that recreates waits for."""
        if old is None or new is not None:
            return
        reference = controller_of(old)
        if reference is None or reference.kind != "ReplicaSet":
            return
        replica_set = self._sets.get(old.metadata.namespace, reference.name)
        if replica_set is None or replica_set.metadata.uid != reference.uid:
            return
        owner = controller_of(replica_set)
        deployment = self._deployments.get(old.metadata.namespace, owner.name) if owner else None
        if deployment is not None and deployment.spec.strategy.type == RECREATE:
            self._queue.add(key_of(deployment))
