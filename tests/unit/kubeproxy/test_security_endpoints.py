"""What users write of endpoints and nodes becomes nft commands: only addresses and ports may get there."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from api import codec
from api.types import Node
from kubeproxy.endpoints import NodeView, select
from kubeproxy.items import Container, Element
from kubeproxy.translate import translate
from tests.support.services import endpoint_slice, service

HERE = NodeView("here")


@pytest.mark.parametrize("port", [0, -1, 65_536, 2**31 - 1, None])
def test_a_number_that_is_no_port_makes_no_destination(port: int | None) -> None:
    owner = service()
    slices = [endpoint_slice("10.0.0.1", ports=[{"port": port, "protocol": "TCP"}])]
    selection = select(owner, owner.spec.ports[0], slices, HERE)
    assert (selection.cluster, selection.local) == ((), ())


@pytest.mark.parametrize("address", ["10.0.0.1 }; flush ruleset; {", "10.0.0.1\n", "a.example", "::1", "10.0.0"])
def test_a_text_that_is_no_address_makes_no_destination(address: str) -> None:
    owner = service()
    assert select(owner, owner.spec.ports[0], [endpoint_slice(address)], HERE).cluster == ()


@pytest.mark.parametrize(
    "cidr", ["10.0.0.0/24 }; flush ruleset; {", "10.0.0.0/33", "10.0.0.0", "10.0.0.0/", "10.0.0.0/٢", "10.0.0.0/-1"]
)
def test_a_text_that_is_no_network_is_none_of_the_nodes(cidr: str) -> None:
    node = codec.from_tree(Node, {"metadata": {"name": "here"}, "spec": {"podCIDR": cidr}})
    assert HERE.with_object(node).pod_cidrs == ()


def test_a_network_is() -> None:
    node = codec.from_tree(Node, {"metadata": {"name": "here"}, "spec": {"podCIDR": "10.0.0.0/24"}})
    assert HERE.with_object(node).pod_cidrs == ("10.0.0.0/24",)


def test_no_service_takes_another_ones_cluster_ip_for_its_external_one() -> None:
    owner = service(externalIPs=["10.96.0.1", "192.0.2.1"])
    rules = translate(owner, [endpoint_slice("10.0.0.1")], HERE, {}, [IPv4Network("10.96.0.0/16")])
    keys = {item.key for item in rules.own if isinstance(item, Element) and item.container is Container.SERVICE_PORTS}
    assert keys == {"10.96.0.50 . tcp . 80", "192.0.2.1 . tcp . 80"}
