"""From claims to CSI requests, and from what a driver made to PersistentVolumes. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from api import quantity
from api.types import (
    CSIPersistentVolumeSource,
    Node,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    ObjectMeta,
    ObjectReference,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeSpec,
    StorageClass,
    VolumeNodeAffinity,
)
from cluster import csi
from cluster.pb import csi_pb2 as pb
from controllers.local_storage import DRIVER, TOPOLOGY_KEY
from controllers.persistent_volume import names
from controllers.persistent_volume.matching import claim_class, wanted_size

_FS_TYPE = "csi.storage.k8s.io/fstype"
_OWN_PREFIX = "csi.storage.k8s.io/"
DEFAULT_FS_TYPE = "ext4"


def volume_name(claim: PersistentVolumeClaim) -> str:
    return f"pvc-{claim.metadata.uid}"


def create_request(claim: PersistentVolumeClaim, storage_class: StorageClass, node_name: str) -> pb.CreateVolumeRequest:
    """What the node's driver is asked for."""
    here = pb.Topology(segments={TOPOLOGY_KEY: node_name})
    return pb.CreateVolumeRequest(
        name=volume_name(claim),
        capacity_range=pb.CapacityRange(required_bytes=int(wanted_size(claim))),
        volume_capabilities=csi.capabilities(
            claim.spec.access_modes,
            block=claim.spec.volume_mode == "Block",
            fs_type=_fs_type(storage_class),
            mount_options=storage_class.mount_options,
        ),
        parameters={key: value for key, value in storage_class.parameters.items() if not key.startswith(_OWN_PREFIX)},
        accessibility_requirements=pb.TopologyRequirement(requisite=[here], preferred=[here]),
    )


def _fs_type(storage_class: StorageClass) -> str:
    return storage_class.parameters.get(_FS_TYPE) or DEFAULT_FS_TYPE


def persistent_volume(claim: PersistentVolumeClaim, storage_class: StorageClass, made: pb.Volume) -> PersistentVolume:
    """The object for a volume a driver has made, reserved for its claim."""
    block = claim.spec.volume_mode == "Block"
    return PersistentVolume(
        metadata=ObjectMeta(
            name=volume_name(claim),
            annotations={names.PROVISIONED_BY: DRIVER},
            finalizers=[names.PROVISIONER_FINALIZER],
        ),
        spec=PersistentVolumeSpec(
            access_modes=list(claim.spec.access_modes),
            capacity={"storage": quantity.format(made.capacity_bytes, "BinarySI")},
            claim_ref=ObjectReference(
                api_version="v1",
                kind="PersistentVolumeClaim",
                namespace=claim.metadata.namespace,
                name=claim.metadata.name,
                uid=claim.metadata.uid,
                resource_version=claim.metadata.resource_version,
            ),
            csi=CSIPersistentVolumeSource(
                driver=DRIVER,
                volume_handle=made.volume_id,
                fs_type="" if block else _fs_type(storage_class),
                volume_attributes=dict(made.volume_context),
            ),
            mount_options=list(storage_class.mount_options),
            node_affinity=_affinity(made.accessible_topology),
            persistent_volume_reclaim_policy=storage_class.reclaim_policy or "Delete",
            storage_class_name=claim_class(claim),
            volume_attributes_class_name=claim.spec.volume_attributes_class_name,
            volume_mode=claim.spec.volume_mode,
        ),
    )


def _affinity(topologies: Iterable[pb.Topology]) -> VolumeNodeAffinity:
    terms = [
        NodeSelectorTerm(
            match_expressions=[
                NodeSelectorRequirement(key=key, operator="In", values=[value])
                for key, value in sorted(topology.segments.items())
            ]
        )
        for topology in topologies
    ]
    return VolumeNodeAffinity(required=NodeSelector(node_selector_terms=terms))


def node_of(volume: PersistentVolume) -> str:
    """The node a volume of ours is on; "" when the object does not say."""
    affinity = volume.spec.node_affinity
    for term in affinity.required.node_selector_terms if affinity is not None and affinity.required else ():
        for requirement in term.match_expressions:
            if requirement.key == TOPOLOGY_KEY and requirement.values:
                return requirement.values[0]
    return ""


def is_ours(volume: PersistentVolume) -> bool:
    """Whether our driver made the volume for a claim."""
    return (
        volume.metadata.annotations.get(names.PROVISIONED_BY) == DRIVER
        and volume.spec.csi is not None
        and volume.spec.csi.driver == DRIVER
    )


def is_to_be_deleted(volume: PersistentVolume) -> bool:
    """Whether the data are to go: released with the policy Delete, or the object itself deleted while nobody has it."""
    if volume.spec.persistent_volume_reclaim_policy != "Delete":
        return False
    if volume.status.phase in ("Released", "Failed"):
        return True
    return volume.metadata.deletion_timestamp is not None and volume.status.phase == "Available"


def choose_node(nodes: Iterable[Node], storage_class: StorageClass, used: dict[str, int]) -> str | None:
    """The node for a volume that waits for no pod: ready, open, allowed by the class, with the fewest volumes."""
    fitting = [
        node for node in nodes if _is_ready(node) and not node.spec.unschedulable and _allows(storage_class, node)
    ]
    chosen = min(fitting, key=lambda node: (used.get(node.metadata.name, 0), node.metadata.name), default=None)
    return None if chosen is None else chosen.metadata.labels.get(TOPOLOGY_KEY, chosen.metadata.name)


def _is_ready(node: Node) -> bool:
    return any(condition.type == "Ready" and condition.status == "True" for condition in node.status.conditions)


def _allows(storage_class: StorageClass, node: Node) -> bool:
    terms = storage_class.allowed_topologies
    return not terms or any(
        all(node.metadata.labels.get(each.key) in each.values for each in term.match_label_expressions)
        for term in terms
    )
