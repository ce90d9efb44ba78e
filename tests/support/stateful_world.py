"""A world for stateful sets without I/O: plans are carried out on pods and claims held here."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from api import codec, defaults, timestamps
from api.types import PersistentVolumeClaim, Pod, PodTemplateSpec, StatefulSet
from controllers.statefulset.identity import revision_of
from controllers.statefulset.plan import (
    AwaitClaim,
    CreateClaim,
    CreatePod,
    DeletePod,
    LabelPod,
    Observed,
    OwnClaim,
    Plan,
    Revision,
    plan,
)
from tests.support.objects import metadata, template, uid

START = 1_700_000_000.0


def stateful_set(
    name: str = "web", *, replicas: int = 3, image: str = "a", claims: tuple[str, ...] = (), **spec: Any
) -> StatefulSet:
    """A stateful set of generation 1 with upstream's defaults."""
    labels = {"app": name}
    claim_templates = [
        {"metadata": {"name": each, "labels": {"of": each}}, "spec": {"accessModes": ["ReadWriteOnce"]}}
        for each in claims
    ]
    tree = {
        "metadata": metadata(name, generation=1),
        "spec": {
            "serviceName": name,
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": template(labels, image),
            "volumeClaimTemplates": claim_templates,
            **spec,
        },
    }
    return defaults.apply(codec.from_tree(StatefulSet, tree))


class World:
    """One stateful set, its pods and claims. `step` is one pass of its controller, `settle` many."""

    def __init__(self, stateful_set: StatefulSet) -> None:
        self.stateful_set = stateful_set
        self.pods: dict[str, Pod] = {}
        self.claims: dict[str, PersistentVolumeClaim] = {}
        self.templates: dict[str, PodTemplateSpec] = {}
        self.now = START
        self.log: list[str] = []

    @property
    def update(self) -> Revision:
        template = self.stateful_set.spec.template
        return Revision(f"rev-{template.spec.containers[0].image}", template)

    def change(self, **spec: Any) -> None:
        changed = replace(self.stateful_set.spec, **spec)
        meta = self.stateful_set.metadata
        meta = replace(meta, generation=meta.generation + 1)
        self.stateful_set = replace(self.stateful_set, metadata=meta, spec=changed)

    def set_image(self, image: str) -> None:
        spec = self.stateful_set.spec.template.spec
        containers = [replace(spec.containers[0], image=image)]
        template = replace(self.stateful_set.spec.template, spec=replace(spec, containers=containers))
        self.change(template=template)

    def step(self) -> Plan:
        self.now += 1
        update = self.update
        self.templates[update.name] = update.template
        name = self.stateful_set.status.current_revision or update.name
        current = Revision(name, self.templates[name])
        observed = Observed(list(self.pods.values()), self.claims, current, update, 0)
        decided = plan(self.stateful_set, observed, self.now)
        for actions in decided.steps:
            for action in actions:
                if isinstance(action, AwaitClaim):
                    break
                self._act(action)
        self.stateful_set = replace(self.stateful_set, status=decided.status)
        return decided

    def _act(self, action: Any) -> None:
        if isinstance(action, CreateClaim):
            assert action.claim.metadata.name not in self.claims
            meta = replace(action.claim.metadata, uid=uid())
            self.claims[meta.name] = replace(action.claim, metadata=meta)
        elif isinstance(action, OwnClaim):
            meta = replace(action.claim.metadata, owner_references=action.owners)
            self.claims[meta.name] = replace(action.claim, metadata=meta)
        elif isinstance(action, CreatePod):
            name = action.pod.metadata.name
            assert name not in self.pods, f"two pods named {name}"
            self.log.append(f"+{name}")
            meta = replace(action.pod.metadata, uid=uid(), creation_timestamp=timestamps.now_text(self.now))
            self.pods[name] = replace(action.pod, metadata=meta, status=replace(action.pod.status, phase="Pending"))
        elif isinstance(action, DeletePod):
            self.log.append(f"-{action.pod.metadata.name}")
            self.terminate(action.pod.metadata.name)
        elif isinstance(action, LabelPod):
            pod = self.pods[action.pod.metadata.name]
            labels = {**pod.metadata.labels, **action.labels}
            self.pods[pod.metadata.name] = replace(pod, metadata=replace(pod.metadata, labels=labels))

    def terminate(self, name: str) -> None:
        pod = self.pods[name]
        meta = replace(pod.metadata, deletion_timestamp=timestamps.now_text(self.now))
        self.pods[name] = replace(pod, metadata=meta)

    def set_state(self, name: str, *, phase: str = "Running", ready: bool = True) -> None:
        condition = {
            "type": "Ready",
            "status": "True" if ready else "False",
            "lastTransitionTime": timestamps.now_text(self.now),
        }
        status = codec.from_tree(Pod, {"status": {"phase": phase, "conditions": [condition]}}).status
        self.pods[name] = replace(self.pods[name], status=status)

    def run_kubelet(self, *names: str) -> None:
        """These pods (all, when none is named) end if they are to, or become ready."""
        for name in names or list(self.pods):
            if self.pods[name].metadata.deletion_timestamp is not None:
                del self.pods[name]
            elif self.pods[name].status.phase == "Pending":
                self.set_state(name)

    def settle(self, passes: int = 60) -> None:
        for _ in range(passes):
            self.step()
            self.run_kubelet()

    def images(self) -> dict[str, str]:
        return {name: revision_of(pod).removeprefix("rev-") for name, pod in sorted(self.pods.items())}
