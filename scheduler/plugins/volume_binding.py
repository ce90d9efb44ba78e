"""A pod goes where its volumes are, or where they can be.

A claim that is bound pins the pod to the nodes its volume can be reached from. One that waits for its first consumer
is bound to a volume reachable from the chosen node, or has one made there; other unbound claims are waited for.
Source: Kubernetes' documentation, Storage Classes (volume binding mode); upstream's VolumeBinding plugin.
"""

from __future__ import annotations

import numpy as np

from api.types import PersistentVolumeClaim
from scheduler.events import ClusterEvent, NodeChange, StorageChange
from scheduler.framework import Plugin, Rejection
from scheduler.plugins.volume_matching import NONE, Options, options_for, reachable
from scheduler.pod_info import PodInfo
from scheduler.snapshot import Snapshot
from scheduler.snapshot.volumes import VolumeDecision, is_bound, waits_for_consumer

REASON_NODE_CONFLICT = "node(s) didn't match PersistentVolume's node affinity"
REASON_BIND_CONFLICT = "node(s) didn't find available persistent volumes to bind"
REASON_NO_SPACE = "node(s) did not have enough free storage"
REASON_NO_VOLUME = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
IMMEDIATE = "pod has unbound immediate PersistentVolumeClaims"


def refuse(pod: PodInfo, snapshot: Snapshot) -> str | None:
    immediate = False
    for name in pod.claims:
        claim = snapshot.volumes.claims.get((pod.namespace, name))
        reason = _unusable(name, claim, pod)
        if reason is not None:
            return reason
        assert claim is not None  # else it was unusable
        if not is_bound(claim):
            immediate |= bool(claim.spec.volume_name) or not waits_for_consumer(claim, snapshot.volumes)
    return IMMEDIATE if immediate else None


def reject(pod: PodInfo, snapshot: Snapshot) -> list[Rejection]:
    if not pod.claims:
        return []
    present = snapshot.nodes.present
    rejections = []
    for claim in _claims(pod, snapshot):
        if not is_bound(claim):
            continue
        volume = snapshot.volumes.volumes.get(claim.spec.volume_name)
        if volume is None:
            rejections.append(Rejection(REASON_NO_VOLUME, present, resolvable=False))
        else:
            away = present & ~reachable(volume, snapshot)
            detail = f"{claim.metadata.name} is bound to {volume.metadata.name}"
            rejections.append(Rejection(REASON_NODE_CONFLICT, away, resolvable=False, detail=detail))
    for options in _options(pod, snapshot):
        unmet = present & ~options.satisfied
        detail = options.claim[1]
        rejections.append(Rejection(REASON_NO_SPACE, unmet & options.no_space, resolvable=False, detail=detail))
        rejections.append(Rejection(REASON_BIND_CONFLICT, unmet & ~options.no_space, resolvable=False, detail=detail))
    return rejections


def decide(pod: PodInfo, snapshot: Snapshot, node: str) -> VolumeDecision:
    """What has to happen to the pod's claims before it can run on a node that was chosen for it."""
    slot = snapshot.nodes.slot(node)
    static = []
    provision = []
    for options in _options(pod, snapshot):
        index = NONE if slot is None else int(options.chosen[slot])
        if index != NONE:
            static.append((options.claim, options.volumes[index].metadata.name))
        else:
            provision.append(options.claim)
    return VolumeDecision(node, tuple(static), tuple(provision))


def helps(pod: PodInfo, event: ClusterEvent, _snapshot: Snapshot) -> bool:
    if isinstance(event, NodeChange):
        return event.new is not None and (event.old is None or event.old.metadata.labels != event.new.metadata.labels)
    if not isinstance(event, StorageChange):
        return False
    return event.claim is None or (event.claim[0] == pod.namespace and event.claim[1] in pod.claims)


def _claims(pod: PodInfo, snapshot: Snapshot) -> list[PersistentVolumeClaim]:
    claims = snapshot.volumes.claims
    return [claim for name in pod.claims if (claim := claims.get((pod.namespace, name))) is not None]


def _options(pod: PodInfo, snapshot: Snapshot) -> list[Options]:
    if not pod.claims:
        return []
    unbound = [claim for claim in _claims(pod, snapshot) if not is_bound(claim)]
    return options_for(unbound, snapshot) if unbound and np.any(snapshot.nodes.present) else []


def _unusable(name: str, claim: PersistentVolumeClaim | None, pod: PodInfo) -> str | None:
    if claim is None:
        if name in pod.ephemeral:
            return f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{name}"'
        return f'persistentvolumeclaim "{name}" not found'
    if claim.status.phase == "Lost":
        return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{claim.spec.volume_name}"'
    if claim.metadata.deletion_timestamp is not None:
        return f'persistentvolumeclaim "{name}" is being deleted'
    owners = [reference.uid for reference in claim.metadata.owner_references if reference.controller]
    if name in pod.ephemeral and pod.uid not in owners:
        return f"PVC {pod.namespace}/{name} was not created for pod {pod.full_name} (pod is not owner)"
    return None


PLUGIN = Plugin("VolumeBinding", refuse=refuse, filter=reject, hint=helps)
