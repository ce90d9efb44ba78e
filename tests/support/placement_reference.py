"""An independent, slow and plain judge of placements: one pod, one node, one rule at a time, straight from the records.

It shares no code with the scheduler. `fits` says whether a node may take a pod; `rooms` says, for each node, whom
upstream's rules of preemption would remove from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from api import quantity
from api.types import LabelSelector, Namespace, Node, NodeSelectorTerm, Pod, PodAffinityTerm, PodDisruptionBudget


@dataclass
class World:
    nodes: list[Node]
    pods: list[Pod]
    namespaces: list[Namespace] = field(default_factory=list)
    budgets: list[PodDisruptionBudget] = field(default_factory=list)

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if node.metadata.name == name)

    def on(self, name: str) -> list[Pod]:
        return [pod for pod in self.pods if pod.spec.node_name == name]

    def without(self, pods: Iterable[Pod]) -> World:
        gone = {pod.metadata.uid for pod in pods}
        left = [pod for pod in self.pods if pod.metadata.uid not in gone]
        return World(self.nodes, left, self.namespaces, self.budgets)

    def namespace_labels(self, name: str) -> dict[str, str]:
        return next((n.metadata.labels for n in self.namespaces if n.metadata.name == name), {})


def fits(pod: Pod, node: Node, world: World) -> bool:
    rules = (tolerated, chosen_by_labels, has_ports, has_room, spread_evenly, has_company, is_left_alone, leaves_alone)
    return all(rule(pod, node, world) for rule in rules)


def tolerated(pod: Pod, node: Node, _world: World) -> bool:
    taints = [(t.key, t.value, t.effect) for t in node.spec.taints if t.effect != "PreferNoSchedule"]
    if node.spec.unschedulable:
        taints.append(("node.kubernetes.io/unschedulable", "", "NoSchedule"))
    for key, value, effect in taints:
        accepted = False
        for toleration in pod.spec.tolerations:
            same_effect = toleration.effect in ("", effect)
            if toleration.operator == "Exists":
                accepted |= same_effect and toleration.key in ("", key)
            else:
                accepted |= same_effect and toleration.key == key and toleration.value == value
        if not accepted:
            return False
    return True


def chosen_by_labels(pod: Pod, node: Node, _world: World) -> bool:
    labels = node.metadata.labels
    for key, value in pod.spec.node_selector.items():
        if labels.get(key) != value:
            return False
    affinity = pod.spec.affinity and pod.spec.affinity.node_affinity
    required = affinity and affinity.required_during_scheduling_ignored_during_execution
    if not required:
        return True
    return any(term_chooses(term, node) for term in required.node_selector_terms)


def term_chooses(term: NodeSelectorTerm, node: Node) -> bool:
    facts = [(r, node.metadata.labels.get(r.key)) for r in term.match_expressions]
    facts += [(r, node.metadata.name) for r in term.match_fields]
    if not facts:
        return False
    for requirement, value in facts:
        if requirement.operator == "In" and value not in requirement.values:
            return False
        if requirement.operator == "NotIn" and value in requirement.values:
            return False
        if requirement.operator == "Exists" and value is None:
            return False
        if requirement.operator == "DoesNotExist" and value is not None:
            return False
        if requirement.operator == "Gt" and not (value and int(value) > int(requirement.values[0])):
            return False
        if requirement.operator == "Lt" and not (value and int(value) < int(requirement.values[0])):
            return False
    return True


def has_ports(pod: Pod, node: Node, world: World) -> bool:
    def ports(of: Pod) -> list[tuple[str, int, str]]:
        return [
            (port.protocol or "TCP", port.host_port, port.host_ip or "0.0.0.0")
            for container in of.spec.containers
            for port in container.ports
            if port.host_port
        ]

    for protocol, number, address in ports(pod):
        for other in world.on(node.metadata.name):
            for other_protocol, other_number, other_address in ports(other):
                same_port = (protocol, number) == (other_protocol, other_number)
                if same_port and (address == other_address or "0.0.0.0" in (address, other_address)):
                    return False
    return True


def needs(pod: Pod) -> dict[str, Fraction]:
    total: dict[str, Fraction] = {"pods": Fraction(1)}
    for container in pod.spec.containers:
        for resource, text in container.resources.requests.items():
            total[resource] = total.get(resource, Fraction(0)) + Fraction(quantity.milli(text), 1000)
    return total


def has_room(pod: Pod, node: Node, world: World) -> bool:
    present = world.on(node.metadata.name)
    for resource, amount in needs(pod).items():
        has = Fraction(quantity.milli(node.status.allocatable.get(resource, "0")), 1000)
        used = sum((needs(other).get(resource, Fraction(0)) for other in present), Fraction(0))
        if amount and used + amount > has:
            return False
    return True


def selects(selector: LabelSelector | None, labels: dict[str, str]) -> bool:
    if selector is None:
        return False
    for key, value in selector.match_labels.items():
        if labels.get(key) != value:
            return False
    for r in selector.match_expressions:
        value = labels.get(r.key)
        holds = {
            "In": value in r.values,
            "NotIn": value not in r.values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not holds[r.operator]:
            return False
    return True


def speaks_of(term: PodAffinityTerm, owner: Pod, other: Pod, world: World) -> bool:
    namespace = other.metadata.namespace
    named = set(term.namespaces)
    if not named and term.namespace_selector is None:
        named = {owner.metadata.namespace}
    if namespace not in named:
        selector = term.namespace_selector
        if selector is None or not selects(selector, world.namespace_labels(namespace)):
            return False
    return selects(term.label_selector, other.metadata.labels)


def same_domain(key: str, node: Node, other: Pod, world: World) -> bool:
    value = node.metadata.labels.get(key)
    return value is not None and world.node(other.spec.node_name).metadata.labels.get(key) == value


def affinity_terms(pod: Pod) -> list[PodAffinityTerm]:
    affinity = pod.spec.affinity and pod.spec.affinity.pod_affinity
    return affinity.required_during_scheduling_ignored_during_execution if affinity else []


def anti_affinity_terms(pod: Pod) -> list[PodAffinityTerm]:
    affinity = pod.spec.affinity and pod.spec.affinity.pod_anti_affinity
    return affinity.required_during_scheduling_ignored_during_execution if affinity else []


def has_company(pod: Pod, node: Node, world: World) -> bool:
    terms = affinity_terms(pod)
    if not terms:
        return True
    if any(term.topology_key not in node.metadata.labels for term in terms):
        return False
    company = [other for other in world.pods if all(speaks_of(term, pod, other, world) for term in terms)]
    if all(any(same_domain(term.topology_key, node, other, world) for other in company) for term in terms):
        return True
    keys = {term.topology_key for term in terms}
    somewhere = any(keys & world.node(other.spec.node_name).metadata.labels.keys() for other in company)
    return not somewhere and all(speaks_of(term, pod, pod, world) for term in terms)


def is_left_alone(pod: Pod, node: Node, world: World) -> bool:
    for term in anti_affinity_terms(pod):
        for other in world.pods:
            if speaks_of(term, pod, other, world) and same_domain(term.topology_key, node, other, world):
                return False
    return True


def leaves_alone(pod: Pod, node: Node, world: World) -> bool:
    for other in world.pods:
        for term in anti_affinity_terms(other):
            if speaks_of(term, other, pod, world) and same_domain(term.topology_key, node, other, world):
                return False
    return True


def spread_evenly(pod: Pod, node: Node, world: World) -> bool:
    constraints = [c for c in pod.spec.topology_spread_constraints if c.when_unsatisfiable == "DoNotSchedule"]
    keys = [c.topology_key for c in constraints]
    if any(key not in node.metadata.labels for key in keys):
        return False
    for constraint in constraints:

        def counts(labels: dict[str, str], constraint=constraint) -> bool:
            return selects(constraint.label_selector, labels)

        eligible = [
            candidate
            for candidate in world.nodes
            if all(key in candidate.metadata.labels for key in keys)
            and (constraint.node_affinity_policy == "Ignore" or chosen_by_labels(pod, candidate, world))
            and (constraint.node_taints_policy != "Honor" or _tolerates_taints(pod, candidate, world))
        ]
        domains: dict[str, int] = {}
        for candidate in eligible:
            domain = candidate.metadata.labels[constraint.topology_key]
            matching = [
                other
                for other in world.on(candidate.metadata.name)
                if other.metadata.namespace == pod.metadata.namespace
                and other.metadata.deletion_timestamp is None
                and counts(other.metadata.labels)
            ]
            domains[domain] = domains.get(domain, 0) + len(matching)
        fewest = min(domains.values(), default=0)
        if len(domains) < (constraint.min_domains or 1):
            fewest = 0
        here = domains.get(node.metadata.labels[constraint.topology_key], 0)
        if here + counts(pod.metadata.labels) - fewest > constraint.max_skew:
            return False
    return True


def _tolerates_taints(pod: Pod, node: Node, world: World) -> bool:
    from msgspec.structs import replace

    return tolerated(pod, replace(node, spec=replace(node.spec, unschedulable=False)), world)


@dataclass
class Removal:
    """Whom a node would lose. violations: how many of them budgets protect."""

    victims: list[Pod]
    violations: int

    @property
    def rank(self) -> tuple[float, ...]:
        """What upstream prefers nodes by, the least first; the victims' start is left out: they start together."""
        priorities = [pod.spec.priority or 0 for pod in self.victims]
        return (self.violations, max(priorities), sum(p + 2**31 for p in priorities), len(priorities))


