"""Network policies: what is refused, with upstream's words; what is filled in."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, defaults, validation
from api.types import NetworkPolicy


def policy(**spec: Any) -> NetworkPolicy:
    return codec.from_tree(
        NetworkPolicy, {"metadata": {"name": "p", "namespace": "n"}, "spec": {"podSelector": {}, **spec}}
    )


def problems(**spec: Any) -> list[tuple[str, str]]:
    return [(error.field, error.detail) for error in validation.create(defaults.apply(policy(**spec)))]


def test_directions_follow_from_the_rules() -> None:
    assert defaults.apply(policy()).spec.policy_types == ["Ingress"]
    assert defaults.apply(policy(egress=[{}])).spec.policy_types == ["Ingress", "Egress"]
    assert defaults.apply(policy(policyTypes=["Egress"])).spec.policy_types == ["Egress"]
    (rule,) = defaults.apply(policy(ingress=[{"ports": [{"port": 80}]}])).spec.ingress
    assert rule.ports[0].protocol == "TCP"


@pytest.mark.parametrize(
    ("port", "field", "detail"),
    [
        ({"protocol": "ICMP"}, "protocol", 'supported values: "SCTP", "TCP", "UDP"'),
        ({"port": 0}, "port", "must be between 1 and 65535, inclusive"),
        ({"port": "NOT_A_NAME"}, "port", "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"),
        ({"endPort": 80}, "endPort", "may not be specified when `port` is not specified"),
        ({"port": "http", "endPort": 80}, "endPort", "may not be specified when `port` is non-numeric"),
        ({"port": 80, "endPort": 79}, "endPort", "must be greater than or equal to `port`"),
        ({"port": 80, "endPort": 65536}, "endPort", "must be between 1 and 65535, inclusive"),
    ],
)
def test_ports(port: dict[str, Any], field: str, detail: str) -> None:
    found = problems(ingress=[{"ports": [port]}])
    assert found[0] == (f"spec.ingress[0].ports[0].{field}", detail)


@pytest.mark.parametrize(
    ("peer", "field", "detail"),
    [
        ({}, "", "must specify a peer"),
        ({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}, "", "may not specify both ipBlock and another peer"),
        ({"ipBlock": {"cidr": ""}}, ".ipBlock.cidr", ""),
        (
            {"ipBlock": {"cidr": "10.0.0.0"}},
            ".ipBlock.cidr",
            "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
        ),
        (
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}},
            ".ipBlock.except[0]",
            "must be a strict subset of `cidr`",
        ),
        (
            {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}},
            ".ipBlock.except[0]",
            "must be a strict subset of `cidr`",
        ),
    ],
)
def test_peers(peer: dict[str, Any], field: str, detail: str) -> None:
    assert problems(egress=[{"to": [peer]}]) == [(f"spec.egress[0].to[0]{field}", detail)]


def test_directions() -> None:
    assert problems(policyTypes=["Ingress", "Egress", "Ingress"]) == [
        ("spec.policyTypes", "may not specify more than two policyTypes")
    ]
    assert problems(policyTypes=["In"])[0][0] == "spec.policyTypes[0]"
