"""Observed state of pods and of their containers (core/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_container import ResourceRequirements
from api.types.record import STOP_SIGNALS, Field, Record, always, always_dict, always_list
from api.types.scalars import Int32, Int64, Quantity, Time

PACKAGE = "core/v1"


class ContainerExtendedResourceRequest(Record, frozen=True, kw_only=True):
    """The claim request that stands for a container's extended resource."""

    container_name: Annotated[str, Field(required=True)] = always("")
    request_name: Annotated[str, Field(required=True)] = always("")
    resource_name: Annotated[str, Field(required=True)] = always("")


class ContainerStateRunning(Record, frozen=True, kw_only=True):
    """A container that runs, and since when."""

    started_at: Time | None = always(None)


class ContainerStateTerminated(Record, frozen=True, kw_only=True):
    """A container that ended: how, when and why."""

    container_id: str = field(name="containerID", default="")
    exit_code: Annotated[Int32, Field(required=True)] = always(0)
    finished_at: Time | None = always(None)
    message: str = ""
    reason: str = ""
    signal: Int32 = 0
    started_at: Time | None = always(None)


class ContainerStateWaiting(Record, frozen=True, kw_only=True):
    """A container that does not run yet, and why."""

    message: str = ""
    reason: str = ""


class ContainerState(Record, frozen=True, kw_only=True):
    """What a container is doing: waiting, running or terminated."""

    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None
    waiting: ContainerStateWaiting | None = None


class ResourceHealth(Record, frozen=True, kw_only=True):
    """Whether one allocated device is healthy."""

    health: str = ""
    message: str | None = None
    resource_id: Annotated[str, Field(required=True)] = always("", name="resourceID")


class ResourceStatus(Record, frozen=True, kw_only=True):
    """Health of the devices allocated to a container."""

    name: Annotated[str, Field(required=True)] = always("")
    resources: Annotated[list[ResourceHealth], Field(list_type="map", list_map_keys=("resourceID",))] = []


class LinuxContainerUser(Record, frozen=True, kw_only=True):
    """User and groups of a container's first process on Linux."""

    gid: Annotated[Int64, Field(required=True)] = always(0)
    supplemental_groups: Annotated[list[Int64], Field(list_type="atomic")] = []
    uid: Annotated[Int64, Field(required=True)] = always(0)


class ContainerUser(Record, frozen=True, kw_only=True):
    """The user a container's first process got."""

    linux: LinuxContainerUser | None = None


class ImageVolumeStatus(Record, frozen=True, kw_only=True):
    """The image an image volume was resolved to."""

    image_ref: Annotated[str, Field(required=True)] = ""


class VolumeStatus(Record, frozen=True, kw_only=True):
    """What a mounted volume was resolved to."""

    image: ImageVolumeStatus | None = None


class VolumeMountStatus(Record, frozen=True, kw_only=True):
    """How a volume was mounted."""

    name: Annotated[str, Field(required=True)] = always("")
    mount_path: Annotated[str, Field(required=True)] = always("")
    read_only: bool = False
    recursive_read_only: str | None = None
    volume_status: VolumeStatus | None = None


class ContainerStatus(Record, frozen=True, kw_only=True):
    """What the kubelet reports about a container."""

    name: Annotated[str, Field(required=True)] = always("")
    allocated_resources: dict[str, Quantity] = {}
    allocated_resources_status: Annotated[
        list[ResourceStatus],
        Field(list_type="map", list_map_keys=("name",), patch_strategy="merge", patch_merge_key="name"),
    ] = []
    container_id: str = field(name="containerID", default="")
    image: Annotated[str, Field(required=True)] = always("")
    image_id: Annotated[str, Field(required=True)] = always("", name="imageID")
    last_state: ContainerState = field(default_factory=ContainerState)
    ready: Annotated[bool, Field(required=True)] = always(False)
    resources: ResourceRequirements | None = None
    restart_count: Annotated[Int32, Field(required=True)] = always(0)
    started: bool | None = None
    state: ContainerState = field(default_factory=ContainerState)
    stop_signal: Annotated[str | None, Field(enum=STOP_SIGNALS)] = None
    user: ContainerUser | None = None
    volume_mounts: Annotated[
        list[VolumeMountStatus],
        Field(list_type="map", list_map_keys=("mountPath",), patch_strategy="merge", patch_merge_key="mountPath"),
    ] = []


