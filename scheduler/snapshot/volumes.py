"""Claims, volumes, classes and what CSI drivers say, with what has been decided about them but is not yet seen.

Neighbours: `scheduler.plugins.volume_binding` decides; `scheduler.volume_binder` carries out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from api.types import (
    CSIDriver,
    CSINode,
    CSIStorageCapacity,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
    VolumeSnapshotContent,
)

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"

ClaimKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class VolumeDecision:
    """What is to be done about a pod's unbound claims before it is bound to a node.

    static: claims with the volumes to bind them to. provision: claims whose provisioner is to make a volume there.
    """

    node: str
    static: tuple[tuple[ClaimKey, str], ...] = ()
    provision: tuple[ClaimKey, ...] = ()


class Volumes:
    """The storage side of the cluster."""

    def __init__(self) -> None:
        self.claims: dict[ClaimKey, PersistentVolumeClaim] = {}
        self.volumes: dict[str, PersistentVolume] = {}
        self.classes: dict[str, StorageClass] = {}
        self.csi_nodes: dict[str, CSINode] = {}
        self.drivers: dict[str, CSIDriver] = {}
        self.capacities: dict[tuple[str, str], CSIStorageCapacity] = {}
        self.snapshots: dict[tuple[str, str], VolumeSnapshotContent] = {}
        """By the VolumeSnapshot they are bound to."""
        self._assumed: dict[str, VolumeDecision] = {}

    def assume(self, uid: str, decision: VolumeDecision) -> None:
        """Take a pod's decision for done: its volumes are no one else's."""
        self._assumed[uid] = decision

    def forget(self, uid: str) -> None:
        """The pod is bound, and what was decided is seen by now; or it came to nothing."""
        self._assumed.pop(uid, None)

    def assumed_volumes(self) -> dict[str, ClaimKey]:
        """Volumes that are to be bound to a claim."""
        return {volume: claim for decision in self._assumed.values() for claim, volume in decision.static}

    def assumed_node(self, claim: ClaimKey) -> str:
        """Where a claim's volume is being made for some pod; "" when nowhere yet."""
        for decision in self._assumed.values():
            if claim in decision.provision:
                return decision.node
        return ""

    def volumes_of_class(self, name: str) -> Iterable[PersistentVolume]:
        return (volume for volume in self.volumes.values() if volume.spec.storage_class_name == name)


def class_name(claim: PersistentVolumeClaim) -> str:
    """The name of the claim's class; "" when it has none."""
    return claim.metadata.annotations.get(_BETA_CLASS) or claim.spec.storage_class_name or ""


def is_bound(claim: PersistentVolumeClaim) -> bool:
    """The claim has its volume, and both sides know."""
    return bool(claim.spec.volume_name) and BIND_COMPLETED in claim.metadata.annotations


def waits_for_consumer(claim: PersistentVolumeClaim, volumes: Volumes) -> bool:
    """The claim's volume is chosen or made once the node of its first pod is known."""
    storage_class = volumes.classes.get(class_name(claim))
    return storage_class is not None and storage_class.volume_binding_mode == "WaitForFirstConsumer"
