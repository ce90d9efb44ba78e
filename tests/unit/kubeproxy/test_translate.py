"""What one service needs in the kernel."""

from __future__ import annotations

from typing import Any

import pytest

from api.types import Service
from kubeproxy.endpoints import NodeView
from kubeproxy.items import AffinitySet, Chain, Container, Element
from kubeproxy.translate import Flow, ServiceRules, node_items, translate
from tests.support.services import endpoint, endpoint_slice, service

HERE = NodeView("here")
A, B, C = "10.1.0.1", "10.1.0.2", "10.1.0.3"


def rules_of(owner: Service, *endpoints: Any, previous: ServiceRules | None = None) -> ServiceRules:
    return translate(owner, [endpoint_slice(*endpoints)], HERE, previous.rows if previous else {})


def elements(rules: ServiceRules, container: Container) -> dict[str, str]:
    return {
        item.key: value
        for item, value in rules.own.items()
        if isinstance(item, Element) and item.container is container
    }


def test_a_cluster_ip_leads_to_numbered_destinations() -> None:
    rules = rules_of(service(), A, B, C)
    assert elements(rules, Container.SERVICE_PORTS) == {"10.96.0.50 . tcp . 80": "goto pick-address-tcp/3"}
    assert elements(rules, Container.TCP_ENDPOINTS) == {
        "10.96.0.50 . 80 . 0": f"{A} . 8080",
        "10.96.0.50 . 80 . 1": f"{B} . 8080",
        "10.96.0.50 . 80 . 2": f"{C} . 8080",
    }
    draw = rules.shared[Chain("pick-address-tcp/3")].splitlines()
    assert "numgen random mod 3 map @tcp-endpoints" in draw[0]
    assert "numgen random mod 1 map @tcp-endpoints" in draw[1]


def test_local_endpoints_may_reach_themselves() -> None:
    rules = rules_of(service(), A, endpoint(B, "elsewhere"))
    hairpins = [item.key for item in rules.shared if isinstance(item, Element)]
    assert hairpins == [f"{A} . {A}"]


@pytest.mark.parametrize(
    "spec",
    [
        {"clusterIP": "None"},
        {"clusterIP": ""},
        {"clusterIP": "fd00::1"},
        {"type": "ExternalName", "externalName": "example.com", "clusterIP": ""},
    ],
)
def test_services_without_an_ipv4_cluster_address_need_nothing(spec: dict[str, Any]) -> None:
    rules = rules_of(service(**spec), A)
    assert (rules.own, rules.shared, rules.flows) == ({}, {}, set())


@pytest.mark.parametrize("label", ["service-proxy-name", "headless"])
def test_a_service_of_another_proxy_needs_nothing(label: str) -> None:
    owner = service()
    owner.metadata.labels[f"service.kubernetes.io/{label}"] = ""
    assert rules_of(owner, A).own == {}


def test_slices_of_another_proxy_count_for_nothing() -> None:
    theirs = endpoint_slice("10.1.0.1")
    theirs.metadata.labels["service.kubernetes.io/headless"] = ""
    assert translate(service(), [theirs], HERE, {}).own == translate(service(), [], HERE, {}).own


def test_without_endpoints_every_frontend_is_refused() -> None:
    owner = service(type="NodePort", ports=[{"port": 80, "nodePort": 30080}], externalIPs=["9.9.9.9"])
    rules = rules_of(owner)
    assert set(rules.own) == {
        Element(Container.IDLE_PORTS, "10.96.0.50 . tcp . 80"),
        Element(Container.IDLE_PORTS, "9.9.9.9 . tcp . 80"),
        Element(Container.IDLE_NODE_PORTS, "tcp . 30080"),
    }


def test_outside_traffic_that_may_go_anywhere_is_masqueraded() -> None:
    owner = service(type="NodePort", ports=[{"port": 80, "nodePort": 30080}], externalIPs=["9.9.9.9"])
    rules = rules_of(owner, A, B)
    assert elements(rules, Container.NODE_PORTS) == {"tcp . 30080": "goto masquerade-node-tcp/2"}
    assert elements(rules, Container.SERVICE_PORTS)["9.9.9.9 . tcp . 80"] == "goto masquerade-address-tcp/2"
    assert rules.shared[Chain("masquerade-node-tcp/2")] == "jump mark-for-masquerade\ngoto pick-node-tcp/2"
    assert elements(rules, Container.NODE_TCP_ENDPOINTS) == {"30080 . 0": f"{A} . 8080", "30080 . 1": f"{B} . 8080"}


