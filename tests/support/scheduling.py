"""A scheduler's core with nodes and pods, for unit tests."""

from __future__ import annotations

import random

from api.types import Namespace, Node, Pod
from scheduler.attempt import Unschedulable, attempt
from scheduler.config_file import Settings
from scheduler.core import Core
from scheduler.cycle import Chosen
from scheduler.pod_info import pod_info
from scheduler.preemption.candidates import Candidates
from scheduler.profiles import ProfileSettings, build
from scheduler.snapshot import Snapshot

PROFILE = build(ProfileSettings())


def snapshot(nodes: list[Node], pods: list[Pod] = [], namespaces: list[Namespace] = []) -> Snapshot:  # noqa: B006
    """A snapshot of pods placed where their spec says."""
    result = Snapshot()
    for node in nodes:
        result.put_node(node)
    for namespace in namespaces:
        result.put_namespace(namespace)
    for pod in pods:
        result.place(pod_info(pod), pod.spec.node_name)
    return result


def feasible(state: Snapshot, pod: Pod) -> set[str]:
    """The names of the nodes that every filter lets through."""
    mask = state.nodes.present.copy()
    info = pod_info(pod)
    for plugin in PROFILE.plugins:
        for rejection in plugin.filter(info, state) if plugin.filter else ():
            mask &= ~rejection.nodes
    return {state.nodes.name(slot) for slot in mask.nonzero()[0]}


def choose(state: Snapshot, pod: Pod, seed: int = 0) -> str:
    """The node chosen, or the message why there is none."""
    outcome = attempt(pod_info(pod), state, PROFILE, random.Random(seed), Candidates())
    return outcome.node if isinstance(outcome, Chosen) else outcome.message


def scores(state: Snapshot, pod: Pod, plugin_name: str) -> dict[str, float]:
    """What one plugin gives each node; empty when it does not tell them apart."""
    (plugin,) = [plugin for plugin in PROFILE.plugins if plugin.name == plugin_name]
    assert plugin.score is not None
    result = plugin.score(pod_info(pod), state, state.nodes.present)
    if result is None:
        return {}
    return {state.nodes.name(slot): float(result[slot]) for slot in state.nodes.present.nonzero()[0]}


def core(nodes: list[Node] = [], seed: int = 0) -> Core:  # noqa: B006
    return core_of(Settings({PROFILE.name: PROFILE}), nodes, seed)


def core_of(settings: Settings, nodes: list[Node], seed: int = 0) -> Core:
    result = Core(settings, random.Random(seed))
    for node in nodes:
        result.node_changed(None, node, 0.0)
    return result


def outcome_of(result: Core, now: float = 0.0) -> str | None:
    """Try one pod: the node chosen or the message why there is none; None when no pod waits."""
    decision = result.step(now)
    if decision is None:
        return None
    outcome = decision.outcome
    return outcome.message if isinstance(outcome, Unschedulable) else outcome.node
