"""The next step of a StatefulSet: which pods to create, delete and mend. Pure.

Behaviour: upstream's StatefulSet control. With OrderedReady one pod is made or deleted at a time, and each waits for
all before it to be available; with Parallel none waits. A name is given to a new pod only once its former bearer is
gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from api.types import OwnerReference, PersistentVolumeClaim, Pod, PodTemplateSpec, StatefulSet, StatefulSetStatus
from controllers.pods import is_available, is_terminal, next_available
from controllers.statefulset import retention, update
from controllers.statefulset.identity import (
    claims,
    missing_labels,
    new_pod,
    ordinal_of,
    ordinals,
    pod_name,
)
from controllers.statefulset.status import is_running_and_ready, new_status


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision by name, and the template it holds."""

    name: str
    template: PodTemplateSpec


@dataclass(frozen=True, slots=True)
class Observed:
    """What there is: the set's pods, claims by name, its revisions and the collisions of their names."""

    pods: Sequence[Pod]
    claims: Mapping[str, PersistentVolumeClaim]
    current: Revision
    update: Revision
    collisions: int


@dataclass(frozen=True, slots=True)
class CreateClaim:
    claim: PersistentVolumeClaim
    pod_name: str


@dataclass(frozen=True, slots=True)
class OwnClaim:
    """Give the claim these owners, and no others."""

    claim: PersistentVolumeClaim
    owners: list[OwnerReference]


@dataclass(frozen=True, slots=True)
class AwaitClaim:
    """The claim is being deleted: its pod cannot be made before it is gone."""

    claim: PersistentVolumeClaim
    pod_name: str


@dataclass(frozen=True, slots=True)
class CreatePod:
    pod: Pod


@dataclass(frozen=True, slots=True)
class DeletePod:
    pod: Pod


@dataclass(frozen=True, slots=True)
class LabelPod:
    """Give an adopted pod the labels of its identity."""

    pod: Pod
    labels: Mapping[str, str]


Action = CreateClaim | OwnClaim | AwaitClaim | CreatePod | DeletePod | LabelPod


@dataclass(frozen=True, slots=True)
class Plan:
    """steps: each a list of actions in their order, about one pod; different steps may be carried out at once.

    requeue_seconds: when the next pod has been ready for long enough.
    """

    steps: list[list[Action]]
    status: StatefulSetStatus
    requeue_seconds: float | None


def plan(stateful_set: StatefulSet, observed: Observed, now: float) -> Plan:
    """What to do now, and what the status should say."""
    step = _Step(stateful_set, observed, now)
    if stateful_set.metadata.deletion_timestamp is None:
        step.run()
    revisions = (observed.current.name, observed.update.name)
    pods = list(step.pods.values())
    status = new_status(stateful_set, pods, revisions, observed.collisions, now, leaving=step.leaving)
    return Plan(step.steps, status, next_available(observed.pods, stateful_set.spec.min_ready_seconds, now))


