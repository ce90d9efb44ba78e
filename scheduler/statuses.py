"""What a waiting pod's status says: why it waits, and where room is made for it; and what a victim's says."""

from __future__ import annotations

from typing import Any

from api.types import Pod, PodCondition
from scheduler.preemption.preempt import DISRUPTION_TARGET, REASON

UNSCHEDULABLE = "Unschedulable"


def unschedulable_patch(pod: Pod, message: str, now: str, *, nominated: str | None = None) -> dict[str, Any] | None:
    """The status patch that says why a pod waits; None when it says so already.

    now: RFC 3339. nominated: the node on which room is made, "" for none any more, None to leave it as it is.
    """
    status: dict[str, Any] = {}
    before = _condition(pod, "PodScheduled")
    if before is None or (before.status, before.reason, before.message) != ("False", UNSCHEDULABLE, message):
        since = before.last_transition_time if before is not None and before.status == "False" else now
        condition = _new_condition(pod, "PodScheduled", "False", UNSCHEDULABLE, message, since)
        status["conditions"] = [{**condition, "lastProbeTime": None}]
    if nominated is not None and nominated != pod.status.nominated_node_name:
        status["nominatedNodeName"] = nominated or None
    return {"metadata": {"uid": pod.metadata.uid}, "status": status} if status else None


def disruption_patch(victim: Pod, scheduler_name: str, now: str) -> dict[str, Any] | None:
    """The status patch that tells a victim's owner why it goes; None when it says so already. now: RFC 3339."""
    before = _condition(victim, DISRUPTION_TARGET)
    if before is not None and (before.status, before.reason) == ("True", REASON):
        return None
    message = f"{scheduler_name}: preempting to accommodate a higher priority pod"
    condition = _new_condition(victim, DISRUPTION_TARGET, "True", REASON, message, now)
    return {"metadata": {"uid": victim.metadata.uid}, "status": {"conditions": [condition]}}


def _new_condition(pod: Pod, type_: str, status: str, reason: str, message: str, since: str | None) -> dict[str, Any]:
    condition: dict[str, Any] = {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": since,
    }
    if pod.metadata.generation:
        condition["observedGeneration"] = pod.metadata.generation
    return condition


def _condition(pod: Pod, type_: str) -> PodCondition | None:
    return next((condition for condition in pod.status.conditions if condition.type == type_), None)
