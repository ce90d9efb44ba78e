"""A node takes no more volumes of a CSI driver than its CSINode allows (upstream: NodeVolumeLimits).

A volume that several pods of a node use counts once. A claim that has no volume yet counts for its class's provisioner.
"""

from __future__ import annotations

import numpy as np

from scheduler.events import Change, ClusterEvent, NodeChange, PodChange, StorageChange
from scheduler.framework import Plugin, Rejection
from scheduler.pod_info import PodInfo
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Counts
from scheduler.snapshot.volumes import ClaimKey, class_name

REASON = "node(s) exceed max volume count"
NO_LIMIT = np.iinfo(np.int64).max

# A driver and what it calls the volume, or the claim it will make one for.
Volume = tuple[str, str]


def reject(pod: PodInfo, snapshot: Snapshot) -> list[Rejection]:
    wanted = {volume for name in pod.claims if (volume := _volume((pod.namespace, name), snapshot)) is not None}
    over = np.zeros(snapshot.nodes.slots, dtype=np.bool_)
    for driver in {volume[0] for volume in wanted}:
        limits = _limits(driver, snapshot)
        if (limits == NO_LIMIT).all():
            continue
        mine = {volume for volume in wanted if volume[0] == driver}
        attached, fresh = _counts(driver, mine, snapshot)
        over |= (fresh > 0) & (attached + fresh > limits)
    return [Rejection(REASON, over)] if over.any() else []


def helps(pod: PodInfo, event: ClusterEvent, _snapshot: Snapshot) -> bool:
    if isinstance(event, PodChange):
        return event.change is Change.ASSIGNED_POD_DELETED and event.old is not None and bool(event.old.claims)
    if isinstance(event, StorageChange):
        return event.claim is None or (event.claim[0] == pod.namespace and event.claim[1] in pod.claims)
    return isinstance(event, NodeChange) and event.old is None


def _volume(key: ClaimKey, snapshot: Snapshot) -> Volume | None:
    volumes = snapshot.volumes
    claim = volumes.claims.get(key)
    if claim is None:
        return None
    volume = volumes.volumes.get(claim.spec.volume_name)
    if volume is not None:
        csi = volume.spec.csi
        return None if csi is None else (csi.driver, csi.volume_handle)
    storage_class = volumes.classes.get(class_name(claim))
    return None if storage_class is None else (storage_class.provisioner, f"{key[0]}/{key[1]}")


def _limits(driver: str, snapshot: Snapshot) -> Counts:
    limits = np.full(snapshot.nodes.slots, NO_LIMIT, dtype=np.int64)
    for name, csi_node in snapshot.volumes.csi_nodes.items():
        slot = snapshot.nodes.slot(name)
        for installed in csi_node.spec.drivers:
            if slot is not None and installed.name == driver and installed.allocatable is not None:
                count = installed.allocatable.count
                limits[slot] = NO_LIMIT if count is None else count
    return limits


def _counts(driver: str, mine: set[Volume], snapshot: Snapshot) -> tuple[Counts, Counts]:
    """Per slot: the driver's volumes in use there, and how many of `mine` are not among them."""
    on_slots: dict[Volume, Counts] = {}
    for key, counts in snapshot.pods.claims():
        volume = _volume(key, snapshot)
        if volume is not None and volume[0] == driver:
            column = on_slots.setdefault(volume, np.zeros(snapshot.nodes.slots, dtype=np.int64))
            counts.add_to(column)
    attached = np.zeros(snapshot.nodes.slots, dtype=np.int64)
    fresh = np.full(snapshot.nodes.slots, len(mine), dtype=np.int64)
    for volume, column in on_slots.items():
        attached += column > 0
        if volume in mine:
            fresh -= column > 0
    return attached, fresh


PLUGIN = Plugin("NodeVolumeLimits", filter=reject, hint=helps)