@dataclass(slots=True)
class _Step:
    stateful_set: StatefulSet
    observed: Observed
    now: float
    pods: dict[int, Pod] = field(init=False)
    steps: list[list[Action]] = field(init=False, default_factory=list)
    leaving: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        numbered = ((ordinal_of(self.stateful_set, pod), pod) for pod in self.observed.pods)
        self.pods = {ordinal: pod for ordinal, pod in numbered if ordinal is not None}

    @property
    def _ordered(self) -> bool:
        return self.stateful_set.spec.pod_management_policy != "Parallel"

    def run(self) -> None:
        wanted = ordinals(self.stateful_set)
        for ordinal in wanted:
            if self._replica(ordinal) and self._ordered:
                return
        condemned = sorted((ordinal for ordinal in self.pods if ordinal not in wanted), reverse=True)
        for ordinal in condemned:
            self._add(self._owning(ordinal, self.pods[ordinal]))
        for ordinal in condemned:
            if self._condemned(ordinal) and self._ordered:
                return
        self._update()

    def _replica(self, ordinal: int) -> bool:
        """Bring the pod of a wanted ordinal on its way; whether the following ones must wait for it."""
        pod = self.pods.get(ordinal)
        if pod is None:
            return self._create(ordinal)
        if is_terminal(pod):
            # Its successor is made once it is gone, whatever its exit code says: evicted pods may have succeeded.
            if pod.metadata.deletion_timestamp is None:
                self._add([DeletePod(pod)])
            return True
        if pod.status.phase in ("", "Pending"):
            self._add(self._claiming(ordinal, pod))
        if pod.metadata.deletion_timestamp is not None or not self._available(pod):
            return True
        labels = missing_labels(pod, ordinal)
        self._add([*([LabelPod(pod, labels)] if labels else []), *self._owning(ordinal, pod)])
        return False

    def _create(self, ordinal: int) -> bool:
        for claim in claims(self.stateful_set, ordinal):
            found = self.observed.claims.get(claim.metadata.name)
            if found is not None and retention.is_stale(self.stateful_set, found, pod_name(self.stateful_set, ordinal)):
                return True  # its end brings the set back into the queue
        source = self.observed.current if self._needs_current(ordinal) else self.observed.update
        pod = new_pod(self.stateful_set, source.template, source.name, ordinal)
        self._add([*self._claiming(ordinal, None), CreatePod(pod)])
        return True

    def _needs_current(self, ordinal: int) -> bool:
        """Below the partition pods stay what they were, even when they are made anew."""
        strategy = self.stateful_set.spec.update_strategy
        if strategy.type != "RollingUpdate":
            return False
        start = ordinals(self.stateful_set).start
        if strategy.rolling_update is None:
            return ordinal < start + self.stateful_set.status.current_replicas
        return ordinal < start + (strategy.rolling_update.partition or 0)

    def _claiming(self, ordinal: int, pod: Pod | None) -> list[Action]:
        """Have the ordinal's claims made, awaited when a new pod cannot use them, owned as the policy says."""
        actions: list[Action] = []
        for wanted in claims(self.stateful_set, ordinal):
            found = self.observed.claims.get(wanted.metadata.name)
            if found is None:
                owners = retention.with_owners(self.stateful_set, wanted, pod, ordinal)
                metadata = replace(wanted.metadata, owner_references=owners or [])
                actions.append(CreateClaim(replace(wanted, metadata=metadata), pod_name(self.stateful_set, ordinal)))
            elif pod is None and found.metadata.deletion_timestamp is not None:
                actions.append(AwaitClaim(found, pod_name(self.stateful_set, ordinal)))
        return actions + self._owning(ordinal, pod)

    def _owning(self, ordinal: int, pod: Pod | None) -> list[Action]:
        actions: list[Action] = []
        for wanted in claims(self.stateful_set, ordinal):
            found = self.observed.claims.get(wanted.metadata.name)
            if found is None or found.metadata.deletion_timestamp is not None:
                continue
            owners = retention.with_owners(self.stateful_set, found, pod, ordinal)
            if owners is not None:
                actions.append(OwnClaim(found, owners))
        return actions

    def _condemned(self, ordinal: int) -> bool:
        """Take the pod of an ordinal no longer wanted one step towards its end."""
        pod = self.pods[ordinal]
        if pod.metadata.deletion_timestamp is not None:
            return True
        if self._ordered and not self._available(pod) and pod is not self._first_unavailable():
            return True
        self._add([DeletePod(pod)])
        return True

    def _first_unavailable(self) -> Pod | None:
        """The lowest wanted, then the lowest unwanted pod that is not available."""
        wanted = ordinals(self.stateful_set)
        in_order = sorted(self.pods, key=lambda ordinal: (ordinal not in wanted, ordinal))
        return next((self.pods[ordinal] for ordinal in in_order if not self._healthy(self.pods[ordinal])), None)

    def _update(self) -> None:
        if self.stateful_set.spec.update_strategy.type != "RollingUpdate":
            return
        replicas = [self.pods.get(ordinal) for ordinal in ordinals(self.stateful_set)]
        for pod in update.to_replace(self.stateful_set, replicas, self.observed.update.name, self._healthy):
            self._add([DeletePod(pod)])
            self.leaving.append(pod.metadata.uid)

    def _healthy(self, pod: Pod) -> bool:
        return self._available(pod) and pod.metadata.deletion_timestamp is None

    def _available(self, pod: Pod) -> bool:
        return is_running_and_ready(pod) and is_available(pod, self.stateful_set.spec.min_ready_seconds, self.now)

    def _add(self, actions: list[Action]) -> None:
        if actions:
            self.steps.append(actions)
