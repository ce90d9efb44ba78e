"""Services: cluster addresses, node ports, and what follows from the type (upstream: service REST and allocator)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import replace

from api.errors import FieldError
from api.scheme import Resource
from api.types import Service, ServicePort, ServiceSpec
from apiserver.registry.allocation import Allocations, Full, Unallocated
from apiserver.registry.strategies.service_families import HEADLESS, family_of, with_families
from apiserver.registry.strategy import Strategy
from apiserver.storage.keys import object_key
from apiserver.storage.transactions import Side

_NODE_PORT_TYPES: Final = ("NodePort", "LoadBalancer")
_IPS: Final = "spec.clusterIPs"


class ServiceStrategy(Strategy):
    returns_deleted = True
    create_on_update = True

    def __init__(self, resource: Resource, allocations: Allocations) -> None:
        super().__init__(resource)
        self._allocations = allocations

    def prepare_create(self, record: Service) -> Any:
        record = super().prepare_create(record)
        return replace(record, spec=_normalized(record.spec, None))

    def prepare_update(self, new: Service, old: Service) -> Any:
        new = super().prepare_update(new, old)
        spec = _carry_over(_normalized(new.spec, old.spec), old.spec)
        return replace(new, spec=_without_old_types_values(spec, old.spec))

    def allocate(self, new: Service, old: Service | None) -> tuple[Service, Sequence[Side]]:
        owner = object_key(new.metadata.namespace, new.metadata.name)
        configured = self._allocations.ranges.families
        spec, problems = with_families(new.spec, old.spec if old is not None else None, configured)
        if problems:
            raise Unallocated(self.resource.group_kind, new.metadata.name, problems)
        spec = self._with_addresses(owner, new.metadata.name, spec)
        spec = self._with_ports(owner, new.metadata.name, spec)
        allocated = new if spec == new.spec else replace(new, spec=spec)
        return allocated, self._allocations.sides(owner, old, allocated)

    def release(self, record: Service) -> Sequence[Side]:
        owner = object_key(record.metadata.namespace, record.metadata.name)
        return self._allocations.sides(owner, record, None)

    def _with_addresses(self, owner: str, name: str, spec: ServiceSpec) -> ServiceSpec:
        """An address of each family; those asked for, if they can be had."""
        if spec.type == "ExternalName":
            return replace(spec, cluster_ip="", cluster_ips=[])
        wanted = list(spec.cluster_ips) or ([spec.cluster_ip] if spec.cluster_ip else [])
        if HEADLESS in wanted:
            return replace(spec, cluster_ip=HEADLESS, cluster_ips=[HEADLESS])
        for family in spec.ip_families[len(wanted) :]:
            try:
                wanted.append(self._allocations.choose_address(family))
            except Full:
                raise self._invalid(
                    name, FieldError.internal(_IPS, "failed to allocate a serviceIP: range is full")
                ) from None
        for address in wanted:
            self._check_address(owner, name, address, wanted)
        return replace(spec, cluster_ip=wanted[0], cluster_ips=wanted)

    def _check_address(self, owner: str, name: str, wanted: str, together: list[str]) -> None:
        try:
            address = ipaddress.ip_address(wanted)
        except ValueError:
            return  # validation has named it
        pool = self._allocations.addresses.get(family_of(wanted))
        if pool is None:
            return  # kept from when the cluster had this family, too
        holder = pool.owner(int(address))
        if holder == owner:
            return  # also when its network gives out no addresses any more
        if holder is not None:
            problem = "provided IP is already allocated"
        elif int(address) not in pool:
            networks = ", ".join(map(str, pool.networks))
            problem = f"the provided IP ({wanted}) is not in the valid range. The range of valid IPs is {networks}"
        else:
            return
        message = f"failed to allocate IP {wanted}: {problem}"
        raise self._invalid(name, FieldError.invalid(_IPS, together, message))

    def _with_ports(self, owner: str, name: str, spec: ServiceSpec) -> ServiceSpec:
        used = {port.node_port for port in spec.ports}
        if _wants_node_ports(spec):
            spec = self._with_node_ports(owner, name, spec, used)
        elif any(port.node_port for port in spec.ports):
            spec = replace(spec, ports=[replace(port, node_port=0) for port in spec.ports])
        number = spec.health_check_node_port
        if not _needs_health_check(spec):
            return replace(spec, health_check_node_port=0) if number else spec
        if number:
            self._check_port(owner, name, "spec.healthCheckNodePort", number)
            return spec
        return replace(spec, health_check_node_port=self._choose_port(name, used))

    def _with_node_ports(self, owner: str, name: str, spec: ServiceSpec, used: set[int]) -> ServiceSpec:
        ports: list[ServicePort] = []
        for position, port in enumerate(spec.ports):
            number = port.node_port or self._matching_port(ports, port)
            if number:
                self._check_port(owner, name, f"spec.ports[{position}].nodePort", number)
            else:
                number = self._choose_port(name, used)
                used.add(number)
            ports.append(port if port.node_port == number else replace(port, node_port=number))
        return replace(spec, ports=ports)

    def _matching_port(self, ports: Sequence[ServicePort], wanted: ServicePort) -> int:
        """The node port of the same port with another protocol (DNS over TCP and UDP), to be shared."""
        for port in ports:
            if port.port == wanted.port and port.protocol != wanted.protocol:
                return port.node_port
        return 0

    def _check_port(self, owner: str, name: str, path: str, number: int) -> None:
        pool = self._allocations.ports
        if number not in pool:
            message = f"provided port is not in the valid range. The range of valid ports is {pool.first}-{pool.last}"
        elif pool.owner(number) not in (None, owner):
            message = "provided port is already allocated"
        else:
            return
        raise self._invalid(name, FieldError.invalid(path, number, message))

    def _choose_port(self, name: str, used: set[int]) -> int:
        try:
            return self._allocations.ports.choose(used)
        except Full:
            problem = FieldError.internal("spec.ports", "failed to allocate a nodePort: range is full")
            raise self._invalid(name, problem) from None

    def _invalid(self, name: str, problem: FieldError) -> Unallocated:
        return Unallocated(self.resource.group_kind, name, [problem])


def _wants_node_ports(spec: ServiceSpec) -> bool:
    return spec.type == "NodePort" or (
        spec.type == "LoadBalancer" and spec.allocate_load_balancer_node_ports is not False
    )


def _needs_health_check(spec: ServiceSpec) -> bool:
    return spec.type == "LoadBalancer" and spec.external_traffic_policy == "Local"


def _normalized(new: ServiceSpec, old: ServiceSpec | None) -> ServiceSpec:
    """clusterIPs in agreement with a clusterIP that was set or changed alone (upstream normalizeClusterIPs)."""
    if old is not None and not new.cluster_ips and new.cluster_ip == old.cluster_ip:
        # A client that knows nothing of clusterIPs leaves them as they are.
        return replace(new, cluster_ips=old.cluster_ips)
    followed = not new.cluster_ips
    if old is not None and new.cluster_ip != old.cluster_ip:
        followed = followed or new.cluster_ips == old.cluster_ips
    if not followed:
        return new
    wanted = [new.cluster_ip] if new.cluster_ip else []
    return new if new.cluster_ips == wanted else replace(new, cluster_ips=wanted)


def _carry_over(new: ServiceSpec, old: ServiceSpec) -> ServiceSpec:
    """Allocated values a client leaves out of an update are the ones there are (upstream patchAllocatedValues)."""
    changes: dict[str, Any] = {}
    if new.type != "ExternalName" and old.type != "ExternalName":
        if not new.cluster_ip and not new.cluster_ips:
            changes |= {"cluster_ip": old.cluster_ip, "cluster_ips": old.cluster_ips}
        elif not new.cluster_ip and new.cluster_ips == old.cluster_ips:
            changes["cluster_ip"] = old.cluster_ip
        if not new.ip_families:
            changes["ip_families"] = old.ip_families
        if new.ip_family_policy is None:
            changes["ip_family_policy"] = old.ip_family_policy
    if _wants_node_ports(new) and _wants_node_ports(old):
        changes["ports"] = _carry_over_ports(new.ports, old.ports)
    if _needs_health_check(new) and _needs_health_check(old) and not new.health_check_node_port:
        changes["health_check_node_port"] = old.health_check_node_port
    return replace(new, **changes) if changes else new


def _without_old_types_values(new: ServiceSpec, old: ServiceSpec) -> ServiceSpec:
    """A change of type drops what only the old type has, unless it changes too (upstream dropTypeDependentFields)."""
    changes: dict[str, Any] = {}
    if new.type == "ExternalName" != old.type:
        if (new.cluster_ip, new.cluster_ips) == (old.cluster_ip, old.cluster_ips):
            changes |= {"cluster_ip": "", "cluster_ips": []}
        if new.ip_families == old.ip_families:
            changes["ip_families"] = []
        if new.ip_family_policy == old.ip_family_policy:
            changes["ip_family_policy"] = None
    if old.type in _NODE_PORT_TYPES and new.type not in _NODE_PORT_TYPES:
        if [port.node_port for port in new.ports] == [port.node_port for port in old.ports]:
            changes["ports"] = [replace(port, node_port=0) for port in new.ports]
        if new.external_traffic_policy == old.external_traffic_policy and not new.external_ips:
            changes["external_traffic_policy"] = ""
    if old.type == "LoadBalancer" != new.type:
        if new.load_balancer_class == old.load_balancer_class:
            changes["load_balancer_class"] = None
        if new.allocate_load_balancer_node_ports == old.allocate_load_balancer_node_ports:
            changes["allocate_load_balancer_node_ports"] = None
    if _lost_its_health_check(new, old):
        changes["health_check_node_port"] = 0
    return replace(new, **changes) if changes else new


def _lost_its_health_check(new: ServiceSpec, old: ServiceSpec) -> bool:
    needless = _needs_health_check(old) and not _needs_health_check(new)
    return needless and new.health_check_node_port == old.health_check_node_port


def _carry_over_ports(new: Sequence[ServicePort], old: Sequence[ServicePort]) -> list[ServicePort]:
    known = {(port.protocol, port.port): port.node_port for port in old}
    taken = {port.node_port for port in new}
    ports = []
    for port in new:
        number = known.get((port.protocol, port.port), 0)
        if not port.node_port and number and number not in taken:
            port = replace(port, node_port=number)
        ports.append(port)
    return ports
