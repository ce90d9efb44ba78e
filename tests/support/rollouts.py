"""A world for deployments without I/O: replica sets are made, scaled and deleted as planned; pods come up when told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from api import timestamps
from api.types import Deployment, Pod, PodTemplateSpec, ReplicaSet
from controllers.deployment.numbers import size
from controllers.deployment.plan import ChangeSet, CreateSet, DeleteSet, Plan, plan
from tests.support.objects import uid

START = 1_700_000_000.0


class World:
    """One deployment and its replica sets; `pods[uid]` is [available, not available] of a set."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.sets: dict[str, ReplicaSet] = {}
        self.pods: dict[str, list[int]] = {}
        self.now = START
        self.events: list[str] = []

    def step(self, pods: Mapping[str, Sequence[Pod]] | None = None) -> Plan:
        """One pass of the deployment controller, carried out."""
        self.now += 1
        result = plan(self.deployment, list(self.sets.values()), pods or {}, self.now)
        if result.rollback is not None:
            self.deployment = result.rollback.deployment
            return result
        for action in result.actions:
            if isinstance(action, CreateSet):
                self._create(action.replica_set)
            elif isinstance(action, ChangeSet):
                self._change(action)
            elif isinstance(action, DeleteSet):
                del self.sets[action.replica_set.metadata.uid]
        annotations = self.deployment.metadata.annotations
        if result.revision is not None:
            annotations = {**annotations, "deployment.kubernetes.io/revision": result.revision}
        metadata = replace(self.deployment.metadata, annotations=annotations)
        self.deployment = replace(self.deployment, metadata=metadata, status=result.status)
        return result

    def run_replica_sets(self) -> None:
        """One pass of the replica set controller: pods are made, or deleted, those that are not available first."""
        for key, replica_set in self.sets.items():
            available, pending = self.pods[key]
            surplus = available + pending - size(replica_set)
            pending += max(0, -surplus)
            gone = min(pending, max(0, surplus))
            self.pods[key] = [available - max(0, surplus - gone), pending - gone]
        self._observe()

    def bring_up(self, count: int = 1_000_000) -> None:
        """So many pods become available."""
        for counts in self.pods.values():
            coming = min(count, counts[1])
            counts[0] += coming
            counts[1] -= coming
            count -= coming
        self._observe()

    def settle(self, passes: int = 60) -> None:
        """Let everything run until nothing changes any more."""
        for _ in range(passes):
            before = (self.deployment, dict(self.sets))
            self.step()
            self.run_replica_sets()
            self.bring_up()
            if before == (self.deployment, dict(self.sets)):
                return
        raise AssertionError(f"does not settle: {self.sizes()}")

    def set_template(self, image: str) -> None:
        spec = self.deployment.spec
        (container,) = spec.template.spec.containers
        changed = replace(spec.template.spec, containers=[replace(container, image=image)])
        self.edit(template=PodTemplateSpec(metadata=spec.template.metadata, spec=changed))

    def edit(self, **spec: object) -> None:
        """Change the deployment's spec as a user does."""
        metadata = replace(self.deployment.metadata, generation=self.deployment.metadata.generation + 1)
        changed = replace(self.deployment.spec, **spec)
        self.deployment = replace(self.deployment, metadata=metadata, spec=changed)

    @property
    def total(self) -> int:
        """How many pods there are, or are asked for if that is more."""
        return sum(max(size(each), sum(self.pods[key])) for key, each in self.sets.items())

    @property
    def available(self) -> int:
        return sum(counts[0] for counts in self.pods.values())

    def sizes(self) -> dict[str, int]:
        """Size by image."""
        return {self.image(each): size(each) for each in self.sets.values()}

    @staticmethod
    def image(replica_set: ReplicaSet) -> str:
        return replica_set.spec.template.spec.containers[0].image

    def by_image(self, image: str) -> ReplicaSet:
        return next(each for each in self.sets.values() if self.image(each) == image)

    def condition(self, type_: str) -> tuple[str, str, str]:
        found = next(each for each in self.deployment.status.conditions if each.type == type_)
        return found.status, found.reason, found.message

    def _create(self, replica_set: ReplicaSet) -> None:
        stamp = timestamps.now_text(self.now)
        metadata = replace(replica_set.metadata, uid=uid(), creation_timestamp=stamp, generation=1)
        self.sets[metadata.uid] = replace(replica_set, metadata=metadata)
        self.pods[metadata.uid] = [0, 0]
        self.events.append(f"created {self.image(replica_set)} at {size(replica_set)}")

    def _change(self, action: ChangeSet) -> None:
        metadata = action.replica_set.metadata
        self.sets[metadata.uid] = replace(
            action.replica_set, metadata=replace(metadata, generation=metadata.generation + 1)
        )
        if size(action.replica_set) != action.old_size:
            self.events.append(
                f"scaled {self.image(action.replica_set)} from {action.old_size} to {size(action.replica_set)}"
            )

    def _observe(self) -> None:
        for key, replica_set in self.sets.items():
            available, pending = self.pods[key]
            status = replace(
                replica_set.status,
                replicas=available + pending,
                ready_replicas=available,
                available_replicas=available,
                observed_generation=replica_set.metadata.generation,
            )
            self.sets[key] = replace(replica_set, status=status)
