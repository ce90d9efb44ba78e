"""Changing a Service's type: what went with the old one goes, what its author sets is judged."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from msgspec.structs import replace

from api import defaults, scheme, validation
from api.types import ObjectMeta, Service, ServicePort, ServiceSpec
from apiserver.registry.allocation import Allocations, Ranges
from apiserver.registry.strategies.services import ServiceStrategy
from apiserver.storage.keys import Keys


@pytest.fixture
def strategy() -> ServiceStrategy:
    return ServiceStrategy(scheme.find("services"), Allocations(Ranges(ipaddress.ip_network("10.96.0.0/16")), Keys()))


def made(strategy: ServiceStrategy, **spec: Any) -> Service:
    given = Service(
        metadata=ObjectMeta(name="s", namespace="default"), spec=ServiceSpec(ports=[ServicePort(port=80)], **spec)
    )
    return strategy.allocate(strategy.prepare_create(defaults.apply(given)), None)[0]


def changed(strategy: ServiceStrategy, old: Service, **spec: Any) -> Service:
    new = strategy.prepare_update(defaults.apply(replace(old, spec=replace(old.spec, **spec))), old)
    assert validation.update(new, old) == []
    return strategy.allocate(new, old)[0]


def test_a_load_balancer_that_becomes_internal_sheds_all_that_went_with_it(strategy: ServiceStrategy) -> None:
    old = made(
        strategy, type="LoadBalancer", external_traffic_policy="Local", load_balancer_class="example.com/balancer"
    )
    assert old.spec.health_check_node_port and old.spec.ports[0].node_port
    new = changed(strategy, old, type="ClusterIP").spec
    assert (new.external_traffic_policy, new.health_check_node_port, new.ports[0].node_port) == ("", 0, 0)
    assert (new.allocate_load_balancer_node_ports, new.load_balancer_class) == (None, None)
    assert new.cluster_ip == old.spec.cluster_ip


def test_a_node_port_service_becomes_internal(strategy: ServiceStrategy) -> None:
    old = made(strategy, type="NodePort")
    new = changed(strategy, old, type="ClusterIP").spec
    assert (new.external_traffic_policy, new.ports[0].node_port) == ("", 0)


def test_a_load_balancer_becomes_a_node_port_service_and_keeps_its_port(strategy: ServiceStrategy) -> None:
    old = made(strategy, type="LoadBalancer", external_traffic_policy="Local")
    new = changed(strategy, old, type="NodePort").spec
    assert (new.external_traffic_policy, new.health_check_node_port) == ("Local", 0)
    assert new.ports[0].node_port == old.spec.ports[0].node_port
    assert new.allocate_load_balancer_node_ports is None


def test_a_name_has_no_address(strategy: ServiceStrategy) -> None:
    old = made(strategy)
    new = changed(strategy, old, type="ExternalName", external_name="example.com").spec
    assert (new.cluster_ip, new.cluster_ips, new.ip_families, new.ip_family_policy) == ("", [], [], None)


def test_what_is_set_in_the_same_breath_is_refused(strategy: ServiceStrategy) -> None:
    old = made(strategy, type="LoadBalancer", external_traffic_policy="Local")
    spec = replace(old.spec, type="ClusterIP", external_traffic_policy="Cluster")
    new = strategy.prepare_update(replace(old, spec=spec), old)
    assert [error.field for error in validation.update(new, old)] == ["spec.externalTrafficPolicy"]
