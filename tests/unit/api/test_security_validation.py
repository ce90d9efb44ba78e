"""Fields that end up in commands, paths or rules on other machines are checked at every way in."""

from __future__ import annotations

import pytest

from api import codec, validation
from api.types import Node

INJECTED = "10.1.3.0/24\nlink add owned type bridge"


def node(spec: dict[str, object]) -> Node:
    return codec.from_tree(Node, {"metadata": {"name": "n", "uid": "u"}, "spec": spec})


@pytest.mark.parametrize("spec", [{"podCIDR": INJECTED}, {"podCIDRs": [INJECTED]}])
def test_a_nodes_pod_cidr_is_checked_whenever_it_is_set(spec: dict[str, object]) -> None:
    assert [problem.field for problem in validation.create(node(spec))] == ["spec.podCIDRs[0]"]
    assert [problem.field for problem in validation.update(node(spec), node({}))] == ["spec.podCIDRs[0]"]


def test_a_good_pod_cidr_may_be_set_later() -> None:
    assert validation.update(node({"podCIDR": "10.1.3.0/24", "podCIDRs": ["10.1.3.0/24"]}), node({})) == []
