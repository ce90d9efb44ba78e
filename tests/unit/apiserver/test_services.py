"""Cluster addresses and node ports: allocation, claims, and what updates carry over."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from msgspec.structs import replace

from api import codec, defaults, scheme, validation
from api.errors import Invalid
from api.types import (
    Condition,
    IPAddress,
    IPAddressSpec,
    ObjectMeta,
    ParentReference,
    Service,
    ServiceCIDR,
    ServiceCIDRSpec,
    ServiceCIDRStatus,
    ServicePort,
    ServiceSpec,
)
from apiserver.registry.allocation import Allocations, Full, Pool, Ranges
from apiserver.registry.strategies.services import ServiceStrategy
from apiserver.storage.keys import Keys
from apiserver.stored import Stored

SERVICES = scheme.find("services")


@pytest.fixture
def allocations() -> Allocations:
    return Allocations(Ranges(ipaddress.ip_network("10.96.0.0/16")), Keys())


@pytest.fixture
def strategy(allocations: Allocations) -> ServiceStrategy:
    return ServiceStrategy(SERVICES, allocations)


def service(name: str = "s", ports: list[ServicePort] | None = None, **spec: Any) -> Service:
    if ports is None:
        ports = [ServicePort(port=80)]
    return defaults.apply(
        Service(metadata=ObjectMeta(name=name, namespace="default"), spec=ServiceSpec(ports=ports, **spec))
    )


def hold(allocations: Allocations, record: Service) -> None:
    data = codec.with_resource_version(codec.encode(record), 5)
    allocations.listener(None, Stored(SERVICES, "default", record.metadata.name, 5, data))


def claims(sides: Any) -> dict[str, bytes | None]:
    return {side.key.decode().removeprefix("/registry/podling.io/"): side.value for side in sides}


def test_a_service_gets_an_address_of_the_dynamic_band_and_claims_it(strategy: ServiceStrategy) -> None:
    made, sides = strategy.allocate(service(), None)
    address = ipaddress.ip_address(made.spec.cluster_ip)
    assert address in ipaddress.ip_network("10.96.0.0/16")
    assert int(address) > int(ipaddress.ip_address("10.96.1.0"))
    assert made.spec.cluster_ips == [made.spec.cluster_ip]
    assert (made.spec.ip_families, made.spec.ip_family_policy) == (["IPv4"], "SingleStack")
    [(key, value)] = claims(sides).items()
    assert key == f"/registry/ipaddresses/{made.spec.cluster_ip}"
    assert value is not None
    claim = codec.decode(IPAddress, value)
    assert validation.create(claim) == []
    assert claim.metadata.name == made.spec.cluster_ip
    assert claim.metadata.uid
    assert claim.metadata.labels == {
        "ipaddress.kubernetes.io/ip-family": "IPv4",
        "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
    }
    assert claim.spec.parent_ref == ParentReference(resource="services", namespace="default", name="s")
    assert sides[0].expected == 0


def test_an_address_that_is_somebody_elses_is_not_given_out(
    allocations: Allocations, strategy: ServiceStrategy
) -> None:
    parent = ParentReference(resource="things", name="it")
    record = IPAddress(metadata=ObjectMeta(name="10.96.7.7"), spec=IPAddressSpec(parent_ref=parent))
    data = codec.with_resource_version(codec.encode(record), 5)
    held = Stored(scheme.find("ipaddresses"), "", "10.96.7.7", 5, data)
    allocations.address_listener(None, held)
    with pytest.raises(Invalid, match="provided IP is already allocated"):
        strategy.allocate(service(cluster_ip="10.96.7.7", cluster_ips=["10.96.7.7"]), None)
    allocations.address_listener(held, None)
    assert strategy.allocate(service(cluster_ip="10.96.7.7", cluster_ips=["10.96.7.7"]), None)[1]


def test_the_address_object_of_a_service_frees_nothing(allocations: Allocations, strategy: ServiceStrategy) -> None:
    made, sides = strategy.allocate(service(), None)
    hold(allocations, made)
    address = made.spec.cluster_ip
    data = codec.with_resource_version(sides[0].value or b"", 5)
    own = Stored(scheme.find("ipaddresses"), "", address, 5, data)
    allocations.address_listener(None, own)
    allocations.address_listener(own, None)
    with pytest.raises(Invalid, match="provided IP is already allocated"):
        strategy.allocate(service("other", cluster_ip=address, cluster_ips=[address]), None)


def test_an_address_of_choice_is_honoured_unless_it_is_taken_or_elsewhere(
    strategy: ServiceStrategy, allocations: Allocations
) -> None:
    made, _ = strategy.allocate(service(cluster_ip="10.96.0.10"), None)
    assert made.spec.cluster_ip == "10.96.0.10"
    hold(allocations, made)
    with pytest.raises(Invalid, match=r"failed to allocate IP 10.96.0.10: provided IP is already allocated"):
        strategy.allocate(service("other", cluster_ip="10.96.0.10"), None)
    with pytest.raises(Invalid, match=r"The range of valid IPs is 10.96.0.0/16"):
        strategy.allocate(service("other", cluster_ip="10.97.0.1"), None)


def test_headless_and_external_services_claim_nothing(strategy: ServiceStrategy) -> None:
    headless, sides = strategy.allocate(service(cluster_ip="None", selector={"a": "b"}), None)
    assert headless.spec.cluster_ips == ["None"]
    assert claims(sides) == {}
    external, sides = strategy.allocate(service(type="ExternalName", external_name="a.b"), None)
    assert (external.spec.cluster_ip, external.spec.ip_families) == ("", [])
    assert claims(sides) == {}


def test_dual_stack_is_refused(strategy: ServiceStrategy) -> None:
    with pytest.raises(Invalid, match="this cluster is not configured for dual-stack services"):
        strategy.allocate(service(ip_family_policy="RequireDualStack"), None)
    with pytest.raises(Invalid, match=r"spec.ipFamilies\[0\]: Invalid value: \"IPv6\""):
        strategy.allocate(service(ip_families=["IPv6"]), None)


def test_node_ports_are_allocated_and_shared_between_protocols_of_one_port(
    strategy: ServiceStrategy,
) -> None:
    ports = [
        ServicePort(name="dns", port=53, protocol="UDP"),
        ServicePort(name="dns-tcp", port=53, protocol="TCP"),
        ServicePort(name="metrics", port=9153, protocol="TCP"),
    ]
    made, sides = strategy.allocate(service(type="NodePort", ports=ports), None)
    udp, tcp, metrics = (port.node_port for port in made.spec.ports)
    assert udp == tcp != metrics
    assert 30000 <= udp <= 32767
    assert {key for key in claims(sides) if "nodeports" in key} == {
        f"servicenodeports/{udp}",
        f"servicenodeports/{metrics}",
    }


def test_node_ports_of_choice(strategy: ServiceStrategy, allocations: Allocations) -> None:
    with pytest.raises(Invalid) as refused:
        strategy.allocate(service(type="NodePort", ports=[ServicePort(port=80, node_port=80)]), None)
    assert refused.value.message == (
        'Service "s" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the '
        "valid range. The range of valid ports is 30000-32767"
    )
    wanted = service(type="NodePort", ports=[ServicePort(port=80, node_port=30080)])
    made, _ = strategy.allocate(wanted, None)
    hold(allocations, made)
    with pytest.raises(Invalid, match="provided port is already allocated"):
        strategy.allocate(service("other", type="NodePort", ports=[ServicePort(port=80, node_port=30080)]), None)


def test_the_owner_may_keep_what_it_holds(strategy: ServiceStrategy, allocations: Allocations) -> None:
    made, _ = strategy.allocate(service(type="NodePort"), None)
    hold(allocations, made)
    again, sides = strategy.allocate(made, made)
    assert again == made
    assert claims(sides) == {}


def test_what_is_left_out_of_an_update_stays(strategy: ServiceStrategy) -> None:
    old, _ = strategy.allocate(service(type="NodePort"), None)
    updated = strategy.prepare_update(service(type="NodePort", selector={"a": "b"}), old)
    new, sides = strategy.allocate(updated, old)
    assert new.spec.cluster_ip == old.spec.cluster_ip
    assert new.spec.ports[0].node_port == old.spec.ports[0].node_port
    assert new.spec.selector == {"a": "b"}
    assert claims(sides) == {}


def test_changing_the_type_gives_ports_back(strategy: ServiceStrategy) -> None:
    old, _ = strategy.allocate(service(type="NodePort"), None)
    port = old.spec.ports[0].node_port
    new, sides = strategy.allocate(strategy.prepare_update(service(type="ClusterIP"), old), old)
    assert new.spec.ports[0].node_port == 0
    assert [(side.key.decode().rpartition("/")[2], side.delete) for side in sides] == [(str(port), True)]


def test_becoming_external_gives_the_address_back(strategy: ServiceStrategy) -> None:
    old, _ = strategy.allocate(service(), None)
    external = service(type="ExternalName", external_name="a.b", ports=[])
    new, sides = strategy.allocate(strategy.prepare_update(external, old), old)
    assert new.spec.cluster_ip == ""
    assert [side.delete for side in sides] == [True]


@pytest.mark.parametrize("type_", ["ClusterIP", "NodePort", "LoadBalancer"])
def test_becoming_external_by_type_and_name_alone(strategy: ServiceStrategy, type_: str) -> None:
    """What kubectl edit, patch and conformance tests do: the rest of the spec comes back as it was."""
    old, _ = strategy.allocate(service(type=type_), None)
    changed = defaults.apply(replace(old, spec=replace(old.spec, type="ExternalName", external_name="a.b")))
    updated = strategy.prepare_update(changed, old)
    assert list(validation.update(updated, old)) == []
    new, sides = strategy.allocate(updated, old)
    assert (new.spec.cluster_ip, new.spec.cluster_ips, new.spec.ip_families) == ("", [], [])
    assert new.spec.ip_family_policy is None
    assert all(port.node_port == 0 for port in new.spec.ports)
    assert all(side.delete for side in sides)


def test_a_changed_value_of_the_old_type_is_not_dropped_silently(strategy: ServiceStrategy) -> None:
    old, _ = strategy.allocate(service(), None)
    spec = replace(
        old.spec, type="ExternalName", external_name="a.b", cluster_ip="10.96.9.9", cluster_ips=["10.96.9.9"]
    )
    updated = strategy.prepare_update(replace(old, spec=spec), old)
    assert [problem.field for problem in validation.update(updated, old)] == ["spec.clusterIPs"]


def test_a_balancers_own_values_go_with_its_type(strategy: ServiceStrategy) -> None:
    balancer = service(type="LoadBalancer", load_balancer_class="a.b/c", external_traffic_policy="Local")
    old, _ = strategy.allocate(balancer, None)
    updated = strategy.prepare_update(replace(old, spec=replace(old.spec, type="ClusterIP")), old)
    assert list(validation.update(updated, old)) == []
    assert updated.spec.load_balancer_class is None
    assert updated.spec.allocate_load_balancer_node_ports is None
    assert (updated.spec.external_traffic_policy, updated.spec.health_check_node_port) == ("", 0)
    assert updated.spec.cluster_ip == old.spec.cluster_ip


def test_deletion_gives_everything_back(strategy: ServiceStrategy) -> None:
    made, _ = strategy.allocate(service(type="NodePort"), None)
    assert len(strategy.release(made)) == 2
    assert all(side.delete for side in strategy.release(made))


def test_the_pools_follow_the_cache(strategy: ServiceStrategy, allocations: Allocations) -> None:
    made, _ = strategy.allocate(service(type="NodePort"), None)
    stored = Stored(SERVICES, "default", "s", 5, codec.with_resource_version(codec.encode(made), 5))
    number = int(ipaddress.ip_address(made.spec.cluster_ip))
    allocations.listener(None, stored)
    assert allocations.addresses["IPv4"].owner(number) == "default/s"
    allocations.listener(stored, None)
    assert allocations.addresses["IPv4"].owner(number) is None
    assert allocations.ports.owner(made.spec.ports[0].node_port) is None


def put_network(allocations: Allocations, name: str, *cidrs: str, **metadata: Any) -> None:
    ready = Condition(type="Ready", status="True")
    record = ServiceCIDR(
        metadata=ObjectMeta(name=name, **metadata),
        spec=ServiceCIDRSpec(cidrs=list(cidrs)),
        status=ServiceCIDRStatus(conditions=[ready]),
    )
    data = codec.with_resource_version(codec.encode(record), 5)
    allocations.network_listener(None, Stored(scheme.find("servicecidrs"), "", name, 5, data))


def test_a_ready_service_cidrs_addresses_are_to_be_had(strategy: ServiceStrategy, allocations: Allocations) -> None:
    wanted = service(cluster_ip="203.0.113.10", cluster_ips=["203.0.113.10"])
    with pytest.raises(Invalid, match=r"The range of valid IPs is 10.96.0.0/16"):
        strategy.allocate(wanted, None)
    put_network(allocations, "more", "203.0.113.0/24", "fd00::/112")
    made, sides = strategy.allocate(wanted, None)
    assert list(claims(sides)) == ["/registry/ipaddresses/203.0.113.10"]
    hold(allocations, made)
    with pytest.raises(Invalid, match="already allocated"):
        strategy.allocate(replace(wanted, metadata=replace(wanted.metadata, name="other")), None)


def test_an_address_of_a_service_cidr_that_goes_stays_its_holders(
    strategy: ServiceStrategy, allocations: Allocations
) -> None:
    put_network(allocations, "more", "203.0.113.0/24")
    made, _ = strategy.allocate(service(cluster_ip="203.0.113.10", cluster_ips=["203.0.113.10"]), None)
    hold(allocations, made)
    put_network(allocations, "more", "203.0.113.0/24", deletion_timestamp="2026-01-01T00:00:00Z")
    assert strategy.allocate(made, made) == (made, [])
    with pytest.raises(Invalid, match="not in the valid range"):
        strategy.allocate(service("t", cluster_ip="203.0.113.11", cluster_ips=["203.0.113.11"]), None)


def test_a_full_network_is_followed_by_the_next() -> None:
    small = Allocations(Ranges(ipaddress.ip_network("10.96.0.0/30")), Keys())
    put_network(small, "more", "203.0.113.0/24")
    for number in (1, 2):
        hold(small, service(f"s{number}", cluster_ip=f"10.96.0.{number}", cluster_ips=[f"10.96.0.{number}"]))
    assert small.choose_address("IPv4").startswith("203.0.113.")


def test_a_pool_uses_its_static_band_last_and_then_is_full() -> None:
    pool = Pool(1, 20, 16)
    given = []
    for _ in range(20):
        number = pool.choose()
        pool.take(number, "x")
        given.append(number)
    assert set(given[:4]) == {17, 18, 19, 20}
    assert set(given) == set(range(1, 21))
    with pytest.raises(Full):
        pool.choose()


def test_a_number_that_changed_hands_is_not_dropped_by_its_former_owner() -> None:
    pool = Pool(1, 20, 0)
    pool.take(5, "new")
    pool.drop(5, "old")
    assert pool.owner(5) == "new"


def test_load_balancers_with_local_traffic_get_a_health_check_port(strategy: ServiceStrategy) -> None:
    made, sides = strategy.allocate(service(type="LoadBalancer", external_traffic_policy="Local"), None)
    assert 30000 <= made.spec.health_check_node_port <= 32767
    assert made.spec.health_check_node_port != made.spec.ports[0].node_port
    assert len(claims(sides)) == 3


@pytest.mark.parametrize("kept", [True, False])
def test_the_health_check_port_goes_with_local_traffic(strategy: ServiceStrategy, kept: bool) -> None:
    old, _ = strategy.allocate(service(type="LoadBalancer", external_traffic_policy="Local"), None)
    number = old.spec.health_check_node_port
    again = strategy.prepare_update(replace(old, spec=replace(old.spec, health_check_node_port=0)), old)
    assert again.spec.health_check_node_port == number
    sent = replace(old.spec, external_traffic_policy="Cluster", health_check_node_port=number if kept else 0)
    updated = strategy.prepare_update(replace(old, spec=sent), old)
    assert list(validation.update(updated, old)) == []
    assert updated.spec.health_check_node_port == 0


def test_load_balancers_may_do_without_node_ports(strategy: ServiceStrategy) -> None:
    made, _ = strategy.allocate(service(type="LoadBalancer", allocate_load_balancer_node_ports=False), None)
    assert made.spec.ports[0].node_port == 0


def test_status_is_not_the_clients(strategy: ServiceStrategy) -> None:
    old, _ = strategy.allocate(service(), None)
    kept = replace(old, status=replace(old.status, conditions=[]))
    assert strategy.prepare_update(kept, old).status == old.status
