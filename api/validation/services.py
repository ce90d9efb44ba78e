"""Services: ports, addresses, type and traffic policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api import names
from api.errors import FieldError
from api.types import LoadBalancerIngress, Service, ServicePort, ServiceSpec, SessionAffinityConfig
from api.validation import metadata
from api.validation.checks import (
    PROTOCOLS,
    Errors,
    cidr,
    ip_address,
    is_ipv6,
    known,
    non_special_ip,
    one_of,
    one_per_family,
    port_number_or_name,
    well_formed,
)

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_POLICIES = ("Cluster", "Local")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_DISTRIBUTIONS = ("PreferClose", "PreferSameNode", "PreferSameZone")
_MAX_AFFINITY_SECONDS = 24 * 60 * 60
_ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'"
_FIXED = "may not change once set"


def check(service: Service) -> Errors:
    spec = service.spec
    if not spec.ports and not is_headless(spec) and spec.type != "ExternalName":
        yield FieldError.required("spec.ports")
    yield from _type_demands(spec)
    used: set[str] = set()
    for index, port in enumerate(spec.ports):
        yield from _port(port, len(spec.ports) > 1, used, f"spec.ports[{index}]")
    yield from metadata.labels(spec.selector, "spec.selector")
    yield from _affinity(spec)
    if spec.type != "ExternalName":
        yield from cluster_ips(spec)
    for index, address in enumerate(spec.external_ips):
        where = f"spec.externalIPs[{index}]"
        malformed = [*ip_address(address, where)]
        yield from malformed or non_special_ip(address, where)
    yield from one_of(spec.type, "spec.type", _TYPES)
    yield from _distinct_ports(spec)
    yield from _load_balancer(spec)
    yield from _traffic(spec)


def update(new: Service, old: Service) -> Errors:
    if "ExternalName" not in (new.spec.type, old.spec.type):
        yield from _kept_addresses(new.spec, old.spec)
        yield from _kept_families(new.spec, old.spec)
    both_balanced = new.spec.type == old.spec.type == "LoadBalancer"
    if both_balanced and new.spec.load_balancer_class != old.spec.load_balancer_class:
        yield FieldError.invalid("spec.loadBalancerClass", new.spec.load_balancer_class, _FIXED)
    both_checked = _needs_health_check(new.spec) and _needs_health_check(old.spec)
    if both_checked and new.spec.health_check_node_port != old.spec.health_check_node_port:
        yield FieldError.forbidden("spec.healthCheckNodePort", "field is immutable")
    yield from check(new)


def update_status(new: Service, old: Service) -> Errors:
    ingress = new.status.load_balancer.ingress
    if ingress and new.spec.type != "LoadBalancer":
        detail = "may only be used when `spec.type` is 'LoadBalancer'"
        yield FieldError.forbidden("status.loadBalancer.ingress", detail)
        return
    for index, entry in enumerate(ingress):
        yield from _ingress(entry, f"status.loadBalancer.ingress[{index}]")


def is_headless(spec: ServiceSpec) -> bool:
    return spec.cluster_ips == ["None"]


def _type_demands(spec: ServiceSpec) -> Errors:
    if spec.type in ("LoadBalancer", "NodePort") and is_headless(spec):
        yield FieldError.invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {spec.type} services")
    if spec.type != "ExternalName":
        return
    unset = (
        ("clusterIPs", spec.cluster_ips),
        ("ipFamilies", spec.ip_families),
        ("ipFamilyPolicy", spec.ip_family_policy),
    )
    for json_name, value in unset:
        if value:
            yield FieldError.forbidden(f"spec.{json_name}", "may not be set for ExternalName services")
    name = spec.external_name.removesuffix(".")
    if not name:
        yield FieldError.required("spec.externalName")
    else:
        yield from well_formed(name, "spec.externalName", names.dns1123_subdomain)


def _port(port: ServicePort, needs_name: bool, used: set[str], path: str) -> Errors:
    if port.name:
        yield from well_formed(port.name, f"{path}.name", names.dns1123_label)
        if port.name in used:
            yield FieldError.duplicate(f"{path}.name", port.name)
        used.add(port.name)
    elif needs_name:
        yield FieldError.required(f"{path}.name")
    for message in names.port_number(port.port):
        yield FieldError.invalid(f"{path}.port", port.port, message)
    yield from one_of(port.protocol, f"{path}.protocol", PROTOCOLS)
    yield from port_number_or_name(port.target_port, f"{path}.targetPort")
    if port.app_protocol is not None:
        yield from well_formed(port.app_protocol, f"{path}.appProtocol", names.qualified_name)


def _affinity(spec: ServiceSpec) -> Errors:
    yield from one_of(spec.session_affinity, "spec.sessionAffinity", ("ClientIP", "None"))
    path = "spec.sessionAffinityConfig"
    if spec.session_affinity == "ClientIP":
        yield from _affinity_timeout(spec.session_affinity_config, path)
    elif spec.session_affinity == "None" and spec.session_affinity_config is not None:
        yield FieldError.forbidden(path, "must not be set when session affinity is None")


def _affinity_timeout(config: SessionAffinityConfig | None, path: str) -> Errors:
    missing = "when session affinity type is ClientIP"
    if config is None:
        yield FieldError.required(path, missing)
    elif config.client_ip is None:
        yield FieldError.required(f"{path}.clientIP", missing)
    elif config.client_ip.timeout_seconds is None:
        yield FieldError.required(f"{path}.clientIP.timeoutSeconds", missing)
    elif not 0 < config.client_ip.timeout_seconds <= _MAX_AFFINITY_SECONDS:
        detail = f"must be greater than 0 and less than {_MAX_AFFINITY_SECONDS}"
        yield FieldError.invalid(f"{path}.clientIP.timeoutSeconds", config.client_ip.timeout_seconds, detail)


def cluster_ips(spec: ServiceSpec) -> Errors:
    """clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy together (upstream runs this on allocation too)."""
    path = "spec.clusterIPs"
    if spec.cluster_ip and not spec.cluster_ips:
        yield FieldError.required(path)
    elif spec.cluster_ip and spec.cluster_ips[0] != spec.cluster_ip:
        yield FieldError.invalid(path, spec.cluster_ips, "first value must match `clusterIP`")
    elif not spec.cluster_ip and spec.cluster_ips:
        yield FieldError.invalid(path, spec.cluster_ips, "must be empty when `clusterIP` is not specified")
    seen: set[str] = set()
    for index, family in enumerate(spec.ip_families):
        yield from known(family, f"spec.ipFamilies[{index}]", ("IPv4", "IPv6"))
        if family in seen:
            yield FieldError.duplicate(f"spec.ipFamilies[{index}]", family)
        seen.add(family)
    yield from known(spec.ip_family_policy, "spec.ipFamilyPolicy", _FAMILY_POLICIES)
    malformed = [*_address_list(spec.cluster_ips, path)]
    yield from malformed
    if len(spec.cluster_ips) > 2:
        yield FieldError.invalid(path, spec.cluster_ips, "may only hold up to 2 values")
    if malformed or is_headless(spec):
        return
    if not one_per_family(spec.cluster_ips):
        yield FieldError.invalid(path, spec.cluster_ips, "may specify no more than one IP for each IP family")
    for index, (address, family) in enumerate(zip(spec.cluster_ips, spec.ip_families, strict=False)):
        if is_ipv6(address) != (family == "IPv6"):
            detail = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
            yield FieldError.invalid(f"{path}[{index}]", address, detail)


def _address_list(addresses: Sequence[str], path: str) -> Errors:
    for index, address in enumerate(addresses):
        if index == 0 and address == "None":
            if len(addresses) > 1:
                yield FieldError.invalid(path, list(addresses), "'None' must be the first and only value")
        else:
            yield from ip_address(address, f"{path}[{index}]")


def _distinct_ports(spec: ServiceSpec) -> Errors:
    node_ports: set[tuple[str, int]] = set()
    for index, port in enumerate(spec.ports):
        if not port.node_port:
            continue
        where = f"spec.ports[{index}].nodePort"
        if spec.type == "ClusterIP":
            yield FieldError.forbidden(where, "may not be used when `type` is 'ClusterIP'")
        if (port.protocol, port.node_port) in node_ports:
            yield FieldError.duplicate(where, port.node_port)
        node_ports.add((port.protocol, port.node_port))
    ports: set[tuple[str, int]] = set()
    for index, port in enumerate(spec.ports):
        if (port.protocol, port.port) in ports:
            yield FieldError.duplicate(f"spec.ports[{index}]", _shown_port(port))
        ports.add((port.protocol, port.port))


def _shown_port(port: ServicePort) -> dict[str, Any]:
    """The key of a port as upstream prints it: its internal type with only protocol and port set."""
    return {
        "Name": "",
        "Protocol": port.protocol,
        "AppProtocol": None,
        "Port": port.port,
        "TargetPort": 0,
        "NodePort": 0,
    }


def _load_balancer(spec: ServiceSpec) -> Errors:
    balanced = spec.type == "LoadBalancer"
    if spec.load_balancer_source_ranges:
        path = "spec.LoadBalancerSourceRanges"
        if not balanced:
            yield FieldError.forbidden(path, _ONLY_LOAD_BALANCER)
        for index, value in enumerate(spec.load_balancer_source_ranges):
            yield from cidr(value.strip(), f"{path}[{index}]")
    if spec.allocate_load_balancer_node_ports is not None and not balanced:
        yield FieldError.forbidden("spec.allocateLoadBalancerNodePorts", _ONLY_LOAD_BALANCER)
    if spec.allocate_load_balancer_node_ports is None and balanced:
        yield FieldError.required("allocateLoadBalancerNodePorts")
    if spec.load_balancer_class is not None:
        if balanced:
            yield from well_formed(spec.load_balancer_class, "spec.loadBalancerClass", names.qualified_name)
        else:
            yield FieldError.forbidden("spec.loadBalancerClass", _ONLY_LOAD_BALANCER)


def _traffic(spec: ServiceSpec) -> Errors:
    external = "spec.externalTrafficPolicy"
    if _externally_accessible(spec):
        yield from one_of(spec.external_traffic_policy, external, _POLICIES)
    elif spec.external_traffic_policy:
        detail = "may only be set for externally-accessible services"
        yield FieldError.invalid(external, spec.external_traffic_policy, detail)
    health = "spec.healthCheckNodePort"
    if not _needs_health_check(spec):
        if spec.health_check_node_port:
            detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
            yield FieldError.invalid(health, spec.health_check_node_port, detail)
    elif spec.health_check_node_port:
        # One that is missing is allocated.
        for message in names.port_number(spec.health_check_node_port):
            yield FieldError.invalid(health, spec.health_check_node_port, message)
    if spec.internal_traffic_policy is None and spec.type in ("NodePort", "LoadBalancer", "ClusterIP"):
        yield FieldError.required("spec.internalTrafficPolicy")
    yield from known(spec.internal_traffic_policy, "spec.internalTrafficPolicy", _POLICIES)
    yield from known(spec.traffic_distribution, "spec.trafficDistribution", _DISTRIBUTIONS)


def _externally_accessible(spec: ServiceSpec) -> bool:
    return spec.type in ("LoadBalancer", "NodePort") or (spec.type == "ClusterIP" and bool(spec.external_ips))


def _needs_health_check(spec: ServiceSpec) -> bool:
    return spec.type == "LoadBalancer" and spec.external_traffic_policy == "Local"


def _kept_addresses(new: ServiceSpec, old: ServiceSpec) -> Errors:
    """A service keeps its primary address for life; a secondary one may come and go."""
    if is_headless(new) and is_headless(old):
        return
    path, after, before = "spec.clusterIPs", new.cluster_ips, old.cluster_ips
    if before and not after:
        yield FieldError.invalid(f"{path}[0]", after, "primary clusterIP can not be unset")
    for index, (one, other) in enumerate(zip(before, after, strict=False)):
        if one != other and (index == 0 or len(before) == len(after)):
            yield FieldError.invalid(f"{path}[{index}]", after, _FIXED)
    if len(before) > len(after) == 1 and new.ip_family_policy != "SingleStack":
        detail = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        yield FieldError.invalid("spec.ipFamilyPolicy", new.ip_family_policy, detail)


def _kept_families(new: ServiceSpec, old: ServiceSpec) -> Errors:
    if is_headless(new) or is_headless(old):
        return
    path, after, before = "spec.ipFamilies[0]", new.ip_families, old.ip_families
    if before and not after:
        yield FieldError.invalid(path, after, "primary ipFamily can not be unset")
    changed = [one for one, other in zip(before, after, strict=False) if one != other]
    if changed and (len(before) == len(after) or before[0] != after[0]):
        yield FieldError.invalid(path, after, _FIXED)
    if len(before) > len(after) == 1 and new.ip_family_policy != "SingleStack":
        detail = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        yield FieldError.invalid("spec.ipFamilyPolicy", new.ip_family_policy, detail)


def _ingress(ingress: LoadBalancerIngress, path: str) -> Errors:
    if ingress.ip:
        yield from ip_address(ingress.ip, f"{path}.ip")
        if ingress.ip_mode is None:
            yield FieldError.required(f"{path}.ipMode", "must be specified when `ip` is set")
    elif ingress.ip_mode is not None:
        yield FieldError.forbidden(f"{path}.ipMode", "may not be specified when `ip` is not set")
    yield from known(ingress.ip_mode, f"{path}.ipMode", ("Proxy", "VIP"))
    if ingress.hostname:
        yield from well_formed(ingress.hostname, f"{path}.hostname", names.dns1123_subdomain)
        if not names.ip_address(ingress.hostname):
            detail = "must be a DNS name, not an IP address"
            yield FieldError.invalid(f"{path}.hostname", ingress.hostname, detail)
