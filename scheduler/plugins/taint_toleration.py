"""Nodes keep away pods that do not tolerate their taints, and like less those that do not tolerate their preferences.

Source: Kubernetes' documentation, Taints and Tolerations; upstream's TaintToleration plugin.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from api.types import Node, Taint, Toleration
from scheduler.events import ClusterEvent, NodeChange
from scheduler.framework import Plugin, Rejection, Scores, normalized
from scheduler.pod_info import PodInfo
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Mask

REASON = "node(s) had untolerated taint(s)"
HARD_EFFECTS = frozenset({"NoSchedule", "NoExecute"})


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """An empty key with Exists tolerates every taint, an empty effect every effect."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    if toleration.operator in ("", "Equal"):
        return bool(toleration.key) and toleration.value == taint.value
    return _compares(toleration, taint)


def is_tolerated(taint: Taint, tolerations: Iterable[Toleration]) -> bool:
    return any(tolerates(toleration, taint) for toleration in tolerations)


def first_untolerated(taints: Iterable[Taint], tolerations: Iterable[Toleration]) -> Taint | None:
    """The first taint that keeps a pod with these tolerations off a node."""
    for taint in taints:
        if taint.effect in HARD_EFFECTS and not is_tolerated(taint, tolerations):
            return taint
    return None


def tainted_nodes(pod: PodInfo, snapshot: Snapshot) -> dict[tuple[str, str], Mask]:
    """Per first untolerated taint (key and value), the nodes it closes to the pod."""
    codes, distinct = snapshot.nodes.taints()
    closed: dict[tuple[str, str], Mask] = {}
    for code, taints in enumerate(distinct):
        taint = first_untolerated(taints, pod.pod.spec.tolerations)
        if taint is None:
            continue
        key = (taint.key, taint.value)
        nodes = codes == code
        closed[key] = nodes | closed[key] if key in closed else nodes
    return closed


def reject(pod: PodInfo, snapshot: Snapshot) -> list[Rejection]:
    return [
        Rejection(REASON, nodes, resolvable=False, detail=f"{{{key}: {value}}}")
        for (key, value), nodes in tainted_nodes(pod, snapshot).items()
    ]


def score(pod: PodInfo, snapshot: Snapshot, feasible: Mask) -> Scores | None:
    codes, distinct = snapshot.nodes.taints()
    tolerations = [t for t in pod.pod.spec.tolerations if t.effect in ("", "PreferNoSchedule")]
    intolerable = np.array(
        [
            sum(taint.effect == "PreferNoSchedule" and not is_tolerated(taint, tolerations) for taint in taints)
            for taints in distinct
        ],
        dtype=np.float64,
    )
    if not intolerable.any():
        return None
    return normalized(intolerable[codes], feasible, reverse=True)


def helps(pod: PodInfo, event: ClusterEvent, _snapshot: Snapshot) -> bool:
    if not isinstance(event, NodeChange) or event.new is None:
        return False
    return _open_to(pod, event.new) and (event.old is None or not _open_to(pod, event.old))


def _open_to(pod: PodInfo, node: Node) -> bool:
    return first_untolerated(node.spec.taints, pod.pod.spec.tolerations) is None


def _compares(toleration: Toleration, taint: Taint) -> bool:
    try:
        taint_value, bound = int(taint.value), int(toleration.value)
    except ValueError:
        return False
    return taint_value < bound if toleration.operator == "Lt" else taint_value > bound


PLUGIN = Plugin("TaintToleration", filter=reject, score=score, weight=3, hint=helps)
