"""Defaults of Services, Endpoints and EndpointSlices."""

from __future__ import annotations

from msgspec.structs import replace

from api.defaults.fill import fill, put, within
from api.types import (
    ClientIPConfig,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    EndpointSlicePort,
    EndpointSubset,
    LoadBalancerIngress,
    LoadBalancerStatus,
    Service,
    ServicePort,
    ServiceSpec,
    ServiceStatus,
    SessionAffinityConfig,
)

AFFINITY_SECONDS = 3 * 60 * 60


def service(service: Service) -> Service:
    service = within(service, spec=_service_spec)
    if service.spec.type == "LoadBalancer":
        service = within(service, status=_service_status)
    return service


def _service_spec(spec: ServiceSpec) -> ServiceSpec:
    spec = fill(within(spec, ports=_service_port), session_affinity="None", type="ClusterIP")
    spec = _with_affinity(spec)
    if spec.type != "ExternalName":
        spec = fill(spec, internal_traffic_policy="Cluster")
    if spec.type in ("NodePort", "LoadBalancer") or (spec.type == "ClusterIP" and spec.external_ips):
        spec = fill(spec, external_traffic_policy="Cluster")
    if spec.type == "LoadBalancer":
        spec = fill(spec, allocate_load_balancer_node_ports=True)
    return spec


def _with_affinity(spec: ServiceSpec) -> ServiceSpec:
    if spec.session_affinity == "None":
        return put(spec, session_affinity_config=None)
    if spec.session_affinity != "ClientIP":
        return spec
    client = (spec.session_affinity_config or SessionAffinityConfig()).client_ip or ClientIPConfig()
    if client.timeout_seconds is not None:
        return spec
    client = replace(client, timeout_seconds=AFFINITY_SECONDS)
    return replace(spec, session_affinity_config=SessionAffinityConfig(client_ip=client))


def _service_port(port: ServicePort) -> ServicePort:
    port = fill(port, protocol="TCP")
    return replace(port, target_port=port.port) if port.target_port in (0, "") else port


def _service_status(status: ServiceStatus) -> ServiceStatus:
    return within(status, load_balancer=_load_balancer)


def _load_balancer(status: LoadBalancerStatus) -> LoadBalancerStatus:
    return within(status, ingress=_ingress)


def _ingress(ingress: LoadBalancerIngress) -> LoadBalancerIngress:
    return fill(ingress, ip_mode="VIP") if ingress.ip else ingress


def endpoints(endpoints: Endpoints) -> Endpoints:
    return within(endpoints, subsets=_subset)


def _subset(subset: EndpointSubset) -> EndpointSubset:
    return within(subset, ports=_endpoint_port)


def _endpoint_port(port: EndpointPort) -> EndpointPort:
    return fill(port, protocol="TCP")


def endpoint_slice(endpoint_slice: EndpointSlice) -> EndpointSlice:
    return within(endpoint_slice, ports=_slice_port)


def _slice_port(port: EndpointSlicePort) -> EndpointSlicePort:
    return fill(port, name="", protocol="TCP")
