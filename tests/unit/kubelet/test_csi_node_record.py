"""What the API server is told of a node's CSI drivers."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from api.types import Node, ObjectMeta
from kubelet.csi.drivers import Driver, DriverFailure
from kubelet.csi.node_record import missing_labels, new_record, with_driver, without_driver


def driver(name: str = "d", node_id: str = "1", **more: Any) -> Driver:
    given = {"topology": {"rack": "r1"}, "most_volumes": 0, "can": frozenset({1}), **more}
    return Driver(name=name, endpoint="/sock", node_id=node_id, node=None, channel=None, **given)


def test_drivers_come_change_and_go() -> None:
    empty = new_record(Node(metadata=ObjectMeta(name="n", uid="u")))
    assert [(owner.kind, owner.uid) for owner in empty.metadata.owner_references] == [("Node", "u")]
    one = with_driver(empty, driver(most_volumes=9))
    assert [(each.name, each.node_id, each.topology_keys) for each in one.spec.drivers] == [("d", "1", ["rack"])]
    assert one.spec.drivers[0].allocatable is not None
    assert one.spec.drivers[0].allocatable.count == 9
    assert with_driver(one, driver(most_volumes=9)) is one
    two = with_driver(with_driver(one, driver("e")), driver(node_id="2"))
    assert {each.name: each.node_id for each in two.spec.drivers} == {"d": "2", "e": "1"}
    assert [each.name for each in without_driver(two, "d").spec.drivers] == ["e"]
    assert without_driver(two, "x") is two


def test_labels_a_driver_wants_and_those_it_contradicts() -> None:
    assert missing_labels({"zone": "a"}, {"zone": "a", "rack": "r"}) == {"rack": "r"}
    with pytest.raises(ValueError, match='the node has the label zone="a" and the driver says "b"'):
        missing_labels({"zone": "a"}, {"zone": "b"})


def test_what_a_driver_can_do_and_how_it_fails() -> None:
    able = driver(can=frozenset({1, 3}))
    assert (able.stages, able.expands, able.tells_pods_apart) == (True, True, False)
    failure = DriverFailure(grpc.StatusCode.FAILED_PRECONDITION, "busy")
    assert str(failure) == "rpc error: code = FailedPrecondition desc = busy"
