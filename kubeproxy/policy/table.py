"""The table of network policies: what it should be, and the transaction from one state to the next. Pure.

    forward → out-forward: from one of this node's pods?  → from-pods: isolated → its policies' chains, else accept
            → in-forward:  to one of this node's pods?    → to-pods:   likewise
    input   → out-input:   from a pod to this node's DNS? → from-pods

Both directions of a connection between two pods of one node are judged one after the other: what a chain accepts goes
on to the next hook. A pod not judged yet (its address is not in `judged`) has no traffic at all. Answers pass; what a
node sends to its own pods, probes above all, does too (upstream: "traffic to and from the node where a Pod is running
is always allowed").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kubeproxy.ip_family import IPV4, IpFamily
from kubeproxy.policy.compiler import EGRESS, INGRESS, CompiledPolicy, group_set, identifier, port_set
from kubeproxy.policy.peers import Peers

TABLE = "podling-policy"


@dataclass(frozen=True, slots=True)
class State:
    """What the table holds beside its fixed part.

    sets: declaration and elements by name. chains: rules by name. verdicts: isolated pods' chains, by map and address.
    """

    sets: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    chains: dict[str, tuple[str, ...]] = field(default_factory=dict)
    verdicts: dict[str, dict[str, str]] = field(default_factory=lambda: {INGRESS: {}, EGRESS: {}})


def desired(policies: Iterable[CompiledPolicy], peers: Peers, node: str, ip: IpFamily = IPV4) -> State:
    """The state for this node's pods, of one IP family. `peers` follows the policies' groups."""
    state = State()
    local = peers.on_node(node)
    policies = sorted(policies, key=lambda policy: policy.name)
    selecting = {peer.address: [each for each in policies if each.selected.matches(peer, {})] for peer in local}
    used = {policy.name: policy for selected in selecting.values() for policy in selected}.values()
    for policy in used:
        for direction, rules in policy.chains.items():
            state.chains[f"policy-{direction}-{policy.name}"] = rules
        for group in policy.groups:
            state.sets[group_set(group)] = (_addresses(ip), peers.addresses(group))
        for port in policy.ports:
            listeners = frozenset(f"{address} . {number}" for address, number in peers.listeners(port))
            state.sets[port_set(port)] = (f"type {ip.address_type} . inet_service;", listeners)
    for address, selected in selecting.items():
        for direction in (INGRESS, EGRESS):
            names = [policy.name for policy in selected if direction in policy.chains]
            if names:
                chain = f"isolated-{direction}-{identifier(*names)}"
                state.chains[chain] = (*(f"jump policy-{direction}-{name}" for name in names), "drop")
                state.verdicts[direction][address] = chain
    addresses = frozenset(selecting)
    state.sets["judged"] = (_addresses(ip), addresses)
    state.sets["selves"] = (_pairs(ip), frozenset(f"{each} . {each}" for each in addresses))
    return state


def whole(state: State, pod_cidrs: Iterable[str], dns_address: str, ip: IpFamily = IPV4) -> str:
    """The transaction that replaces the table, whatever it is now. pod_cidrs: this node's, of this family."""
    addresses, match = _addresses(ip), ip.nft
    answers = (*_ANSWERS, f"{match} saddr . {match} daddr @selves accept")
    cidrs = ", ".join(pod_cidrs)
    fixed = "\n".join(
        [
            f"add table {match} {TABLE}",
            f"delete table {match} {TABLE}",
            f"table {match} {TABLE} {{",
            f"set pods {{ {addresses} flags interval; {f'elements = {{ {cidrs} }};' if cidrs else ''} }}",
            f"set judged {{ {addresses} }}",
            f"set selves {{ {_pairs(ip)} }}",
            f"map isolated-{INGRESS} {{ type {ip.address_type} : verdict; }}",
            f"map isolated-{EGRESS} {{ type {ip.address_type} : verdict; }}",
            *_chain("from-pods", *_judge(EGRESS, f"{match} saddr")),
            *_chain("to-pods", *_judge(INGRESS, f"{match} daddr")),
            *_chain("out-forward", _hook("forward", "filter"), *answers, f"{match} saddr @pods jump from-pods"),
            *(_chain("out-input", _hook("input", "filter"), *answers, _dns(dns_address)) if dns_address else ()),
            *_chain("in-forward", _hook("forward", "filter + 1"), *answers, f"{match} daddr @pods jump to-pods"),
            "}\n",
        ]
    )
    fixed_state = State(sets={"judged": (addresses, frozenset()), "selves": ("", frozenset())})
    return fixed + change(fixed_state, state, ip)


