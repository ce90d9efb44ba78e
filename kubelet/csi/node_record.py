"""What the API server is told of this node's CSI drivers: the CSINode object and topology labels of the Node. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from api.types import CSINode, CSINodeDriver, CSINodeSpec, Node, ObjectMeta, OwnerReference, VolumeNodeResources
from kubelet.csi.drivers import Driver


def new_record(node: Node) -> CSINode:
    """The CSINode of a node without drivers: it goes when the Node goes."""
    owner = OwnerReference(api_version="v1", kind="Node", name=node.metadata.name, uid=node.metadata.uid)
    return CSINode(metadata=ObjectMeta(name=node.metadata.name, owner_references=[owner]), spec=CSINodeSpec())


def with_driver(record: CSINode, driver: Driver) -> CSINode:
    """The record with this driver as it is now."""
    entry = CSINodeDriver(
        name=driver.name,
        node_id=driver.node_id,
        topology_keys=sorted(driver.topology),
        allocatable=VolumeNodeResources(count=driver.most_volumes) if driver.most_volumes else None,
    )
    if entry in record.spec.drivers:
        return record
    others = [each for each in record.spec.drivers if each.name != driver.name]
    return replace(record, spec=replace(record.spec, drivers=[*others, entry]))


def without_driver(record: CSINode, name: str) -> CSINode:
    kept = [each for each in record.spec.drivers if each.name != name]
    return record if len(kept) == len(record.spec.drivers) else replace(record, spec=replace(record.spec, drivers=kept))


def missing_labels(labels: Mapping[str, str], topology: Mapping[str, str]) -> dict[str, str]:
    """The topology labels a node lacks. Raises ValueError when it has another value: one of the two is wrong."""
    missing = {}
    for key, value in topology.items():
        if key not in labels:
            missing[key] = value
        elif labels[key] != value:
            raise ValueError(f'the node has the label {key}="{labels[key]}" and the driver says "{value}"')
    return missing
