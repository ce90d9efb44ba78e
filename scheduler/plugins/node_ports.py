"""Two pods cannot take the same port of one node."""

from __future__ import annotations

import numpy as np

from scheduler.events import Change, ClusterEvent, NodeChange, PodChange
from scheduler.framework import Plugin, Rejection
from scheduler.pod_info import PodInfo
from scheduler.snapshot import Snapshot
from scheduler.snapshot.pods import overlaps

REASON = "node(s) didn't have free ports for the requested pod ports"


def reject(pod: PodInfo, snapshot: Snapshot) -> list[Rejection]:
    taken = [slot for port in pod.host_ports for slot in snapshot.pods.port_conflicts(port)]
    if not taken:
        return []
    nodes = np.zeros(snapshot.nodes.slots, dtype=np.bool_)
    nodes[taken] = True
    return [Rejection(REASON, nodes)]


def helps(pod: PodInfo, event: ClusterEvent, _snapshot: Snapshot) -> bool:
    if isinstance(event, NodeChange):
        return event.change is Change.NODE_ADDED
    if not isinstance(event, PodChange) or event.change is not Change.ASSIGNED_POD_DELETED or event.old is None:
        return False
    return any(
        wanted.protocol == freed.protocol and wanted.port == freed.port and overlaps(wanted.address, freed.address)
        for wanted in pod.host_ports
        for freed in event.old.host_ports
    )


PLUGIN = Plugin("NodePorts", filter=reject, hint=helps)
