"""A rolling update of daemons. Pure.

Behaviour: upstream's. Without surge an old pod is deleted, and the node gets a new one once it is gone; with surge the
new one comes first, and the old one goes when the new one is available. An old pod that is not available anyway costs
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from api.types import DaemonSet, Pod
from controllers.deployment.numbers import scaled
from controllers.pods import is_ready

IsAvailable = Callable[[Pod], bool]


@dataclass(frozen=True, slots=True)
class NodePods:
    """A node's pods that are not being deleted: of the template's revision, and of others; oldest first."""

    new: Sequence[Pod]
    old: Sequence[Pod]


@dataclass(frozen=True, slots=True)
class Limits:
    """How many nodes may have two pods, and how many none that is available."""

    surge: int
    unavailable: int


def limits(daemon_set: DaemonSet, wanted: int) -> Limits:
    """The strategy's numbers for so many wanted pods; percentages are rounded up."""
    rolling = daemon_set.spec.update_strategy.rolling_update
    if daemon_set.spec.update_strategy.type != "RollingUpdate" or rolling is None:
        return Limits(0, 0)
    surge = scaled(rolling.max_surge, wanted, round_up=True)
    unavailable = scaled(rolling.max_unavailable, wanted, round_up=True)
    return Limits(surge, unavailable if surge or unavailable else 1)


def next_step(nodes: Mapping[str, NodePods], limits: Limits, is_available: IsAvailable) -> tuple[list[str], list[Pod]]:
    """The nodes that get a new pod beside the old one, and the old pods to delete."""
    if limits.surge:
        return _surge(nodes, limits.surge, is_available)
    return [], _replace(nodes, limits.unavailable, is_available)


def beyond_surge(pods: NodePods, is_available: IsAvailable) -> list[Pod]:
    """What a node has too much of: at most one old and one new pod, and both only until the new one can take over."""
    surplus = [*pods.new[1:], *pods.old[1:]]
    if pods.new and pods.old and (not is_ready(pods.old[0]) or is_available(pods.new[0])):
        surplus.append(pods.old[0])
    return surplus


def _replace(nodes: Mapping[str, NodePods], allowed: int, is_available: IsAvailable) -> list[Pod]:
    free: list[Pod] = []
    candidates: list[Pod] = []
    unavailable = 0
    for pods in nodes.values():
        if len(pods.new) + len(pods.old) != 1:
            unavailable += 1
        elif pods.new:
            unavailable += not is_available(pods.new[0])
        elif is_available(pods.old[0]):
            candidates.append(pods.old[0])
        else:
            free.append(pods.old[0])
    return free + candidates[: max(0, allowed - unavailable)]


def _surge(nodes: Mapping[str, NodePods], allowed: int, is_available: IsAvailable) -> tuple[list[str], list[Pod]]:
    free: list[str] = []
    candidates: list[str] = []
    done: list[Pod] = []
    surging = 0
    for node, pods in nodes.items():
        if len(pods.new) > 1 or len(pods.old) > 1:
            surging += 1
        elif pods.old and not pods.new:
            (candidates if is_available(pods.old[0]) else free).append(node)
        elif pods.old and is_available(pods.new[0]):
            done.append(pods.old[0])
        elif pods.old:
            surging += 1
    return free + candidates[: max(0, allowed - surging)], done
