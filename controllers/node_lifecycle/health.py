"""Is a node alive? Pure.

Source: upstream's node lifecycle controller. A node shows that it lives by renewing its Lease or by changing its Ready
condition; when both have stood still for the grace period, its conditions become Unknown. How long that is is measured
by our clock alone: the node's may be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from api import timestamps
from api.types import Lease, Node, NodeCondition

READY = "Ready"
WATCHED = (READY, "MemoryPressure", "DiskPressure", "PIDPressure")
# A node that has never reported has this long to do so for the first time.
STARTUP_GRACE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class SignOfLife:
    """What last changed on a node, and when we saw it (monotonic seconds)."""

    heartbeat: str
    renewal: str
    seen_at: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """sign: to be remembered; conditions: to be written, if any; recheck_seconds: when the grace period ends."""

    sign: SignOfLife
    conditions: list[NodeCondition] | None
    recheck_seconds: float | None


def condition(node: Node, type_: str) -> NodeCondition | None:
    return next((each for each in node.status.conditions if each.type == type_), None)


def ready_status(node: Node) -> str:
    """ "True", "False" or "Unknown"."""
    ready = condition(node, READY)
    return ready.status if ready is not None else "Unknown"


def judge(
    node: Node, lease: Lease | None, before: SignOfLife | None, grace_seconds: float, monotonic: float, now: float
) -> Verdict:
    """Compare with what was seen before. monotonic: our stopwatch; now: wall time, for what is written."""
    sign = _sign(node, lease, before, monotonic)
    if ready_status(node) == "Unknown" and condition(node, READY) is not None:
        return Verdict(sign, None, None)  # said already; only a sign of life from the node itself changes it
    if condition(node, READY) is None:
        grace_seconds = max(grace_seconds, STARTUP_GRACE_SECONDS)
    if lease is not None:
        # A node that renews less often says so: it is not given up before its own word has lapsed.
        grace_seconds = max(grace_seconds, lease.spec.lease_duration_seconds or 0)
    left = sign.seen_at + grace_seconds - monotonic
    if left > 0:
        return Verdict(sign, None, left)
    return Verdict(sign, _unknown(node.status.conditions, timestamps.now_text(now)), None)


def _sign(node: Node, lease: Lease | None, before: SignOfLife | None, monotonic: float) -> SignOfLife:
    ready = condition(node, READY)
    heartbeat = f"{ready.status} {ready.last_heartbeat_time} {ready.last_transition_time}" if ready is not None else ""
    renewal = (lease.spec.renew_time if lease is not None else None) or ""
    if before is None:
        return SignOfLife(heartbeat, renewal, monotonic)
    renewed = renewal != before.renewal and renewal != ""
    # What we wrote ourselves when we gave the node up is no sign of life.
    reported = heartbeat != before.heartbeat and not heartbeat.startswith("Unknown")
    return SignOfLife(heartbeat, renewal, monotonic if renewed or reported else before.seen_at)


def _unknown(conditions: Iterable[NodeCondition], stamp: str) -> list[NodeCondition]:
    current = {each.type: each for each in conditions}
    result = [each for each in conditions if each.type not in WATCHED]
    for type_ in WATCHED:
        before = current.get(type_)
        if before is None:
            words = ("NodeStatusNeverUpdated", "Kubelet never posted node status.")
        elif before.status == "Unknown":
            result.append(before)
            continue
        else:
            words = ("NodeStatusUnknown", "Kubelet stopped posting node status.")
        base = before if before is not None else NodeCondition(type=type_)
        result.append(replace(base, status="Unknown", reason=words[0], message=words[1], last_transition_time=stamp))
    return result
