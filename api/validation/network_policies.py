"""Network policies (upstream: ValidateNetworkPolicy)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from api import names
from api.errors import FieldError
from api.types import IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort
from api.validation.checks import PROTOCOLS, Errors, cidr, known, port_number_or_name
from api.validation.selectors import label_selector

_TYPES = ("Egress", "Ingress")


def network_policy(policy: NetworkPolicy) -> Errors:
    spec = policy.spec
    yield from label_selector(spec.pod_selector, "spec.podSelector")
    for index, incoming in enumerate(spec.ingress):
        yield from _rule(incoming.ports, incoming.from_, f"spec.ingress[{index}]", "from")
    for index, outgoing in enumerate(spec.egress):
        yield from _rule(outgoing.ports, outgoing.to, f"spec.egress[{index}]", "to")
    if len(spec.policy_types) > len(_TYPES):
        detail = "may not specify more than two policyTypes"
        yield FieldError.invalid("spec.policyTypes", list(spec.policy_types), detail)
        return
    for index, name in enumerate(spec.policy_types):
        yield from known(name, f"spec.policyTypes[{index}]", _TYPES)


def _rule(
    ports: Sequence[NetworkPolicyPort], peers: Sequence[NetworkPolicyPeer], path: str, peers_field: str
) -> Errors:
    for index, port in enumerate(ports):
        yield from _port(port, f"{path}.ports[{index}]")
    for index, peer in enumerate(peers):
        yield from _peer(peer, f"{path}.{peers_field}[{index}]")


def _port(port: NetworkPolicyPort, path: str) -> Errors:
    yield from known(port.protocol, f"{path}.protocol", PROTOCOLS)
    end, where = port.end_port, f"{path}.endPort"
    if port.port is None:
        if end is not None:
            yield FieldError.invalid(where, end, "may not be specified when `port` is not specified")
        return
    yield from port_number_or_name(port.port, f"{path}.port")
    if end is None:
        return
    if isinstance(port.port, str):
        yield FieldError.invalid(where, end, "may not be specified when `port` is non-numeric")
        return
    if end < port.port:
        yield FieldError.invalid(where, end, "must be greater than or equal to `port`")
    for message in names.port_number(end):
        yield FieldError.invalid(where, end, message)


def _peer(peer: NetworkPolicyPeer, path: str) -> Errors:
    by_labels = peer.pod_selector is not None or peer.namespace_selector is not None
    yield from label_selector(peer.pod_selector, f"{path}.podSelector")
    yield from label_selector(peer.namespace_selector, f"{path}.namespaceSelector")
    if peer.ip_block is not None:
        yield from _block(peer.ip_block, f"{path}.ipBlock")
        if by_labels:
            yield FieldError.forbidden(path, "may not specify both ipBlock and another peer")
    elif not by_labels:
        yield FieldError.required(path, "must specify a peer")


def _block(block: IPBlock, path: str) -> Errors:
    if not block.cidr:
        yield FieldError.required(f"{path}.cidr")
        return
    malformed = list(cidr(block.cidr, f"{path}.cidr"))
    yield from malformed
    for index, text in enumerate(block.except_):
        where = f"{path}.except[{index}]"
        wrong = list(cidr(text, where))
        yield from wrong
        if not malformed and not wrong and not _strictly_inside(text, block.cidr):
            yield FieldError.invalid(where, text, "must be a strict subset of `cidr`")


def _strictly_inside(inner: str, outer: str) -> bool:
    small, large = (ipaddress.ip_network(text, strict=False) for text in (inner, outer))
    if isinstance(small, ipaddress.IPv4Network) and isinstance(large, ipaddress.IPv4Network):
        return small != large and small.subnet_of(large)
    if isinstance(small, ipaddress.IPv6Network) and isinstance(large, ipaddress.IPv6Network):
        return small != large and small.subnet_of(large)
    return False
