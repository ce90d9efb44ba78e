"""Network policies as nft rules."""

from __future__ import annotations

from typing import Any

import pytest

from kubeproxy.policy.compiler import EGRESS, INGRESS, compile_policy, group_set, port_set
from kubeproxy.policy.peers import NamedPort, Peer
from tests.support.policies import policy


def rules(direction: str, **spec: Any) -> tuple[str, ...]:
    return compile_policy(policy(**spec)).chains[direction]


def test_a_policy_isolates_in_the_directions_it_names() -> None:
    assert compile_policy(policy()).chains == {INGRESS: ()}
    assert compile_policy(policy(policyTypes=["Egress"])).chains == {EGRESS: ()}
    assert set(compile_policy(policy(egress=[{}])).chains) == {INGRESS, EGRESS}


def test_rules_without_peers_or_ports_are_about_everybody_and_every_port() -> None:
    assert rules(INGRESS, ingress=[{}]) == ("accept",)
    assert rules(INGRESS, ingress=[{"ports": [{"port": 80}]}]) == ("tcp dport 80 accept",)


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ({"port": 80}, "tcp dport 80 accept"),
        ({"port": 53, "protocol": "UDP"}, "udp dport 53 accept"),
        ({"protocol": "SCTP"}, "meta l4proto sctp accept"),
        ({"port": 8000, "endPort": 8080}, "tcp dport 8000-8080 accept"),
        ({"port": "http"}, f"ip daddr . tcp dport @{port_set(NamedPort('tcp', 'http'))} accept"),
    ],
)
def test_ports(port: dict[str, Any], expected: str) -> None:
    assert rules(INGRESS, ingress=[{"ports": [port]}]) == (expected,)


def test_blocks_leave_out_their_exceptions() -> None:
    block = {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.1.2.0/24", "10.9.0.0/16"]}
    assert rules(EGRESS, policyTypes=["Egress"], egress=[{"to": [{"ipBlock": block}]}]) == (
        "ip daddr 10.0.0.0/8 ip daddr != { 10.1.0.0/16, 10.9.0.0/16 } accept",
    )
    # An IPv6 block is nobody here; it must not become everybody.
    assert rules(INGRESS, ingress=[{"from": [{"ipBlock": {"cidr": "fd00::/8"}}]}]) == ()


def test_peers_and_ports_are_alternatives() -> None:
    peers = [{"podSelector": {"matchLabels": {"a": "b"}}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}]
    compiled = compile_policy(policy(ingress=[{"from": peers, "ports": [{"port": 1}, {"port": 2}]}]))
    (group,) = compiled.groups
    assert compiled.chains[INGRESS] == (
        f"ip saddr @{group_set(group)} tcp dport 1 accept",
        f"ip saddr @{group_set(group)} tcp dport 2 accept",
        "ip saddr 10.0.0.0/8 tcp dport 1 accept",
        "ip saddr 10.0.0.0/8 tcp dport 2 accept",
    )


@pytest.mark.parametrize(
    ("peer", "matching", "others"),
    [
        ({"podSelector": {}}, [("default", {}, {})], [("other", {}, {})]),
        (
            {"podSelector": {"matchLabels": {"a": "b"}}},
            [("default", {"a": "b"}, {})],
            [("default", {}, {}), ("other", {"a": "b"}, {})],
        ),
        ({"namespaceSelector": {}}, [("default", {}, {}), ("other", {"a": "b"}, {})], []),
        (
            {"namespaceSelector": {"matchLabels": {"team": "x"}}},
            [("other", {}, {"team": "x"})],
            [("default", {}, {}), ("other", {}, {"team": "y"})],
        ),
        (
            {"namespaceSelector": {"matchLabels": {"team": "x"}}, "podSelector": {"matchLabels": {"a": "b"}}},
            [("other", {"a": "b"}, {"team": "x"})],
            [("other", {}, {"team": "x"}), ("other", {"a": "b"}, {})],
        ),
    ],
)
def test_whom_a_peer_means(peer: dict[str, Any], matching: list[Any], others: list[Any]) -> None:
    (group,) = compile_policy(policy(ingress=[{"from": [peer]}])).groups
    for expected, pods in ((True, matching), (False, others)):
        for namespace, labels, namespace_labels in pods:
            assert group.matches(Peer(namespace, "p", "10.0.0.1", labels), namespace_labels) is expected
