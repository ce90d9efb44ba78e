"""A pod's affinity terms and spread constraints, compiled once: hashable, with selectors ready to match.

Source: upstream's scheduler framework (AffinityTerm, topologySpreadConstraint). What `matchLabelKeys` and
`mismatchLabelKeys` ask for stands in the selectors: the API server merges it when a pod is made. For pods stored before
it did, that is done here: one of them could keep a whole rollout from ending.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from api import codec, selectors
from api.types import LabelSelector, LabelSelectorRequirement, Pod, PodAffinityTerm, TopologySpreadConstraint

Labels = Mapping[str, str]
LabelMatch = Callable[[Labels], bool]
NamespaceLabels = Mapping[str, Labels]


def nothing(_labels: Labels) -> bool:
    """A selector that is absent selects no pod."""
    return False


@dataclass(frozen=True, slots=True)
class Term:
    """One pod (anti-)affinity term; equal when they select the same pods over the same topology.

    namespace_selector: over the labels of namespaces; None when the term names its namespaces only.
    """

    namespaces: frozenset[str]
    topology_key: str
    identity: bytes
    selector: LabelMatch = field(compare=False)
    namespace_selector: LabelMatch | None = field(compare=False)

    def selects_namespace(self, namespace: str, namespace_labels: NamespaceLabels) -> bool:
        if namespace in self.namespaces:
            return True
        return self.namespace_selector is not None and self.namespace_selector(namespace_labels.get(namespace, {}))

    def matches(self, namespace: str, labels: Labels, namespace_labels: NamespaceLabels) -> bool:
        """Whether a pod in `namespace` with `labels` is one the term speaks of."""
        return self.selects_namespace(namespace, namespace_labels) and self.selector(labels)


@dataclass(frozen=True, slots=True)
class WeightedTerm:
    """A preference: positive weights attract, negative ones repel."""

    term: Term
    weight: int


@dataclass(frozen=True, slots=True)
class SpreadConstraint:
    """One topology spread constraint of a pod."""

    topology_key: str
    max_skew: int
    min_domains: int
    honor_affinity: bool
    honor_taints: bool
    selector: LabelMatch


def label_match(selector: LabelSelector | None) -> LabelMatch:
    """A selector as a predicate over labels; None selects nothing."""
    return nothing if selector is None else selectors.from_record(selector).matches


def compile_term(term: PodAffinityTerm, pod: Pod) -> Term:
    """Compile a term of `pod`."""
    selector = _with_label_keys(term.label_selector, pod, term.match_label_keys, term.mismatch_label_keys)
    namespaces = frozenset(term.namespaces)
    if not namespaces and term.namespace_selector is None:
        namespaces = frozenset((pod.metadata.namespace,))
    identity = b"|".join(
        codec.encode(part) if part is not None else b"" for part in (selector, term.namespace_selector)
    )
    return Term(
        namespaces,
        term.topology_key,
        identity,
        label_match(selector),
        None if term.namespace_selector is None else label_match(term.namespace_selector),
    )


def compile_constraint(constraint: TopologySpreadConstraint, pod: Pod) -> SpreadConstraint:
    """Compile a spread constraint of `pod`."""
    selector = _with_label_keys(constraint.label_selector, pod, constraint.match_label_keys, ())
    return SpreadConstraint(
        constraint.topology_key,
        constraint.max_skew,
        1 if constraint.min_domains is None else constraint.min_domains,
        constraint.node_affinity_policy != "Ignore",
        constraint.node_taints_policy == "Honor",
        label_match(selector),
    )


def _with_label_keys(
    selector: LabelSelector | None, pod: Pod, match: Sequence[str], mismatch: Sequence[str]
) -> LabelSelector | None:
    if selector is None or not (match or mismatch):
        return selector
    labels = pod.metadata.labels
    merged = {expression.key for expression in selector.match_expressions}
    extra = [
        LabelSelectorRequirement(key=key, operator=operator, values=[labels[key]])
        for keys, operator in ((match, "In"), (mismatch, "NotIn"))
        for key in keys
        if key in labels and key not in merged
    ]
    return LabelSelector(match_labels=selector.match_labels, match_expressions=[*selector.match_expressions, *extra])