def rooms(pod: Pod, world: World) -> dict[str, Removal]:
    """For each node where removing less important pods would help."""
    found = {}
    for node in world.nodes:
        removal = _room(pod, node, world)
        if removal is not None:
            found[node.metadata.name] = removal
    return found


def _room(pod: Pod, node: Node, world: World) -> Removal | None:
    priority = pod.spec.priority or 0
    lower = [other for other in world.on(node.metadata.name) if (other.spec.priority or 0) < priority]
    if not lower or not fits(pod, node, world.without(lower)):
        return None
    lower.sort(key=lambda other: -(other.spec.priority or 0))
    allowed = {id(budget): budget.status.disruptions_allowed for budget in world.budgets}
    protected, others = [], []
    for other in lower:
        violates = False
        for budget in world.budgets:
            same = budget.metadata.namespace == other.metadata.namespace
            if same and other.metadata.labels and selects(budget.spec.selector, other.metadata.labels):
                allowed[id(budget)] -= 1
                violates |= allowed[id(budget)] < 0
        (protected if violates else others).append(other)
    victims = list(lower)
    for other in [*protected, *others]:
        remaining = [victim for victim in victims if victim is not other]
        if fits(pod, node, world.without(remaining)):
            victims = remaining
    violations = sum(any(victim is other for other in protected) for victim in victims)
    return Removal(victims, violations)
