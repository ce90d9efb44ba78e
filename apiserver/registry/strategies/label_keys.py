"""matchLabelKeys and mismatchLabelKeys of a new pod: its labels of those keys become part of the selectors. Pure.

That is done once, when the pod is made: labels that change later change neither whom it wants near nor among whom it is
spread, and everybody can read in the pod what was made of the keys (upstream's mutatePodAffinity and
mutateTopologySpreadConstraints).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from api.types import (
    Affinity,
    LabelSelector,
    LabelSelectorRequirement,
    PodAffinityTerm,
    PodSpec,
    TopologySpreadConstraint,
    WeightedPodAffinityTerm,
)


def merged(spec: PodSpec, labels: Mapping[str, str]) -> PodSpec:
    """The spec with the keys' values in the selectors of affinity terms and spread constraints."""
    if spec.affinity is not None:
        spec = replace(spec, affinity=_affinity(spec.affinity, labels))
    if spec.topology_spread_constraints:
        constraints = [_constraint(constraint, labels) for constraint in spec.topology_spread_constraints]
        spec = replace(spec, topology_spread_constraints=constraints)
    return spec


def _affinity(affinity: Affinity, labels: Mapping[str, str]) -> Affinity:
    return replace(
        affinity,
        pod_affinity=_terms(affinity.pod_affinity, labels),
        pod_anti_affinity=_terms(affinity.pod_anti_affinity, labels),
    )


def _terms(affinity: Any, labels: Mapping[str, str]) -> Any:
    """A PodAffinity or a PodAntiAffinity."""
    if affinity is None:
        return None
    return replace(
        affinity,
        required_during_scheduling_ignored_during_execution=[
            _term(term, labels) for term in affinity.required_during_scheduling_ignored_during_execution
        ],
        preferred_during_scheduling_ignored_during_execution=[
            _weighted(term, labels) for term in affinity.preferred_during_scheduling_ignored_during_execution
        ],
    )


def _weighted(weighted: WeightedPodAffinityTerm, labels: Mapping[str, str]) -> WeightedPodAffinityTerm:
    return replace(weighted, pod_affinity_term=_term(weighted.pod_affinity_term, labels))


def _term(term: PodAffinityTerm, labels: Mapping[str, str]) -> PodAffinityTerm:
    selector = _selector(term.label_selector, term.match_label_keys, "In", labels)
    return replace(term, label_selector=_selector(selector, term.mismatch_label_keys, "NotIn", labels))


def _constraint(constraint: TopologySpreadConstraint, labels: Mapping[str, str]) -> TopologySpreadConstraint:
    selector = _selector(constraint.label_selector, constraint.match_label_keys, "In", labels)
    return replace(constraint, label_selector=selector)


def _selector(
    selector: LabelSelector | None, keys: Sequence[str], operator: str, labels: Mapping[str, str]
) -> LabelSelector | None:
    """No selector selects nothing, and stays so."""
    if selector is None or not keys:
        return selector
    extra = [
        LabelSelectorRequirement(key=key, operator=operator, values=[labels[key]]) for key in keys if key in labels
    ]
    return replace(selector, match_expressions=[*selector.match_expressions, *extra])
