"""Which nodes get a pod, and which pods go. Pure.

Behaviour: upstream's DaemonSet controller. What every node should have comes first; only when nothing is to be done
about that does a rolling update go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from api.types import DaemonSet, DaemonSetStatus, Node, Pod
from controllers.daemonset import rolling
from controllers.daemonset.backoff import FailureBackoff
from controllers.daemonset.fit import Fit, Rules, target_node
from controllers.daemonset.rolling import NodePods
from controllers.pods import is_available, is_ready, is_terminal, next_available
from controllers.revisions.snapshot import REVISION_LABEL

# The most pods created or deleted in one go (upstream: BurstReplicas).
BURST = 250


@dataclass(slots=True)
class Plan:
    """create: names of nodes; delete: pods; failed and succeeded: those of them that ended, with their node's name.

    requeue_seconds: when a failed pod that has to wait may be replaced, or a ready one becomes available.
    """

    status: DaemonSetStatus
    create: list[str] = field(default_factory=list)
    delete: list[Pod] = field(default_factory=list)
    failed: list[tuple[Pod, str]] = field(default_factory=list)
    succeeded: list[tuple[Pod, str]] = field(default_factory=list)
    requeue_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """What there is. revision: the hash of the template's revision; backoff: of failed pods; it is only asked."""

    nodes: Sequence[Node]
    pods: Sequence[Pod]
    revision: str
    backoff: FailureBackoff


def plan(daemon_set: DaemonSet, observed: Observed, now: float) -> Plan:
    """What to do now, and what the status should say."""
    step = _Step(daemon_set, observed, now)
    result = step.result
    step.manage()
    if not result.create and not result.delete and daemon_set.spec.update_strategy.type == "RollingUpdate":
        step.roll()
    del result.create[BURST:], result.delete[BURST:]
    return result


def pods_by_node(pods: Sequence[Pod]) -> dict[str, list[Pod]]:
    """The pods by the node they are on or meant for, oldest first; ended ones that are being deleted are left out."""
    found: dict[str, list[Pod]] = {}
    for pod in sorted(pods, key=_seniority):
        node = target_node(pod)
        if node and not (is_terminal(pod) and pod.metadata.deletion_timestamp is not None):
            found.setdefault(node, []).append(pod)
    return found


def _seniority(pod: Pod) -> tuple[bool, str, str]:
    """Those on a node before those that still wait for one, the older before the younger."""
    return not pod.spec.node_name, pod.metadata.creation_timestamp or "", pod.metadata.name


class _Step:
    def __init__(self, daemon_set: DaemonSet, observed: Observed, now: float) -> None:
        self._daemon_set = daemon_set
        self._observed = observed
        self._now = now
        self._pods = pods_by_node(observed.pods)
        rules = Rules(daemon_set)
        self._fits = {node.metadata.name: rules.fit(node) for node in observed.nodes}
        self._wanted = sum(fit.should_run for fit in self._fits.values())
        self._limits = rolling.limits(daemon_set, self._wanted)
        self.result = Plan(self._status())
        self._look_again(next_available(observed.pods, daemon_set.spec.min_ready_seconds, now))

    def manage(self) -> None:
        """What every node should have, and no other."""
        for node, fit in self._fits.items():
            self._manage_node(node, fit, self._pods.get(node, []))
        for node in self._pods.keys() - self._fits.keys():
            # Never scheduled to a node that is no more: nobody else deletes these.
            pods = self._pods[node]
            self.result.delete += [pod for pod in pods if not pod.spec.node_name and not _is_deleting(pod)]

    def _manage_node(self, node: str, fit: Fit, pods: Sequence[Pod]) -> None:
        if not fit.should_continue:
            self.result.delete += [pod for pod in pods if not _is_deleting(pod)]
        elif not pods:
            if fit.should_run:
                self.result.create.append(node)
        else:
            self._prune(node, fit, [pod for pod in pods if not _is_deleting(pod)])

    def _prune(self, node: str, fit: Fit, pods: Sequence[Pod]) -> None:
        running = [pod for pod in pods if not is_terminal(pod)]
        for pod in pods:
            if pod.status.phase == "Failed":
                self._replace_failed(node, pod)
            elif pod.status.phase == "Succeeded":
                self.result.succeeded.append((pod, node))
                self.result.delete.append(pod)
        if self._limits.surge == 0:
            self.result.delete += running[1:]
        elif running:
            self.result.delete += rolling.beyond_surge(self._on(running), self._available)
        elif fit.should_run and not pods:
            self.result.create.append(node)

    def _replace_failed(self, node: str, pod: Pod) -> None:
        key = (self._daemon_set.metadata.uid, node)
        wait = self._observed.backoff.remaining(key, self._now)
        if wait > 0:
            self._look_again(wait)
            return
        self.result.failed.append((pod, node))
        self.result.delete.append(pod)

    def _look_again(self, seconds: float | None) -> None:
        waits = (self.result.requeue_seconds, seconds)
        self.result.requeue_seconds = min((wait for wait in waits if wait is not None), default=None)

    def roll(self) -> None:
        """Go on with an update, if one is under way."""
        if all(map(self._is_new, self._observed.pods)):
            return
        nodes: Mapping[str, NodePods] = {
            node: self._on([pod for pod in self._pods.get(node, []) if not _is_deleting(pod)])
            for node, fit in self._fits.items()
            if fit.should_run or node in self._pods
        }
        create, delete = rolling.next_step(nodes, self._limits, self._available)
        self.result.create += create
        self.result.delete += delete

    def _on(self, pods: Sequence[Pod]) -> NodePods:
        return NodePods(
            new=[pod for pod in pods if self._is_new(pod)], old=[pod for pod in pods if not self._is_new(pod)]
        )

    def _is_new(self, pod: Pod) -> bool:
        return pod.metadata.labels.get(REVISION_LABEL) == self._observed.revision

    def _available(self, pod: Pod) -> bool:
        return is_available(pod, self._daemon_set.spec.min_ready_seconds, self._now)

    def _status(self) -> DaemonSetStatus:
        first = {node: self._pods[node][0] for node, fit in self._fits.items() if fit.should_run and node in self._pods}
        ready = [pod for pod in first.values() if is_ready(pod)]
        available = sum(map(self._available, ready))
        return replace(
            self._daemon_set.status,
            observed_generation=self._daemon_set.metadata.generation,
            desired_number_scheduled=self._wanted,
            current_number_scheduled=len(first),
            number_misscheduled=sum(not fit.should_run and node in self._pods for node, fit in self._fits.items()),
            number_ready=len(ready),
            number_available=available,
            number_unavailable=self._wanted - available,
            updated_number_scheduled=sum(map(self._is_new, first.values())),
        )


def _is_deleting(pod: Pod) -> bool:
    return pod.metadata.deletion_timestamp is not None
