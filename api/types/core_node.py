"""Nodes: desired and observed state (core/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_scheduling import Taint
from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always, always_list
from api.types.scalars import Int32, Int64, Quantity, Time

PACKAGE = "core/v1"


class AttachedVolume(Record, frozen=True, kw_only=True):
    """A volume attached to the node."""

    name: Annotated[str, Field(required=True)] = always("")
    device_path: Annotated[str, Field(required=True)] = always("")


class ConfigMapNodeConfigSource(Record, frozen=True, kw_only=True):
    """The ConfigMap a kubelet's configuration came from."""

    name: Annotated[str, Field(required=True)] = always("")
    kubelet_config_key: Annotated[str, Field(required=True)] = always("")
    namespace: Annotated[str, Field(required=True)] = always("")
    resource_version: str = ""
    uid: str = ""


class ContainerImage(Record, frozen=True, kw_only=True):
    """An image present on the node."""

    names: Annotated[list[str], Field(list_type="atomic")] = always_list()
    size_bytes: Int64 = 0


class DaemonEndpoint(Record, frozen=True, kw_only=True):
    """A port a daemon of the node listens on."""

    port: Annotated[Int32, Field(required=True)] = always(0, name="Port")


class NodeConfigSource(Record, frozen=True, kw_only=True):
    """Where a kubelet's configuration comes from."""

    config_map: ConfigMapNodeConfigSource | None = None


class NodeSpec(Record, frozen=True, kw_only=True):
    """What a node should be: pod range, taints, whether it takes pods."""

    config_source: NodeConfigSource | None = None
    external_id: str = field(name="externalID", default="")
    pod_cidr: str = field(name="podCIDR", default="")
    pod_cidrs: Annotated[list[str], Field(list_type="set", patch_strategy="merge")] = field(
        name="podCIDRs", default_factory=list
    )
    provider_id: str = field(name="providerID", default="")
    taints: Annotated[list[Taint], Field(list_type="atomic")] = []
    unschedulable: bool = False


class NodeAddress(Record, frozen=True, kw_only=True):
    """An address of the node and what it is for."""

    address: Annotated[str, Field(required=True)] = always("")
    type: Annotated[str, Field(required=True)] = always("")


class NodeCondition(Record, frozen=True, kw_only=True):
    """One aspect of a node's health: ready, under pressure, reachable."""

    last_heartbeat_time: Time | None = always(None)
    last_transition_time: Time | None = always(None)
    message: str = ""
    reason: str = ""
    status: Annotated[str, Field(required=True)] = always("")
    type: Annotated[str, Field(required=True)] = always("")


class NodeConfigStatus(Record, frozen=True, kw_only=True):
    """Which configuration a kubelet uses."""

    active: NodeConfigSource | None = None
    assigned: NodeConfigSource | None = None
    error: str = ""
    last_known_good: NodeConfigSource | None = None


class NodeDaemonEndpoints(Record, frozen=True, kw_only=True):
    """Ports of the node's daemons."""

    kubelet_endpoint: DaemonEndpoint = field(default_factory=DaemonEndpoint)


class NodeFeatures(Record, frozen=True, kw_only=True):
    """What the node's container runtime can do."""

    supplemental_groups_policy: bool | None = None


class NodeSwapStatus(Record, frozen=True, kw_only=True):
    """How much swap the node has."""

    capacity: Int64 | None = None


class NodeSystemInfo(Record, frozen=True, kw_only=True):
    """Identity and versions of the node's system."""

    architecture: Annotated[str, Field(required=True)] = always("")
    boot_id: Annotated[str, Field(required=True)] = always("", name="bootID")
    container_runtime_version: Annotated[str, Field(required=True)] = always("")
    kernel_version: Annotated[str, Field(required=True)] = always("")
    kube_proxy_version: Annotated[str, Field(required=True)] = always("")
    kubelet_version: Annotated[str, Field(required=True)] = always("")
    machine_id: Annotated[str, Field(required=True)] = always("", name="machineID")
    operating_system: Annotated[str, Field(required=True)] = always("")
    os_image: Annotated[str, Field(required=True)] = always("")
    swap: NodeSwapStatus | None = None
    system_uuid: Annotated[str, Field(required=True)] = always("", name="systemUUID")


class NodeRuntimeHandlerFeatures(Record, frozen=True, kw_only=True):
    """What a runtime handler can do."""

    recursive_read_only_mounts: bool | None = None
    user_namespaces: bool | None = None


class NodeRuntimeHandler(Record, frozen=True, kw_only=True):
    """A runtime handler of the node."""

    name: str = always("")
    features: NodeRuntimeHandlerFeatures | None = None


class NodeStatus(Record, frozen=True, kw_only=True):
    """What is known about a node: capacity, conditions, addresses, images."""

    addresses: Annotated[
        list[NodeAddress],
        Field(list_type="map", list_map_keys=("type",), patch_strategy="merge", patch_merge_key="type"),
    ] = []
    allocatable: dict[str, Quantity] = {}
    capacity: dict[str, Quantity] = {}
    conditions: Annotated[
        list[NodeCondition],
        Field(list_type="map", list_map_keys=("type",), patch_strategy="merge", patch_merge_key="type"),
    ] = []
    config: NodeConfigStatus | None = None
    daemon_endpoints: NodeDaemonEndpoints = field(default_factory=NodeDaemonEndpoints)
    declared_features: Annotated[list[str], Field(list_type="atomic")] = []
    features: NodeFeatures | None = None
    images: Annotated[list[ContainerImage], Field(list_type="atomic")] = []
    node_info: NodeSystemInfo = field(default_factory=NodeSystemInfo)
    phase: Annotated[str, Field(enum=("Pending", "Running", "Terminated"))] = ""
    runtime_handlers: Annotated[list[NodeRuntimeHandler], Field(list_type="atomic")] = []
    volumes_attached: Annotated[list[AttachedVolume], Field(list_type="atomic")] = []
    volumes_in_use: Annotated[list[str], Field(list_type="atomic")] = []


class Node(Record, frozen=True, kw_only=True):
    """A machine that runs pods."""

    api_version: str = always("v1")
    kind: str = always("Node")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: NodeSpec = field(default_factory=NodeSpec)
    status: NodeStatus = field(default_factory=NodeStatus)
