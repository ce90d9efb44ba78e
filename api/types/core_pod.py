"""Pods, their desired state, their templates and their binding to a node (core/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_container import Container, EphemeralContainer, ResourceRequirements
from api.types.core_pod_status import PodStatus
from api.types.core_reference import LocalObjectReference, ObjectReference
from api.types.core_scheduling import Affinity, Toleration, TopologySpreadConstraint
from api.types.core_security import PodSecurityContext
from api.types.core_volume import Volume
from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always, always_list
from api.types.scalars import Int32, Int64, Quantity

PACKAGE = "core/v1"


class Binding(Record, frozen=True, kw_only=True):
    """Ties a pod to a node."""

    api_version: str = always("v1")
    kind: str = always("Binding")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    target: Annotated[ObjectReference, Field(required=True)] = field(default_factory=ObjectReference)


class HostAlias(Record, frozen=True, kw_only=True):
    """Names of an address in the pod's hosts file."""

    hostnames: Annotated[list[str], Field(list_type="atomic")] = []
    ip: Annotated[str, Field(required=True)] = always("")


class PodDNSConfigOption(Record, frozen=True, kw_only=True):
    """One option of the resolver."""

    name: str = ""
    value: str | None = None


class PodDNSConfig(Record, frozen=True, kw_only=True):
    """DNS settings added to those the DNS policy gives."""

    nameservers: Annotated[list[str], Field(list_type="atomic")] = []
    options: Annotated[list[PodDNSConfigOption], Field(list_type="atomic")] = []
    searches: Annotated[list[str], Field(list_type="atomic")] = []


class PodOS(Record, frozen=True, kw_only=True):
    """The operating system the pod's containers are for."""

    name: Annotated[str, Field(required=True)] = always("")


class PodReadinessGate(Record, frozen=True, kw_only=True):
    """A condition that must be true for the pod to be ready."""

    condition_type: Annotated[str, Field(required=True)] = always("")


class PodResourceClaim(Record, frozen=True, kw_only=True):
    """A resource claim the pod's containers may use."""

    name: Annotated[str, Field(required=True)] = always("")
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None


class PodSchedulingGate(Record, frozen=True, kw_only=True):
    """What must be removed before the pod is scheduled."""

    name: Annotated[str, Field(required=True)] = always("")


class PodSchedulingGroup(Record, frozen=True, kw_only=True):
    """The group a pod is scheduled with."""

    pod_group_name: str | None = None


class PodSpec(Record, frozen=True, kw_only=True):
    """What a pod should be."""

    active_deadline_seconds: Int64 | None = None
    affinity: Affinity | None = None
    automount_service_account_token: bool | None = None
    containers: Annotated[
        list[Container],
        Field(required=True, list_type="map", list_map_keys=("name",), patch_strategy="merge", patch_merge_key="name"),
    ] = always_list()
    dns_config: PodDNSConfig | None = None
    dns_policy: Annotated[str, Field(enum=("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"))] = ""
    enable_service_links: bool | None = None
    ephemeral_containers: Annotated[
        list[EphemeralContainer],
        Field(list_type="map", list_map_keys=("name",), patch_strategy="merge", patch_merge_key="name"),
    ] = []
    host_aliases: Annotated[
        list[HostAlias], Field(list_type="map", list_map_keys=("ip",), patch_strategy="merge", patch_merge_key="ip")
    ] = []
    host_ipc: bool = field(name="hostIPC", default=False)
    host_network: bool = False
    host_pid: bool = field(name="hostPID", default=False)
    host_users: bool | None = None
    hostname: str = ""
    hostname_override: str | None = None
    image_pull_secrets: Annotated[
        list[LocalObjectReference],
        Field(list_type="map", list_map_keys=("name",), patch_strategy="merge", patch_merge_key="name"),
    ] = []
    init_containers: Annotated[
        list[Container], Field(list_type="map", list_map_keys=("name",), patch_strategy="merge", patch_merge_key="name")
    ] = []
    node_name: str = ""
    node_selector: Annotated[dict[str, str], Field(map_type="atomic")] = {}
    os: PodOS | None = None
    overhead: dict[str, Quantity] = {}
    preemption_policy: Annotated[str | None, Field(enum=("PreemptLowerPriority", "Never"))] = None
    priority: Int32 | None = None
    priority_class_name: str = ""
    readiness_gates: Annotated[list[PodReadinessGate], Field(list_type="atomic")] = []
    resource_claims: Annotated[
        list[PodResourceClaim],
        Field(list_type="map", list_map_keys=("name",), patch_strategy="merge,retainKeys", patch_merge_key="name"),
    ] = []
    resources: ResourceRequirements | None = None
    restart_policy: Annotated[str, Field(enum=("Always", "OnFailure", "Never"))] = ""
    runtime_class_name: str | None = None
    scheduler_name: str = ""
    scheduling_gates: Annotated[
        list[PodSchedulingGate],
        Field(list_type="map", list_map_keys=("name",), patch_strategy="merge", patch_merge_key="name"),
    ] = []
    scheduling_group: PodSchedulingGroup | None = None
    security_context: PodSecurityContext | None = None
    service_account: str = ""
    service_account_name: str = ""
    set_hostname_as_fqdn: bool | None = field(name="setHostnameAsFQDN", default=None)
    share_process_namespace: bool | None = None
    subdomain: str = ""
    termination_grace_period_seconds: Int64 | None = None
    tolerations: Annotated[list[Toleration], Field(list_type="atomic")] = []
    topology_spread_constraints: Annotated[
        list[TopologySpreadConstraint],
        Field(
            list_type="map",
            list_map_keys=("topologyKey", "whenUnsatisfiable"),
            patch_strategy="merge",
            patch_merge_key="topologyKey",
        ),
    ] = []
    volumes: Annotated[
        list[Volume],
        Field(list_type="map", list_map_keys=("name",), patch_strategy="merge,retainKeys", patch_merge_key="name"),
    ] = []


class Pod(Record, frozen=True, kw_only=True):
    """A group of containers that run on one node and share its network."""

    api_version: str = always("v1")
    kind: str = always("Pod")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: PodSpec = field(default_factory=PodSpec)
    status: PodStatus = field(default_factory=PodStatus)


class PodTemplateSpec(Record, frozen=True, kw_only=True):
    """The pods a workload makes."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: PodSpec = field(default_factory=PodSpec)


class PodTemplate(Record, frozen=True, kw_only=True):
    """A stored template of pods."""

    api_version: str = always("v1")
    kind: str = always("PodTemplate")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    template: PodTemplateSpec = field(default_factory=PodTemplateSpec)
