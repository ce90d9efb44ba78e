"""What a deployment needs next: one step of its rollout, and its status.

Source: upstream's deployment controller. Pure: replica sets and pods as they are come in; creations, changes and
deletions of replica sets and the new status come out. Changes are applied to the planner's own picture as they are
decided, so that later decisions of the same step see them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from api.types import (
    Deployment,
    DeploymentStatus,
    LabelSelector,
    ObjectMeta,
    Pod,
    ReplicaSet,
    ReplicaSetSpec,
)
from controllers.deployment import bookkeeping, conditions, numbers, rollback, rolling, scaling
from controllers.deployment.numbers import RECREATE, desired, max_surge, size
from controllers.deployment.rollback import Rollback
from controllers.deployment.status import rollout_status, steady_status
from controllers.deployment.template import HASH_LABEL, find_new_set, template_hash
from controllers.ownership import controller_reference
from controllers.pods import is_terminal

PodsBySet = Mapping[str, Sequence[Pod]]


@dataclass(frozen=True, slots=True)
class CreateSet:
    """Create a replica set that has pods to make when its size is not 0."""

    replica_set: ReplicaSet


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Write a replica set; old_size differs from the set's when it is scaled."""

    replica_set: ReplicaSet
    old_size: int


@dataclass(frozen=True, slots=True)
class DeleteSet:
    """Delete a replica set that history no longer needs."""

    replica_set: ReplicaSet


Action = CreateSet | ChangeSet | DeleteSet


@dataclass(frozen=True, slots=True)
class Plan:
    """actions: in the order to do them; revision: what the deployment's annotation should say; requeue_seconds: when to
    look again though nothing changes (None: not at all); rollback: to be done instead of all else."""

    actions: list[Action]
    status: DeploymentStatus
    revision: str | None
    requeue_seconds: float | None = None
    rollback: Rollback | None = None


def plan(deployment: Deployment, replica_sets: Sequence[ReplicaSet], pods: PodsBySet, now: float) -> Plan:
    """Decide the next step. replica_sets: those the deployment controls; pods: by the uid of their replica set."""
    planner = _Planner(deployment, list(replica_sets), pods, now)
    if deployment.metadata.deletion_timestamp is not None:
        return planner.observe()
    planner.note_pause()
    if deployment.spec.paused:
        return planner.rescale()
    if (to := rollback.wanted(deployment)) is not None:
        return planner.roll_back(to)
    if scaling.is_scaling(deployment, replica_sets):
        return planner.rescale()
    if deployment.spec.strategy.type == RECREATE:
        return planner.recreate()
    return planner.roll()


