"""Which endpoints a service port may be sent to."""

from __future__ import annotations

import pytest

from api import codec
from api.types import EndpointSlice, Node, Service
from kubeproxy.endpoints import NodeView, Selection, select
from tests.support.services import endpoint, endpoint_slice, service

HERE = NodeView("here", zone="a")
A, B, C = "10.1.0.1", "10.1.0.2", "10.1.0.3"


def chosen(slices: list[EndpointSlice], owner: Service | None = None, node: NodeView = HERE) -> Selection:
    owner = owner or service()
    return select(owner, owner.spec.ports[0], slices, node)


def addresses(selection: Selection) -> list[str]:
    return [destination.address for destination in selection.cluster]


def test_ready_endpoints_of_all_slices_are_chosen_once_and_in_order() -> None:
    slices = [endpoint_slice(B, A), endpoint_slice(B, C, name="web-2")]
    selection = chosen(slices)
    assert addresses(selection) == [A, B, C]
    assert selection.cluster == selection.local
    assert selection.local_addresses == {A, B, C}


def test_unset_conditions_mean_ready() -> None:
    assert addresses(
        chosen([endpoint_slice(endpoint(A, conditions={}), endpoint(B, conditions={"ready": False}))])
    ) == [A]


def test_a_destination_that_is_ready_in_one_slice_is_ready() -> None:
    slices = [endpoint_slice(endpoint(A, conditions={"ready": False})), endpoint_slice(A, name="web-2")]
    assert addresses(chosen(slices)) == [A]


@pytest.mark.parametrize(
    ("conditions", "served"),
    [
        ({"ready": False, "serving": True, "terminating": True}, True),
        ({"ready": False, "terminating": True}, True),
        ({"ready": False, "serving": False, "terminating": True}, False),
        ({"ready": False, "serving": True, "terminating": False}, False),
    ],
)
def test_without_ready_endpoints_those_that_terminate_but_serve_are_chosen(
    conditions: dict[str, bool], served: bool
) -> None:
    leaving = endpoint(A, conditions=conditions)
    assert addresses(chosen([endpoint_slice(leaving)])) == ([A] if served else [])
    assert addresses(chosen([endpoint_slice(leaving, B)])) == [B]


def test_local_traffic_falls_back_to_local_terminating_endpoints_by_itself() -> None:
    leaving = endpoint(A, conditions={"ready": False, "serving": True, "terminating": True})
    selection = chosen([endpoint_slice(leaving, endpoint(B, "elsewhere"))])
    assert addresses(selection) == [B]
    assert [destination.address for destination in selection.local] == [A]
    assert selection.local_addresses == {A}


def test_publish_not_ready_addresses_makes_all_ready() -> None:
    owner = service(publishNotReadyAddresses=True)
    assert addresses(chosen([endpoint_slice(endpoint(A, conditions={"ready": False}))], owner)) == [A]


def test_ports_are_found_by_name_and_protocol() -> None:
    owner = service(ports=[{"name": "dns", "port": 53, "protocol": "UDP"}])
    ports = [{"name": "dns", "port": 1, "protocol": "TCP"}, {"name": "dns", "port": 2, "protocol": "UDP"}]
    assert [d.port for d in chosen([endpoint_slice(A, ports=ports)], owner).cluster] == [2]
    assert chosen([endpoint_slice(A)], owner).cluster == ()


def test_what_is_not_an_ipv4_address_is_left_out() -> None:
    assert addresses(chosen([endpoint_slice("fd00::1", address_type="IPv6"), endpoint_slice(B, name="x")])) == [B]
    assert addresses(chosen([endpoint_slice("10.1.1.1 } ; flush ruleset", A)])) == [A]


def test_zone_hints_keep_traffic_in_the_zone() -> None:
    def hinted(address: str, zone: str) -> dict[str, object]:
        return endpoint(address, hints={"forZones": [{"name": zone}]})

    slices = [endpoint_slice(hinted(A, "a"), hinted(B, "b"))]
    assert addresses(chosen(slices)) == [A]
    assert addresses(chosen(slices, node=NodeView("here", zone="c"))) == [A, B]
    assert addresses(chosen(slices, node=NodeView("here"))) == [A, B]
    unhinted = [endpoint_slice(hinted(A, "a"), B)]
    assert addresses(chosen(unhinted)) == [A, B]


def test_node_hints_are_nearer_than_zone_hints() -> None:
    hints = {"forZones": [{"name": "a"}], "forNodes": [{"name": "here"}]}
    other = {"forZones": [{"name": "a"}], "forNodes": [{"name": "elsewhere"}]}
    slices = [endpoint_slice(endpoint(A, hints=hints), endpoint(B, hints=other))]
    assert addresses(chosen(slices)) == [A]
    assert addresses(chosen(slices, node=NodeView("third", zone="a"))) == [A, B]


def test_a_node_takes_addresses_zone_and_pod_cidr_from_its_object() -> None:
    tree = {
        "metadata": {"name": "here", "labels": {"topology.kubernetes.io/zone": "a"}},
        "spec": {"podCIDR": "10.1.0.0/24"},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "192.168.0.2"},
                {"type": "InternalIP", "address": "fd00::2"},
                {"type": "Hostname", "address": "here"},
            ]
        },
    }
    view = NodeView("here", addresses=("192.168.0.1",)).with_object(codec.from_tree(Node, tree))
    assert view == NodeView("here", "a", ("192.168.0.1", "192.168.0.2", "fd00::2"), ("10.1.0.0/24",))
    assert NodeView("here", pod_cidrs=("10.9.0.0/24",)).with_object(codec.from_tree(Node, tree)).pod_cidrs == (
        "10.9.0.0/24",
    )
    assert view.with_object(None) == view
