"""A node's word on its address and pod CIDR makes routes on every other node: it must not be able to do more."""

from __future__ import annotations

import ipaddress

import pytest

from api import codec
from api.types import Node
from kubelet.network.routes import wanted_routes

CONNECTED = [ipaddress.ip_network("10.1.0.0/24")]


def node(name: str, cidr: str, address: str, created: str = "2024-05-01T12:00:00Z") -> Node:
    tree = {
        "metadata": {"name": name, "creationTimestamp": created},
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr] if cidr else []},
        "status": {"addresses": [{"type": "InternalIP", "address": address}]},
    }
    return codec.from_tree(Node, tree)


OWN = node("own", "10.1.1.0/24", "10.1.0.2")
HONEST = node("honest", "10.1.2.0/24", "10.1.0.3")
ROUTES = {"10.1.2.0/24": "10.1.0.3"}


@pytest.mark.parametrize(
    ("cidr", "address"),
    [
        ("10.1.3.0/24", "10.1.0.4\nlink add owned type bridge"),
        ("10.1.3.0/24", "10.1.0.4 dev lo"),
        ("10.1.3.0/24\nlink add owned type bridge", "10.1.0.4"),
        ("fd00::%x\ny/64", "fd00::1"),
        ("fd00::/64", "fd00::1%x\ny"),
        ("10.1.3.0/24", "a.name"),
        ("nonsense", "10.1.0.4"),
    ],
)
def test_only_addresses_and_networks_reach_the_ip_command(cidr: str, address: str) -> None:
    assert wanted_routes([OWN, HONEST, node("liar", cidr, address)], "own", CONNECTED) == ROUTES


@pytest.mark.parametrize(
    "cidr",
    [
        "10.1.1.0/24",  # this node's pods
        "10.1.2.0/25",  # pods of a node that was there before
        "10.1.0.1/32",  # what this node is connected to: the API server's address, say
        "10.1.0.0/16",
        "0.0.0.0/0",
        "0.0.0.0/1",
    ],
)
def test_a_node_cannot_draw_others_traffic_to_itself(cidr: str) -> None:
    liar = node("a-liar", cidr, "10.1.0.4", created="2024-05-01T12:00:01Z")
    assert wanted_routes([liar, OWN, HONEST], "own", CONNECTED) == ROUTES


def test_nor_the_traffic_to_a_nodes_own_address() -> None:
    distant = node("distant", "10.1.5.0/24", "192.0.2.7")
    liar = node("liar", "192.0.2.0/24", "10.1.0.4", created="2024-05-01T12:00:01Z")
    routes = wanted_routes([OWN, HONEST, liar, distant], "own", CONNECTED)
    assert routes == {**ROUTES, "10.1.5.0/24": "192.0.2.7"}
