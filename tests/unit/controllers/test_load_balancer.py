"""Services of type LoadBalancer: which address, which node."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from api import codec
from api.types import Endpoint, Node, Service
from controllers.load_balancer.plan import (
    ANNOUNCER_ANNOTATION,
    NoAddress,
    announced,
    choose_address,
    choose_addresses,
    choose_node,
    is_ours,
)

POOL = ipaddress.IPv4Network("10.0.255.0/29")


def service(address: str = "", **spec: Any) -> Service:
    ingress = [{"ip": address}] if address else []
    tree = {
        "metadata": {"name": "web", "namespace": "default", "uid": "u1"},
        "spec": {"type": "LoadBalancer", **spec},
        "status": {"loadBalancer": {"ingress": ingress}},
    }
    return codec.from_tree(Service, tree)


def node(name: str, ready: str = "True", *labels: str) -> Node:
    tree = {
        "metadata": {"name": name, "labels": dict.fromkeys(labels, "")},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }
    return codec.from_tree(Node, tree)


def on(name: str, ready: bool = True) -> Endpoint:
    return codec.from_tree(Endpoint, {"addresses": ["10.0.1.1"], "nodeName": name, "conditions": {"ready": ready}})


def test_only_services_of_the_type_and_of_no_other_class_are_ours() -> None:
    assert is_ours(service())
    assert is_ours(service(loadBalancerClass="podling.io/bridge"))
    assert not is_ours(service(loadBalancerClass="example.com/other"))
    assert not is_ours(service(type="NodePort"))


def test_the_first_free_address_is_given_and_kept() -> None:
    assert choose_address(service(), POOL, {"10.0.255.1"}) == "10.0.255.2"
    assert choose_address(service("10.0.255.5"), POOL, {"10.0.255.1"}) == "10.0.255.5"
    # Another pool than when it was given, or given twice: a new one.
    assert choose_address(service("10.9.9.9"), POOL, set()) == "10.0.255.1"
    assert choose_address(service("10.0.255.1"), POOL, {"10.0.255.1"}) == "10.0.255.2"


@pytest.mark.parametrize(
    ("wanted", "used", "reason"),
    [
        ("10.1.0.1", (), "10.1.0.1 is not in the pool 10.0.255.0/29"),
        ("fd00::1", (), "fd00::1 is not in the pool"),
        ("10.0.255.1", ("10.0.255.1",), "10.0.255.1 is another Service's"),
        ("", tuple(f"10.0.255.{n}" for n in range(1, 7)), "every address of the pool 10.0.255.0/29 is in use"),
    ],
)
def test_why_there_is_no_address(wanted: str, used: tuple[str, ...], reason: str) -> None:
    with pytest.raises(NoAddress, match=reason):
        choose_address(service(loadBalancerIP=wanted), POOL, used)


POOL_V6 = ipaddress.IPv6Network("fd00:0:0:ff00::/112")
BOTH = ["IPv4", "IPv6"]


def test_a_service_gets_an_address_of_each_of_its_families() -> None:
    assert choose_addresses(service(), [POOL, POOL_V6], ()) == ["10.0.255.1"]
    both = service(ipFamilies=BOTH)
    assert choose_addresses(both, [POOL, POOL_V6], {"fd00:0:0:ff00::1"}) == ["10.0.255.1", "fd00:0:0:ff00::2"]
    assert choose_addresses(service(ipFamilies=BOTH[::-1]), [POOL, POOL_V6], ()) == ["fd00:0:0:ff00::1", "10.0.255.1"]
    kept = announced(both, ["10.0.255.5", "fd00:0:0:ff00::7"], "a")
    assert choose_addresses(kept, [POOL, POOL_V6], ()) == ["10.0.255.5", "fd00:0:0:ff00::7"]
    asked = service(ipFamilies=BOTH, loadBalancerIP="fd00:0:0:ff00::9")
    assert choose_addresses(asked, [POOL, POOL_V6], ()) == ["10.0.255.1", "fd00:0:0:ff00::9"]


def test_a_family_without_a_pool() -> None:
    assert choose_addresses(service(ipFamilies=BOTH), [POOL], ()) == ["10.0.255.1"]
    with pytest.raises(NoAddress, match="its IP family is IPv6, of which there is no pool"):
        choose_addresses(service(ipFamilies=["IPv6"]), [POOL], ())


def test_a_node_that_can_keeps_it() -> None:
    nodes = [node("a"), node("b"), node("c")]
    chosen = choose_node(service(), nodes, [], "")
    assert choose_node(service(), reversed(nodes), [], "") == chosen
    for current in ("a", "b", "c"):
        assert choose_node(service(), nodes, [], current) == current


def test_a_node_that_cannot_loses_it() -> None:
    assert choose_node(service(), [node("a", "Unknown"), node("b")], [], "a") == "b"
    excluded = node("a", "True", "node.kubernetes.io/exclude-from-external-load-balancers")
    assert choose_node(service(), [excluded, node("b")], [], "a") == "b"
    assert choose_node(service(), [node("a", "False")], [], "a") == ""


def test_local_traffic_needs_a_node_with_an_endpoint() -> None:
    local = service(externalTrafficPolicy="Local")
    nodes = [node("a"), node("b")]
    assert choose_node(local, nodes, [on("b")], "a") == "b"
    assert choose_node(local, nodes, [on("b", ready=False), on("a")], "b") == "a"
    assert choose_node(local, nodes, [], "a") == ""


def test_address_and_node_come_and_go_together() -> None:
    with_both = announced(service(), ["10.0.255.1"], "a")
    assert with_both.status.load_balancer.ingress[0].ip == "10.0.255.1"
    assert with_both.metadata.annotations == {ANNOUNCER_ANNOTATION: "a"}
    assert announced(with_both, [], "") == service()


def test_reserved_addresses_are_nobodys() -> None:
    assert choose_address(service(), POOL, {"10.0.255.2"}, {"10.0.255.1"}) == "10.0.255.3"
    assert choose_address(service("10.0.255.1"), POOL, set(), {"10.0.255.1"}) == "10.0.255.2"
    with pytest.raises(NoAddress, match="is the ingress' own"):
        choose_address(service(loadBalancerIP="10.0.255.1"), POOL, set(), {"10.0.255.1"})
