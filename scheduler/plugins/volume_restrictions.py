"""A claim that only one pod may use (ReadWriteOncePod) is used by one pod."""

from __future__ import annotations

from scheduler.events import Change, ClusterEvent, PodChange, StorageChange
from scheduler.framework import Plugin, Rejection
from scheduler.pod_info import PodInfo
from scheduler.snapshot import Snapshot

REASON = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
EXCLUSIVE = "ReadWriteOncePod"


def reject(pod: PodInfo, snapshot: Snapshot) -> list[Rejection]:
    if not any(snapshot.pods.uses_claim(pod.namespace, name) for name in pod.claims if _exclusive(pod, name, snapshot)):
        return []
    return [Rejection(REASON, snapshot.nodes.present)]


def helps(pod: PodInfo, event: ClusterEvent, _snapshot: Snapshot) -> bool:
    if isinstance(event, StorageChange):
        return event.claim is not None and event.claim[0] == pod.namespace and event.claim[1] in pod.claims
    if not isinstance(event, PodChange) or event.change is not Change.ASSIGNED_POD_DELETED or event.old is None:
        return False
    return event.old.namespace == pod.namespace and not set(event.old.claims).isdisjoint(pod.claims)


def _exclusive(pod: PodInfo, name: str, snapshot: Snapshot) -> bool:
    claim = snapshot.volumes.claims.get((pod.namespace, name))
    return claim is not None and EXCLUSIVE in claim.spec.access_modes


PLUGIN = Plugin("VolumeRestrictions", filter=reject, hint=helps)