@dataclass(slots=True)
class _Planner:
    deployment: Deployment
    replica_sets: list[ReplicaSet]
    pods: PodsBySet
    now: float
    actions: list[Action] = field(default_factory=list)
    revision: str | None = None

    def observe(self) -> Plan:
        """Only look: the deployment is being deleted."""
        return self._finish(steady_status(self.deployment, self.replica_sets, self._new, self.now))

    def rescale(self) -> Plan:
        """Change sizes in proportion, without going on with any rollout."""
        self._sync_revision(create=False)
        for uid, wanted in scaling.rescaled(self.deployment, self.replica_sets, self._new).items():
            self._resize(self._set(uid), wanted)
        if self.deployment.spec.paused:
            self._clean_up()
        return self._finish(steady_status(self.deployment, self.replica_sets, self._new, self.now))

    def roll(self) -> Plan:
        """Grow the new replica set or shrink the old ones, never past the fenceposts."""
        self._sync_revision(create=True)
        new = self._new
        if new is not None:
            sizes = rolling.next_sizes(self.deployment, new, self._old)
            for uid, wanted in sizes.items():
                self._resize(self._set(uid), wanted)
            if not sizes:
                self._clean_up_when_complete()
        return self._finish_rollout()

    def recreate(self) -> Plan:
        """Stop everything old, and only when it is gone start the new."""
        self._sync_revision(create=False)
        running = [replica_set for replica_set in self._old if size(replica_set)]
        if running:
            for replica_set in running:
                self._resize(replica_set, 0)
            return self._finish_rollout()
        if self._old_pods_remain():
            return self._finish_rollout()
        if self._new is None:
            self._sync_revision(create=True)
        new = self._new
        if new is not None and size(new) != desired(self.deployment):
            self._resize(new, desired(self.deployment))
        self._clean_up_when_complete()
        return self._finish_rollout()

    def roll_back(self, to: int) -> Plan:
        """Back to an earlier revision, once the present template has a replica set and thus a revision itself."""
        self._sync_revision(create=True)
        plan = self._finish_rollout()
        if self.actions or self.revision is not None:
            return plan
        decided = rollback.roll_back(self.deployment, self.replica_sets, to)
        return Plan([], plan.status, None, rollback=decided)

    def note_pause(self) -> None:
        """Say in the Progressing condition that the rollout is paused or goes on: its deadline stops and starts."""
        deployment = self.deployment
        if not conditions.has_deadline(deployment):
            return
        current = conditions.find(deployment.status.conditions, conditions.PROGRESSING)
        if current is not None and current.reason == conditions.TIMED_OUT:
            return
        says_paused = current is not None and current.reason == conditions.PAUSED
        if deployment.spec.paused and not says_paused:
            self._progress("Unknown", conditions.PAUSED, "Deployment is paused")
        elif not deployment.spec.paused and says_paused:
            self._progress("Unknown", conditions.RESUMED, "Deployment is resumed")

    @property
    def _new(self) -> ReplicaSet | None:
        return find_new_set(self.deployment, self.replica_sets)

    @property
    def _old(self) -> list[ReplicaSet]:
        new = self._new
        return [replica_set for replica_set in self.replica_sets if replica_set is not new]

    def _set(self, uid: str) -> ReplicaSet:
        return next(replica_set for replica_set in self.replica_sets if replica_set.metadata.uid == uid)

    def _sync_revision(self, *, create: bool) -> None:
        """The newest template's replica set carries the highest revision, and the deployment the same."""
        revision = bookkeeping.max_revision(self._old) + 1
        new = self._new
        if new is not None:
            self._update_new_set(new, revision)
        elif create:
            self._create_new_set(revision)
        new = self._new
        if new is not None:
            wanted = new.metadata.annotations.get(bookkeeping.REVISION)
            if wanted != self.deployment.metadata.annotations.get(bookkeeping.REVISION):
                self.revision = wanted

    def _update_new_set(self, new: ReplicaSet, revision: int) -> None:
        deployment = self.deployment
        if conditions.find(deployment.status.conditions, conditions.PROGRESSING) is None:
            self._progress("True", conditions.FOUND, f'Found new replica set "{new.metadata.name}"')
        wanted = bookkeeping.for_new_set(deployment, new.metadata.annotations, revision)
        same_wait = new.spec.min_ready_seconds == deployment.spec.min_ready_seconds
        if wanted == new.metadata.annotations and same_wait:
            return
        changed = replace(
            new,
            metadata=replace(new.metadata, annotations=wanted),
            spec=replace(new.spec, min_ready_seconds=deployment.spec.min_ready_seconds),
        )
        self._change(new, changed)

    def _create_new_set(self, revision: int) -> None:
        new = new_replica_set(self.deployment, revision)
        wanted = numbers.new_set_size(self.deployment, [*self.replica_sets, new], 0)
        limits = self._size_annotations()
        new = replace(
            new,
            spec=replace(new.spec, replicas=wanted),
            metadata=replace(new.metadata, annotations={**new.metadata.annotations, **limits}),
        )
        self.replica_sets.append(new)
        self.actions.append(CreateSet(new))
        self._progress("True", conditions.CREATED, f'Created new replica set "{new.metadata.name}"')

    def _resize(self, replica_set: ReplicaSet, wanted: int) -> None:
        """Scale a set, or only bring its size annotations up to date."""
        limits = self._size_annotations()
        current = replica_set.metadata.annotations
        if size(replica_set) == wanted and limits.items() <= current.items():
            return
        changed = replace(
            replica_set,
            metadata=replace(replica_set.metadata, annotations={**current, **limits}),
            spec=replace(replica_set.spec, replicas=wanted),
        )
        self._change(replica_set, changed)

    def _change(self, old: ReplicaSet, new: ReplicaSet) -> None:
        """Record a change, as one with what this step has already done to the same set."""
        self.replica_sets[self.replica_sets.index(old)] = new
        for position, action in enumerate(self.actions):
            if isinstance(action, CreateSet) and action.replica_set is old:
                self.actions[position] = CreateSet(new)
                return
            if isinstance(action, ChangeSet) and action.replica_set is old:
                self.actions[position] = ChangeSet(new, action.old_size)
                return
        self.actions.append(ChangeSet(new, size(old)))

    def _size_annotations(self) -> dict[str, str]:
        wanted = desired(self.deployment)
        return bookkeeping.size_annotations(wanted, wanted + max_surge(self.deployment))

    def _clean_up_when_complete(self) -> None:
        if conditions.is_complete(self.deployment, self.deployment.status):
            self._clean_up()

    def _clean_up(self) -> None:
        for replica_set in scaling.forgettable(self.deployment, self._old):
            self.replica_sets.remove(replica_set)
            self.actions.append(DeleteSet(replica_set))

    def _old_pods_remain(self) -> bool:
        new = self._new
        kept = new.metadata.uid if new is not None else None
        if any(replica_set.status.replicas for replica_set in self._old):
            return True
        return any(not is_terminal(pod) for uid, pods in self.pods.items() if uid != kept for pod in pods)

    def _progress(self, status: str, reason: str, message: str) -> None:
        if not conditions.has_deadline(self.deployment):
            return
        condition = conditions.make(conditions.PROGRESSING, status, reason, message, self.now)
        current = self.deployment.status
        changed = conditions.with_condition(current.conditions, condition)
        self.deployment = replace(self.deployment, status=replace(current, conditions=changed))

    def _finish_rollout(self) -> Plan:
        return self._finish(rollout_status(self.deployment, self.replica_sets, self._new, self.now))

    def _finish(self, status: DeploymentStatus) -> Plan:
        observed = replace(self.deployment, status=status)
        seconds = None
        progressing = conditions.find(status.conditions, conditions.PROGRESSING)
        if progressing is not None and progressing.reason not in (conditions.TIMED_OUT, conditions.PAUSED):
            seconds = conditions.deadline_seconds(observed, self.now)
        return Plan(self.actions, status, self.revision, None if seconds is None else max(seconds, 0.0) + 1.0)


def new_replica_set(deployment: Deployment, revision: int) -> ReplicaSet:
    """The replica set of the deployment's template, still of size 0, without a uid."""
    template, selector = deployment.spec.template, deployment.spec.selector or LabelSelector()
    suffix = template_hash(template, deployment.status.collision_count)
    labels = {**template.metadata.labels, HASH_LABEL: suffix}
    return ReplicaSet(
        metadata=ObjectMeta(
            name=f"{deployment.metadata.name}-{suffix}",
            namespace=deployment.metadata.namespace,
            labels=labels,
            annotations=bookkeeping.for_new_set(deployment, {}, revision),
            owner_references=[controller_reference(deployment)],
        ),
        spec=ReplicaSetSpec(
            replicas=0,
            min_ready_seconds=deployment.spec.min_ready_seconds,
            selector=replace(selector, match_labels={**selector.match_labels, HASH_LABEL: suffix}),
            template=replace(template, metadata=replace(template.metadata, labels=labels)),
        ),
    )
