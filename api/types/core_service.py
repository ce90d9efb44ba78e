"""Services and Endpoints (core/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_reference import ObjectReference
from api.types.meta import Condition, ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Int32, IntOrString

PACKAGE = "core/v1"


class ClientIPConfig(Record, frozen=True, kw_only=True):
    """How long a client keeps its endpoint."""

    timeout_seconds: Int32 | None = None


class EndpointAddress(Record, frozen=True, kw_only=True):
    """An address behind a Service."""

    hostname: str = ""
    ip: Annotated[str, Field(required=True)] = always("")
    node_name: str | None = None
    target_ref: ObjectReference | None = None


class EndpointPort(Record, frozen=True, kw_only=True):
    """A port behind a Service."""

    name: str = ""
    app_protocol: str | None = None
    port: Annotated[Int32, Field(required=True)] = always(0)
    protocol: Annotated[str, Field(enum=("TCP", "UDP", "SCTP"))] = ""


class EndpointSubset(Record, frozen=True, kw_only=True):
    """Addresses that all serve the same ports."""

    addresses: Annotated[list[EndpointAddress], Field(list_type="atomic")] = []
    not_ready_addresses: Annotated[list[EndpointAddress], Field(list_type="atomic")] = []
    ports: Annotated[list[EndpointPort], Field(list_type="atomic")] = []


class Endpoints(Record, frozen=True, kw_only=True):
    """The addresses behind a Service, in one object."""

    api_version: str = always("v1")
    kind: str = always("Endpoints")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    subsets: Annotated[list[EndpointSubset], Field(list_type="atomic")] = []


class PortStatus(Record, frozen=True, kw_only=True):
    """Whether a load balancer serves a port."""

    error: str | None = None
    port: Annotated[Int32, Field(required=True)] = always(0)
    protocol: Annotated[str, Field(required=True, enum=("TCP", "UDP", "SCTP"))] = always("")


class LoadBalancerIngress(Record, frozen=True, kw_only=True):
    """An address a load balancer serves a Service at."""

    hostname: str = ""
    ip: str = ""
    ip_mode: str | None = None
    ports: Annotated[list[PortStatus], Field(list_type="atomic")] = []


class LoadBalancerStatus(Record, frozen=True, kw_only=True):
    """What a load balancer serves a Service at."""

    ingress: Annotated[list[LoadBalancerIngress], Field(list_type="atomic")] = []


class ServicePort(Record, frozen=True, kw_only=True):
    """A port of a Service and where it leads."""

    name: str = ""
    app_protocol: str | None = None
    node_port: Int32 = 0
    port: Annotated[Int32, Field(required=True)] = always(0)
    protocol: Annotated[str, Field(default="TCP", enum=("TCP", "UDP", "SCTP"))] = ""
    target_port: IntOrString = 0


class SessionAffinityConfig(Record, frozen=True, kw_only=True):
    """Settings of session affinity."""

    client_ip: ClientIPConfig | None = field(name="clientIP", default=None)


class ServiceSpec(Record, frozen=True, kw_only=True):
    """What a Service should be: type, addresses, ports, which pods it leads to."""

    allocate_load_balancer_node_ports: bool | None = None
    cluster_ip: str = field(name="clusterIP", default="")
    cluster_ips: Annotated[list[str], Field(list_type="atomic")] = field(name="clusterIPs", default_factory=list)
    external_ips: Annotated[list[str], Field(list_type="atomic")] = field(name="externalIPs", default_factory=list)
    external_name: str = ""
    external_traffic_policy: Annotated[str, Field(enum=("Cluster", "Local"))] = ""
    health_check_node_port: Int32 = 0
    internal_traffic_policy: Annotated[str | None, Field(enum=("Cluster", "Local"))] = None
    ip_families: Annotated[list[str], Field(enum=("IPv4", "IPv6", ""), list_type="atomic")] = []
    ip_family_policy: Annotated[str | None, Field(enum=("SingleStack", "PreferDualStack", "RequireDualStack"))] = None
    load_balancer_class: str | None = None
    load_balancer_ip: str = field(name="loadBalancerIP", default="")
    load_balancer_source_ranges: Annotated[list[str], Field(list_type="atomic")] = []
    ports: Annotated[
        list[ServicePort],
        Field(list_type="map", list_map_keys=("port", "protocol"), patch_strategy="merge", patch_merge_key="port"),
    ] = []
    publish_not_ready_addresses: bool = False
    selector: Annotated[dict[str, str], Field(map_type="atomic")] = {}
    session_affinity: Annotated[str, Field(enum=("ClientIP", "None"))] = ""
    session_affinity_config: SessionAffinityConfig | None = None
    traffic_distribution: str | None = None
    type: Annotated[str, Field(enum=("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"))] = ""


class ServiceStatus(Record, frozen=True, kw_only=True):
    """What is known about a Service: its load balancer and conditions."""

    conditions: Annotated[
        list[Condition], Field(list_type="map", list_map_keys=("type",), patch_strategy="merge", patch_merge_key="type")
    ] = []
    load_balancer: LoadBalancerStatus = field(default_factory=LoadBalancerStatus)


class Service(Record, frozen=True, kw_only=True):
    """A stable address for a changing set of pods."""

    api_version: str = always("v1")
    kind: str = always("Service")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: ServiceSpec = field(default_factory=ServiceSpec)
    status: ServiceStatus = field(default_factory=ServiceStatus)
