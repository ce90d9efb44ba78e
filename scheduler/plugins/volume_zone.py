"""A volume labelled with a zone or region can only be used there (upstream: VolumeZone)."""

from __future__ import annotations

import numpy as np

from scheduler.events import ClusterEvent, NodeChange, StorageChange
from scheduler.framework import Plugin, Rejection
from scheduler.pod_info import PodInfo
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Mask

REASON = "node(s) had no available volume zone"
TOPOLOGY_LABELS = (
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
)
# Of a volume that is in several zones at once.
SEPARATOR = "__"


def reject(pod: PodInfo, snapshot: Snapshot) -> list[Rejection]:
    away = np.zeros(snapshot.nodes.slots, dtype=np.bool_)
    for name in pod.claims:
        claim = snapshot.volumes.claims.get((pod.namespace, name))
        volume = snapshot.volumes.volumes.get(claim.spec.volume_name) if claim is not None else None
        if volume is None:
            continue
        for key in TOPOLOGY_LABELS:
            if key in volume.metadata.labels:
                away |= ~_inside(key, volume.metadata.labels[key].split(SEPARATOR), snapshot)
    away &= snapshot.nodes.present & _has_topology(snapshot) if away.any() else away
    return [Rejection(REASON, away, resolvable=False)] if away.any() else []


def helps(_pod: PodInfo, event: ClusterEvent, _snapshot: Snapshot) -> bool:
    return isinstance(event, NodeChange | StorageChange)


def _inside(key: str, values: list[str], snapshot: Snapshot) -> Mask:
    column = snapshot.nodes.label(key)
    return np.isin(column.codes, [column.code(value) for value in values])


def _has_topology(snapshot: Snapshot) -> Mask:
    """A node that says nothing of where it is is in no wrong place."""
    told = np.zeros(snapshot.nodes.slots, dtype=np.bool_)
    for key in TOPOLOGY_LABELS:
        told |= snapshot.nodes.label(key).codes >= 0
    return told


PLUGIN = Plugin("VolumeZone", filter=reject, hint=helps)
