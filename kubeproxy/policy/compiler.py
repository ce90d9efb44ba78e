"""A policy's rules as nft rules, with the groups and named ports they refer to. Pure.

Behaviour: upstream's NetworkPolicy API: peers of a rule are alternatives, so are its ports; a rule without peers is
about everybody, one without ports about every port; a peer's selectors and an address block exclude each other.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from api import selectors
from api.types.networking_policy import (
    IPBlock,
    NetworkPolicy,
    NetworkPolicyPeer,
    NetworkPolicyPort,
)
from kubeproxy.ip_family import IPV4, IpFamily, family_of
from kubeproxy.policy.peers import Group, NamedPort

INGRESS, EGRESS = "in", "out"
_SIDE = {INGRESS: "saddr", EGRESS: "daddr"}
_TYPES = {"Ingress": INGRESS, "Egress": EGRESS}


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """chains: rules by direction, for each direction the policy isolates in. selected: the pods it is about."""

    name: str
    selected: Group
    chains: dict[str, tuple[str, ...]]
    groups: frozenset[Group]
    ports: frozenset[NamedPort]


def identifier(*words: str) -> str:
    """A short name for a chain or set, the same for the same words."""
    return hashlib.blake2b("\0".join(words).encode(), digest_size=8).hexdigest()


def group_set(group: Group) -> str:
    """The set that holds a group's addresses."""
    namespaces = "-" if group.namespaces is None else f"={group.namespaces}"
    return f"peers-{identifier(group.namespace, namespaces, str(group.pods))}"


def port_set(port: NamedPort) -> str:
    """The set that holds address and number of the pods' ports of a name."""
    return f"port-{identifier(port.protocol, port.name)}"


def compile_policy(policy: NetworkPolicy, ip: IpFamily = IPV4) -> CompiledPolicy:
    """What the policy means to the traffic of one IP family."""
    namespace, spec = policy.metadata.namespace, policy.spec
    groups: set[Group] = set()
    ports: set[NamedPort] = set()
    chains: dict[str, tuple[str, ...]] = {}
    for direction in (_TYPES[name] for name in spec.policy_types):
        lines: list[str] = []
        rules = [(rule.from_, rule.ports) for rule in spec.ingress] if direction == INGRESS else []
        rules += [(rule.to, rule.ports) for rule in spec.egress] if direction == EGRESS else []
        for peers, rule_ports in rules:
            matches = list(_peers(peers, namespace, _SIDE[direction], groups, ip)) if peers else [""]
            port_matches = list(_ports(rule_ports, ports, ip)) if rule_ports else [""]
            lines += [" ".join(f"{peer} {port} accept".split()) for peer in matches for port in port_matches]
        chains[direction] = tuple(lines)
    selected = Group(selectors.from_record(spec.pod_selector), namespace)
    name = identifier(namespace, policy.metadata.name)
    return CompiledPolicy(name, selected, chains, frozenset(groups), frozenset(ports))


def _peers(
    peers: Iterable[NetworkPolicyPeer], namespace: str, side: str, groups: set[Group], ip: IpFamily
) -> Iterator[str]:
    for peer in peers:
        if peer.ip_block is not None:
            yield from _block(peer.ip_block, side, ip)
            continue
        # Without a selector of its own, a namespace's every pod is meant.
        pods = selectors.EVERYTHING if peer.pod_selector is None else selectors.from_record(peer.pod_selector)
        if peer.namespace_selector is None:
            group = Group(pods, namespace)
        else:
            group = Group(pods, namespaces=selectors.from_record(peer.namespace_selector))
        groups.add(group)
        yield f"{ip.nft} {side} @{group_set(group)}"


def _block(block: IPBlock, side: str, ip: IpFamily) -> Iterator[str]:
    """A block of the other family is nobody's address here: it must not become everybody's."""
    network = ipaddress.ip_network(block.cidr, strict=False)
    if family_of(block.cidr) is not ip:
        return
    text = f"{ip.nft} {side} {network}"
    shown = ", ".join(ip.networks(block.except_))
    yield f"{text} {ip.nft} {side} != {{ {shown} }}" if shown else text


def _ports(ports: Sequence[NetworkPolicyPort], named: set[NamedPort], ip: IpFamily) -> Iterator[str]:
    for port in ports:
        protocol = (port.protocol or "TCP").lower()
        if port.port is None:
            yield f"meta l4proto {protocol}"
        elif isinstance(port.port, str):
            name = NamedPort(protocol, port.port)
            named.add(name)
            yield f"{ip.nft} daddr . {protocol} dport @{port_set(name)}"
        elif port.end_port is not None:
            yield f"{protocol} dport {port.port}-{port.end_port}"
        else:
            yield f"{protocol} dport {port.port}"