_ANSWERS = ("ct state related accept", "ct direction reply accept")


def _addresses(ip: IpFamily) -> str:
    return f"type {ip.address_type};"


def _pairs(ip: IpFamily) -> str:
    return f"type {ip.address_type} . {ip.address_type};"


def _hook(hook: str, priority: str) -> str:
    return f"type filter hook {hook} priority {priority}; policy accept;"


def _dns(address: str) -> str:
    return f"ip saddr @pods ip daddr {address} meta l4proto {{ tcp, udp }} th dport 53 jump from-pods"


def _judge(direction: str, side: str) -> tuple[str, ...]:
    return (f"{side} vmap @isolated-{direction}", f"{side} @judged return", "drop")


def _chain(name: str, *rules: str) -> tuple[str, ...]:
    return (f"chain {name} {{", *rules, "}")


def remove(ip: IpFamily = IPV4) -> str:
    """The transaction that takes the table away, if there is one."""
    return f"add table {ip.nft} {TABLE}\ndelete table {ip.nft} {TABLE}\n"


def present(ip: IpFamily = IPV4) -> str:
    """The command that fails when the table is gone."""
    return f"list chain {ip.nft} {TABLE} from-pods\n"


def change(old: State, new: State, ip: IpFamily = IPV4) -> str:
    """The transaction from one state to the other; "" when they are the same."""
    lines: list[str] = []
    table = f"{ip.nft} {TABLE}"
    for name in new.sets.keys() - old.sets.keys():
        lines.append(f"add set {table} {name} {{ {new.sets[name][0]} }}")
    for name in new.chains.keys() - old.chains.keys():
        lines.append(f"add chain {table} {name}")
    for name, (_, elements) in new.sets.items():
        had = old.sets[name][1] if name in old.sets else frozenset()
        lines += _elements(f"delete element {table}", name, had - elements)
        lines += _elements(f"add element {table}", name, elements - had)
    for name, rules in new.chains.items():
        if old.chains.get(name) != rules:
            lines.append(f"flush chain {table} {name}")
            lines += [f"add rule {table} {name} {rule}" for rule in rules]
    for direction in (INGRESS, EGRESS):
        lines += _verdicts(table, direction, old.verdicts[direction], new.verdicts[direction])
    gone = sorted(old.chains.keys() - new.chains.keys())
    # Emptied first: they may lead to one another.
    lines += [f"flush chain {table} {name}" for name in gone]
    lines += [f"delete chain {table} {name}" for name in gone]
    lines += [f"delete set {table} {name}" for name in sorted(old.sets.keys() - new.sets.keys())]
    return "".join(f"{line}\n" for line in lines)


def _elements(command: str, name: str, elements: Iterable[str]) -> list[str]:
    text = ", ".join(sorted(elements))
    return [f"{command} {name} {{ {text} }}"] if text else []


def _verdicts(table: str, direction: str, old: dict[str, str], new: dict[str, str]) -> list[str]:
    name = f"isolated-{direction}"
    leaving = [address for address, chain in old.items() if new.get(address) != chain]
    coming = [f"{address} : goto {chain}" for address, chain in new.items() if old.get(address) != chain]
    leave, come = (f"{verb} element {table}" for verb in ("delete", "add"))
    return [*_elements(leave, name, leaving), *_elements(come, name, coming)]