class HostIP(Record, frozen=True, kw_only=True):
    """An address of the pod's node."""

    ip: Annotated[str, Field(required=True)] = always("")


class NodeAllocatableResourceClaimStatus(Record, frozen=True, kw_only=True):
    """What a resource claim takes from the node's allocatable resources."""

    containers: Annotated[list[str], Field(list_type="set")] = []
    resource_claim_name: Annotated[str, Field(required=True)] = always("")
    resources: Annotated[dict[str, Quantity], Field(required=True)] = always_dict()


class PodCondition(Record, frozen=True, kw_only=True):
    """One aspect of a pod's state: scheduled, initialized, ready."""

    last_probe_time: Time | None = always(None)
    last_transition_time: Time | None = always(None)
    message: str = ""
    observed_generation: Int64 = 0
    reason: str = ""
    status: Annotated[str, Field(required=True)] = always("")
    type: Annotated[str, Field(required=True)] = always("")


class PodExtendedResourceClaimStatus(Record, frozen=True, kw_only=True):
    """The claim made for a pod's extended resources."""

    request_mappings: Annotated[list[ContainerExtendedResourceRequest], Field(required=True, list_type="atomic")] = (
        always_list()
    )
    resource_claim_name: Annotated[str, Field(required=True)] = always("")


class PodIP(Record, frozen=True, kw_only=True):
    """An address of the pod."""

    ip: Annotated[str, Field(required=True)] = always("")


class PodResourceClaimStatus(Record, frozen=True, kw_only=True):
    """The claim made for one of the pod's claim templates."""

    name: Annotated[str, Field(required=True)] = always("")
    resource_claim_name: str | None = None


class PodStatus(Record, frozen=True, kw_only=True):
    """What is known about a pod: phase, conditions, addresses, containers."""

    allocated_resources: dict[str, Quantity] = {}
    conditions: Annotated[
        list[PodCondition],
        Field(list_type="map", list_map_keys=("type",), patch_strategy="merge", patch_merge_key="type"),
    ] = []
    container_statuses: Annotated[list[ContainerStatus], Field(list_type="atomic")] = []
    ephemeral_container_statuses: Annotated[list[ContainerStatus], Field(list_type="atomic")] = []
    extended_resource_claim_status: PodExtendedResourceClaimStatus | None = None
    host_ip: str = field(name="hostIP", default="")
    host_ips: Annotated[list[HostIP], Field(list_type="atomic", patch_strategy="merge", patch_merge_key="ip")] = field(
        name="hostIPs", default_factory=list
    )
    init_container_statuses: Annotated[list[ContainerStatus], Field(list_type="atomic")] = []
    message: str = ""
    node_allocatable_resource_claim_statuses: Annotated[
        list[NodeAllocatableResourceClaimStatus], Field(list_type="atomic")
    ] = []
    nominated_node_name: str = ""
    observed_generation: Int64 = 0
    phase: Annotated[str, Field(enum=("Pending", "Running", "Succeeded", "Failed", "Unknown"))] = ""
    pod_ip: str = field(name="podIP", default="")
    pod_ips: Annotated[
        list[PodIP], Field(list_type="map", list_map_keys=("ip",), patch_strategy="merge", patch_merge_key="ip")
    ] = field(name="podIPs", default_factory=list)
    qos_class: Annotated[str, Field(enum=("Guaranteed", "Burstable", "BestEffort"))] = ""
    reason: str = ""
    resize: str = ""
    resource_claim_statuses: Annotated[
        list[PodResourceClaimStatus],
        Field(list_type="map", list_map_keys=("name",), patch_strategy="merge,retainKeys", patch_merge_key="name"),
    ] = []
    resources: ResourceRequirements | None = None
    start_time: Time | None = None
