"""A node's conditions as taints. Pure.

Source: upstream's node lifecycle controller. NoSchedule taints follow the conditions at once; NoExecute taints,
which evict, are added only when the zone's pacing allows and taken off at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from api import timestamps
from api.types import Node, Taint
from controllers.node_lifecycle.health import condition, ready_status

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
NO_SCHEDULE = "NoSchedule"
NO_EXECUTE = "NoExecute"

# (condition type, status) and the key that stands for it.
_KEYS = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
}
_OURS = frozenset({*_KEYS.values(), UNSCHEDULABLE})


def no_schedule(node: Node) -> set[str]:
    """The keys of the NoSchedule taints the node should carry."""
    keys = {key for (type_, status), key in _KEYS.items() if (each := condition(node, type_)) and each.status == status}
    if node.spec.unschedulable:
        keys.add(UNSCHEDULABLE)
    return keys


def no_execute(node: Node) -> str | None:
    """The key of the NoExecute taint the node should carry."""
    if condition(node, "Ready") is None:
        return None
    return {"False": NOT_READY, "Unknown": UNREACHABLE}.get(ready_status(node))


def wanted(node: Node, *, evict: bool, now: float) -> list[Taint]:
    """All taints of the node; those of others are left alone. evict: whether a NoExecute taint may be added.

    A NoExecute taint that is there already changes its key with the condition but keeps the time it was added.
    """
    stamp = timestamps.now_text(now)
    scheduled = no_schedule(node)
    executed = no_execute(node)
    current = [taint for taint in node.spec.taints if taint.key in _OURS]
    result = [taint for taint in node.spec.taints if not _is_managed(taint)]
    result += [taint for taint in current if taint.effect == NO_SCHEDULE and taint.key in scheduled]
    present = {taint.key for taint in result if taint.effect == NO_SCHEDULE}
    result += [Taint(key=key, effect=NO_SCHEDULE, time_added=stamp) for key in sorted(scheduled - present)]
    evicting = _evicting(current)
    if executed is not None and evicting:
        result.append(replace(evicting[0], key=executed))
    elif executed is not None and evict:
        result.append(Taint(key=executed, effect=NO_EXECUTE, time_added=stamp))
    return result


def is_evicting(node: Node) -> bool:
    """The node carries a NoExecute taint of ours."""
    return bool(_evicting(node.spec.taints))


def without_eviction(taints: Sequence[Taint]) -> list[Taint]:
    """The taints but those of ours that evict."""
    return [taint for taint in taints if taint not in _evicting(taints)]


def _evicting(taints: Sequence[Taint]) -> list[Taint]:
    return [taint for taint in taints if taint.effect == NO_EXECUTE and taint.key in (NOT_READY, UNREACHABLE)]


def _is_managed(taint: Taint) -> bool:
    if taint.effect == NO_EXECUTE:
        return taint.key in (NOT_READY, UNREACHABLE)
    return taint.effect == NO_SCHEDULE and taint.key in _OURS
