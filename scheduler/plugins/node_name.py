"""A pod that names its node goes nowhere else."""

from __future__ import annotations

from scheduler.events import Change, ClusterEvent, NodeChange
from scheduler.framework import Plugin, Rejection
from scheduler.pod_info import PodInfo
from scheduler.snapshot import Snapshot


def reject(pod: PodInfo, snapshot: Snapshot) -> list[Rejection]:
    wanted = pod.pod.spec.node_name
    if not wanted:
        return []
    others = snapshot.nodes.present.copy()
    slot = snapshot.nodes.slot(wanted)
    if slot is not None:
        others[slot] = False
    return [Rejection("node(s) didn't match the requested node name", others, resolvable=False)]


def helps(pod: PodInfo, event: ClusterEvent, _snapshot: Snapshot) -> bool:
    return (
        isinstance(event, NodeChange)
        and event.change is Change.NODE_ADDED
        and event.new is not None
        and event.new.metadata.name == pod.pod.spec.node_name
    )


PLUGIN = Plugin("NodeName", filter=reject, hint=helps)