def test_external_traffic_policy_local_keeps_outside_traffic_here_and_lets_the_node_go_anywhere() -> None:
    owner = service(type="NodePort", ports=[{"port": 80, "nodePort": 30080}], externalTrafficPolicy="Local")
    rules = rules_of(owner, A, endpoint(B, "elsewhere"))
    assert elements(rules, Container.NODE_PORTS) == {"tcp . 30080": "goto local-node-tcp/1"}
    assert elements(rules, Container.NODE_CLUSTER_PORTS) == {"tcp . 30080": "goto pick-node-tcp/2"}
    assert elements(rules, Container.NODE_TCP_ENDPOINTS) == {
        "30080 . 0": f"{A} . 8080",
        "30080 . 1": f"{B} . 8080",
        "30080 . 65536": f"{A} . 8080",
    }
    assert "jump bypass-node\ndnat" in rules.shared[Chain("local-node-tcp/1")]
    assert "mark-for-masquerade" not in rules.shared[Chain("local-node-tcp/1")]
    assert elements(rules, Container.SERVICE_PORTS) == {"10.96.0.50 . tcp . 80": "goto pick-address-tcp/2"}


def test_policies_local_without_local_endpoints_drop_and_are_counted() -> None:
    owner = service(
        type="NodePort",
        ports=[{"port": 80, "nodePort": 30080}],
        externalTrafficPolicy="Local",
        internalTrafficPolicy="Local",
    )
    rules = rules_of(owner, endpoint(B, "elsewhere"))
    assert elements(rules, Container.SERVICE_PORTS) == {"10.96.0.50 . tcp . 80": "drop"}
    assert rules.shared[Chain("local-node-tcp/0")] == "jump bypass-node\ndrop"
    assert rules.without_local == {"internal", "external"}


def test_internal_traffic_policy_local_uses_local_destinations_only() -> None:
    rules = rules_of(service(internalTrafficPolicy="Local"), A, endpoint(B, "elsewhere"))
    assert elements(rules, Container.TCP_ENDPOINTS) == {"10.96.0.50 . 80 . 0": f"{A} . 8080"}


def test_affinity_binds_clients_to_endpoints_for_the_configured_time() -> None:
    owner = service(sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 60}})
    rules = rules_of(owner, A, B)
    name = f"affinity/default/web/tcp/80/{A}/8080"
    assert AffinitySet(name) in rules.own
    assert rules.own[Chain(name)].splitlines() == [
        f"update @{name} {{ ip saddr timeout 60s }}",
        f"meta l4proto tcp dnat ip to {A}:8080",
    ]
    assert rules.own[Chain("affinity/default/web/tcp/80/cluster")].startswith(f"ip saddr @{name} goto {name}\n")
    assert elements(rules, Container.TCP_ENDPOINTS) == {}


def test_affinity_lasts_three_hours_by_default_and_its_set_does_not_depend_on_the_time() -> None:
    default = rules_of(service(sessionAffinity="ClientIP"), A)
    short = rules_of(service(sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 5}}), A)
    name = f"affinity/default/web/tcp/80/{A}/8080"
    assert "timeout 10800s" in default.own[Chain(name)]
    assert default.own[AffinitySet(name)] == short.own[AffinitySet(name)]


def test_udp_flows_are_known_by_frontend_and_destination() -> None:
    owner = service(type="NodePort", ports=[{"port": 53, "protocol": "UDP", "nodePort": 30053}])
    rules = translate(owner, [endpoint_slice(A, ports=[{"port": 53, "protocol": "UDP"}])], HERE, {})
    assert {(flow.address, flow.port, flow.destination.address) for flow in rules.flows} == {
        ("10.96.0.50", 53, A),
        ("", 30053, A),
    }
    assert all(isinstance(flow, Flow) for flow in rules.flows)
    assert rules_of(service(), A).flows == set()


def test_destinations_keep_their_numbers() -> None:
    first = rules_of(service(), A, B, C)
    second = rules_of(service(), B, C, previous=first)
    assert elements(second, Container.TCP_ENDPOINTS) == {
        "10.96.0.50 . 80 . 0": f"{C} . 8080",
        "10.96.0.50 . 80 . 1": f"{B} . 8080",
    }


def test_the_node_opens_node_ports_on_its_addresses() -> None:
    items = node_items(NodeView("here", addresses=("192.168.0.1",), pod_cidrs=("10.1.0.0/24",)))
    assert set(items) == {
        Element(Container.NODE_ADDRESSES, "192.168.0.1"),
        Element(Container.LOCAL_PODS, "10.1.0.0/24"),
    }
