"""Which volumes a claim could be bound to, and on which nodes, and where one could be made.

Source: upstream's FindMatchingVolume and the volume binder's checkVolumeProvisions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api import quantity, selectors
from api.types import (
    LabelSelector,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)
from scheduler.plugins.node_affinity import matches_selector
from scheduler.snapshot import Snapshot
from scheduler.snapshot.nodes import Mask
from scheduler.snapshot.volumes import SELECTED_NODE, ClaimKey, class_name

NO_PROVISIONER = "kubernetes.io/no-provisioner"
STORAGE = "storage"
# A label of VolumeSnapshotContents: the node whose driver has the snapshot.
MANAGED_BY = "snapshot.storage.kubernetes.io/managed-by"
NONE = -1


@dataclass(frozen=True, slots=True)
class Options:
    """For one claim, per slot.

    volumes: candidates, smallest first; chosen: an index into them, or NONE. provisionable: a volume can be made there.
    no_space: one could be made there if there were space.
    """

    claim: ClaimKey
    volumes: list[PersistentVolume]
    chosen: NDArray[np.int64]
    provisionable: Mask
    no_space: Mask

    @property
    def satisfied(self) -> Mask:
        satisfied: Mask = (self.chosen != NONE) | self.provisionable
        return satisfied


def reachable(volume: PersistentVolume, snapshot: Snapshot) -> Mask:
    """The nodes from which a volume can be used."""
    affinity = volume.spec.node_affinity
    if affinity is None or affinity.required is None:
        return snapshot.nodes.present
    return matches_selector(affinity.required, snapshot.nodes)


def reaches(snapshot: Snapshot, volume: PersistentVolume, node: str) -> bool:
    """Whether one node can use a volume."""
    slot = snapshot.nodes.slot(node)
    return slot is not None and bool(reachable(volume, snapshot)[slot])


def options_for(claims: list[PersistentVolumeClaim], snapshot: Snapshot) -> list[Options]:
    """The options of claims that wait for their first consumer; no volume is chosen twice on one node."""
    found: list[Options] = []
    for claim in sorted(claims, key=size):
        key = (claim.metadata.namespace, claim.metadata.name)
        selected = claim.metadata.annotations.get(SELECTED_NODE) or snapshot.volumes.assumed_node(key)
        volumes = [] if selected else _candidates(claim, key, snapshot)
        chosen = _choose(volumes, found, snapshot)
        provisionable, no_space = _provisioning(claim, selected, snapshot)
        found.append(Options(key, volumes, chosen, provisionable, no_space))
    return found


def size(claim: PersistentVolumeClaim) -> int:
    """Bytes asked for."""
    return quantity.whole(claim.spec.resources.requests.get(STORAGE, "0"))


def _candidates(claim: PersistentVolumeClaim, key: ClaimKey, snapshot: Snapshot) -> list[PersistentVolume]:
    taken = snapshot.volumes.assumed_volumes()
    matches = None if claim.spec.selector is None else selectors.from_record(claim.spec.selector).matches
    least = size(claim)
    fitting = []
    for volume in snapshot.volumes.volumes_of_class(class_name(claim)):
        spec = volume.spec
        capacity = quantity.whole(spec.capacity.get(STORAGE, "0"))
        if (
            capacity >= least
            and volume.metadata.deletion_timestamp is None
            and taken.get(volume.metadata.name, key) == key
            and _is_free_for(volume, claim)
            and (spec.volume_mode or "Filesystem") == (claim.spec.volume_mode or "Filesystem")
            and (spec.volume_attributes_class_name or "") == (claim.spec.volume_attributes_class_name or "")
            and set(claim.spec.access_modes) <= set(spec.access_modes)
            and (matches is None or matches(volume.metadata.labels))
        ):
            # One that was made for this claim comes before all others.
            fitting.append((spec.claim_ref is None, capacity, volume.metadata.name, volume))
    return [entry[3] for entry in sorted(fitting, key=lambda entry: entry[:3])]


def _is_free_for(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    reference = volume.spec.claim_ref
    if reference is None:
        return volume.status.phase == "Available"
    named = (reference.namespace, reference.name) == (claim.metadata.namespace, claim.metadata.name)
    return named and reference.uid in ("", claim.metadata.uid)


def _choose(volumes: list[PersistentVolume], earlier: list[Options], snapshot: Snapshot) -> NDArray[np.int64]:
    chosen = np.full(snapshot.nodes.slots, NONE, dtype=np.int64)
    for index, volume in enumerate(volumes):
        free = (chosen == NONE) & reachable(volume, snapshot)
        for options in earlier:
            names = [other.metadata.name for other in options.volumes]
            if volume.metadata.name in names:
                free &= options.chosen != names.index(volume.metadata.name)
        chosen[free] = index
    return chosen


def _provisioning(claim: PersistentVolumeClaim, selected: str, snapshot: Snapshot) -> tuple[Mask, Mask]:
    nodes = snapshot.nodes
    nowhere = np.zeros(nodes.slots, dtype=np.bool_)
    storage_class = snapshot.volumes.classes.get(class_name(claim))
    if storage_class is None or storage_class.provisioner in ("", NO_PROVISIONER):
        return nowhere, nowhere
    if selected:
        slot = nodes.slot(selected)
        there = nowhere.copy()
        if slot is not None:
            there[slot] = True
        return there, nowhere
    allowed = nodes.present & _in_topology(storage_class, snapshot) & _near_source(claim, snapshot)
    space = _with_space(storage_class, size(claim), snapshot)
    return allowed & space, allowed & ~space


def _near_source(claim: PersistentVolumeClaim, snapshot: Snapshot) -> Mask:
    """A copy of another claim's volume, or of a snapshot, is made where that is; nowhere before it is there."""
    source = claim.spec.data_source
    if source is not None and source.kind == "VolumeSnapshot":
        return _near_snapshot((claim.metadata.namespace, source.name), snapshot)
    if source is None or source.kind != "PersistentVolumeClaim":
        return snapshot.nodes.present
    original = snapshot.volumes.claims.get((claim.metadata.namespace, source.name))
    volume = None if original is None else snapshot.volumes.volumes.get(original.spec.volume_name)
    return np.zeros(snapshot.nodes.slots, dtype=np.bool_) if volume is None else reachable(volume, snapshot)


