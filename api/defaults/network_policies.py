"""Defaults of network policies: which directions they are about, and TCP."""

from __future__ import annotations

from msgspec.structs import replace

from api.defaults.fill import fill, within
from api.types import (
    NetworkPolicy,
    NetworkPolicyEgressRule,
    NetworkPolicyIngressRule,
    NetworkPolicyPort,
    NetworkPolicySpec,
)


def network_policy(policy: NetworkPolicy) -> NetworkPolicy:
    return within(policy, spec=_spec)


def _spec(spec: NetworkPolicySpec) -> NetworkPolicySpec:
    spec = within(spec, ingress=_ingress, egress=_egress)
    if spec.policy_types:
        return spec
    return replace(spec, policy_types=["Ingress", "Egress"] if spec.egress else ["Ingress"])


def _ingress(rule: NetworkPolicyIngressRule) -> NetworkPolicyIngressRule:
    return within(rule, ports=_port)


def _egress(rule: NetworkPolicyEgressRule) -> NetworkPolicyEgressRule:
    return within(rule, ports=_port)


def _port(port: NetworkPolicyPort) -> NetworkPolicyPort:
    return fill(port, protocol="TCP")
