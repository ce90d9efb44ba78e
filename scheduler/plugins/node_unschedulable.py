"""Cordoned nodes take only pods that tolerate it."""

from __future__ import annotations

from api.types import Taint
from scheduler.events import ClusterEvent, NodeChange
from scheduler.framework import Plugin, Rejection
from scheduler.plugins.taint_toleration import is_tolerated
from scheduler.pod_info import PodInfo
from scheduler.snapshot import Snapshot

UNSCHEDULABLE_TAINT = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


def reject(pod: PodInfo, snapshot: Snapshot) -> list[Rejection]:
    nodes = snapshot.nodes
    if not nodes.unschedulable.any() or is_tolerated(UNSCHEDULABLE_TAINT, pod.pod.spec.tolerations):
        return []
    return [Rejection("node(s) were unschedulable", nodes.unschedulable, resolvable=False)]


def helps(_pod: PodInfo, event: ClusterEvent, _snapshot: Snapshot) -> bool:
    if not isinstance(event, NodeChange) or event.new is None or event.new.spec.unschedulable:
        return False
    return event.old is None or event.old.spec.unschedulable


PLUGIN = Plugin("NodeUnschedulable", filter=reject, hint=helps)