def _near_snapshot(name: tuple[str, str], snapshot: Snapshot) -> Mask:
    """The node whose driver has a volume snapshot; everywhere when it is not said to be on one."""
    content = snapshot.volumes.snapshots.get(name)
    nowhere = np.zeros(snapshot.nodes.slots, dtype=np.bool_)
    if content is None or content.status is None or not content.status.ready_to_use:
        return nowhere
    managed_by = content.metadata.labels.get(MANAGED_BY)
    if managed_by is None:
        return snapshot.nodes.present
    slot = snapshot.nodes.slot(managed_by)
    if slot is not None:
        nowhere[slot] = True
    return nowhere


def _in_topology(storage_class: StorageClass, snapshot: Snapshot) -> Mask:
    if not storage_class.allowed_topologies:
        return snapshot.nodes.present
    terms = [
        NodeSelectorTerm(
            match_expressions=[
                NodeSelectorRequirement(key=expression.key, operator="In", values=expression.values)
                for expression in term.match_label_expressions
            ]
        )
        for term in storage_class.allowed_topologies
    ]
    return matches_selector(NodeSelector(node_selector_terms=terms), snapshot.nodes)


def _with_space(storage_class: StorageClass, wanted: int, snapshot: Snapshot) -> Mask:
    """Where the driver says there is enough left; everywhere when it does not keep count."""
    driver = snapshot.volumes.drivers.get(storage_class.provisioner)
    if driver is None or not driver.spec.storage_capacity:
        return snapshot.nodes.present
    space = np.zeros(snapshot.nodes.slots, dtype=np.bool_)
    for capacity in snapshot.volumes.capacities.values():
        most = capacity.maximum_volume_size or capacity.capacity
        if capacity.storage_class_name != storage_class.metadata.name or capacity.node_topology is None:
            continue
        if most is not None and quantity.whole(most) >= wanted:
            space |= _selected(capacity.node_topology, snapshot)
    return space


def _selected(selector: LabelSelector, snapshot: Snapshot) -> Mask:
    requirements = [
        *(NodeSelectorRequirement(key=key, operator="In", values=[v]) for key, v in selector.match_labels.items()),
        *(NodeSelectorRequirement(key=e.key, operator=e.operator, values=e.values) for e in selector.match_expressions),
    ]
    if not requirements:
        return snapshot.nodes.present
    term = NodeSelectorTerm(match_expressions=requirements)
    return matches_selector(NodeSelector(node_selector_terms=[term]), snapshot.nodes)
