"""The table of network policies from one state to the next."""

from __future__ import annotations

import pytest

from api import codec
from api.types import NetworkPolicy, Pod
from kubeproxy.ip_family import IPV4
from kubeproxy.policy import table
from kubeproxy.policy.compiler import compile_policy
from kubeproxy.policy.family_policies import peer_of
from kubeproxy.policy.peers import Peers
from kubeproxy.policy.records import PodView
from tests.support.policies import pod, policy

WEB = {"podSelector": {"matchLabels": {"app": "web"}}}
FROM_CLIENT = [{"from": [{"podSelector": {"matchLabels": {"app": "client"}}}], "ports": [{"port": "http"}]}]


class Node:
    """The node "here": its pods, its policies, and the state they make."""

    def __init__(self) -> None:
        self.peers = Peers()
        self.policies: dict[str, NetworkPolicy] = {}
        self.state: table.State | None = None

    def put(self, *pods: Pod) -> None:
        for each in pods:
            view = codec.decode(PodView, codec.encode(each))
            self.peers.set_peer((each.metadata.namespace, each.metadata.name), peer_of(view, IPV4))

    def sync(self) -> str:
        """Bring the state up to date; the transaction that does it."""
        compiled = [compile_policy(each) for each in self.policies.values()]
        self.peers.follow(group for each in compiled for group in each.groups)
        state = table.desired(compiled, self.peers, "here")
        if self.state is None:
            text = table.whole(state, ["10.0.0.0/24"], "10.96.0.10")
        else:
            text = table.change(self.state, state)
        self.state = state
        return text


@pytest.fixture
def node() -> Node:
    made = Node()
    made.put(pod("web", "10.0.0.1", app="web", ports={"http": 8080}), pod("client", "10.0.0.2", app="client"))
    made.policies["web"] = policy(**WEB, ingress=FROM_CLIENT)
    made.sync()
    return made


def test_only_selected_pods_are_isolated_and_all_are_judged(node: Node) -> None:
    assert node.state is not None
    assert list(node.state.verdicts["in"]) == ["10.0.0.1"]
    assert node.state.verdicts["out"] == {}
    assert node.state.sets["judged"][1] == {"10.0.0.1", "10.0.0.2"}


def test_a_new_peer_is_one_element_in_its_group(node: Node) -> None:
    node.put(pod("far", "10.0.1.1", app="client", node="there"))
    (line,) = node.sync().splitlines()
    assert line.startswith("add element ip podling-policy peers-")
    assert line.endswith("{ 10.0.1.1 }")


def test_a_pod_elsewhere_that_is_nobodys_peer_changes_nothing(node: Node) -> None:
    node.put(pod("far", "10.0.1.1", app="other", node="there"))
    assert node.sync() == ""


def test_a_label_gained_isolates_and_a_label_lost_frees(node: Node) -> None:
    node.put(pod("client", "10.0.0.2", app="web"))
    node.sync()
    assert node.state is not None
    assert set(node.state.verdicts["in"]) == {"10.0.0.1", "10.0.0.2"}
    node.put(pod("client", "10.0.0.2", app="client"), pod("web", "10.0.0.1"))
    text = node.sync()
    assert node.state.verdicts["in"] == {}
    # What nothing refers to any more goes, in an order the kernel takes: emptied, then deleted.
    assert text.index("flush chain") < text.index("delete chain") < text.index("delete set")


def test_two_policies_about_a_pod_add_up(node: Node) -> None:
    node.policies["all"] = policy("all", ingress=[{"ports": [{"port": 443}]}])
    node.sync()
    assert node.state is not None
    chain = node.state.chains[node.state.verdicts["in"]["10.0.0.1"]]
    assert (len(chain), chain[-1]) == (3, "drop")
    assert node.state.chains[node.state.verdicts["in"]["10.0.0.2"]][-1] == "drop"


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pods_address_is_nobodys(phase: str) -> None:
    tree = {"status": {"phase": phase, "podIP": "10.0.0.1"}}
    assert peer_of(codec.from_tree(PodView, tree), IPV4) is None


def test_pods_on_the_nodes_network_are_left_alone() -> None:
    tree = {"spec": {"hostNetwork": True}, "status": {"phase": "Running", "podIP": "192.168.0.1"}}
    assert peer_of(codec.from_tree(PodView, tree), IPV4) is None
