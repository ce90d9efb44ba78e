"""What is said of a namespace while it is emptied. Pure.

Source: upstream's namespaced resources deleter and its condition updater: reasons and messages are those
users see in `kubectl get namespace -o yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from api import timestamps
from api.types import Namespace, NamespaceCondition, NamespaceStatus

FINALIZER = "kubernetes"
TERMINATING = "Terminating"

_DISCOVERY = "NamespaceDeletionDiscoveryFailure"
_PARSING = "NamespaceDeletionGroupVersionParsingFailure"
_CONTENT_FAILURE = "NamespaceDeletionContentFailure"
_REMAINING = "NamespaceContentRemaining"
_FINALIZERS = "NamespaceFinalizersRemaining"


@dataclass(frozen=True, slots=True)
class Content:
    """What one pass over the namespace found.

    remaining: objects that are still there after deletion was asked for, by qualified resource ("pods",
    "deployments.apps"); finalizers: how many objects each finalizer holds; failures: what the API server refused.
    """

    remaining: dict[str, int] = field(default_factory=dict)
    finalizers: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.remaining or self.failures)


def status(namespace: Namespace, content: Content, now: float) -> NamespaceStatus:
    """The status that says how far the emptying has got."""
    conditions = list(namespace.status.conditions)
    for condition in _conditions(content, timestamps.now_text(now)):
        conditions = _with(conditions, condition)
    return NamespaceStatus(phase=TERMINATING, conditions=conditions)


def finalized(namespace: Namespace) -> Namespace:
    """The namespace without our finalizer."""
    left = [finalizer for finalizer in namespace.spec.finalizers if finalizer != FINALIZER]
    return replace(namespace, spec=replace(namespace.spec, finalizers=left))


def _conditions(content: Content, stamp: str) -> list[NamespaceCondition]:
    failures = "; ".join(content.failures)
    remaining = _listed(content.remaining, "{0}. has {1} resource instances")
    finalizers = _listed(content.finalizers, "{0} in {1} resource instances")
    table = [
        (_DISCOVERY, "", "", "ResourcesDiscovered", "All resources successfully discovered"),
        (_PARSING, "", "", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
        (
            _CONTENT_FAILURE,
            failures and f"Failed to delete all resource types, {len(content.failures)} remaining: {failures}",
            "ContentDeletionFailed",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        (
            _REMAINING,
            remaining and f"Some resources are remaining: {remaining}",
            "SomeResourcesRemain",
            "ContentRemoved",
            "All content successfully removed",
        ),
        (
            _FINALIZERS,
            finalizers and f"Some content in the namespace has finalizers remaining: {finalizers}",
            "SomeFinalizersRemain",
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished",
        ),
    ]
    return [
        NamespaceCondition(
            type=type_,
            status="True" if trouble else "False",
            reason=bad if trouble else good,
            message=trouble or well,
            last_transition_time=stamp,
        )
        for type_, trouble, bad, good, well in table
    ]


def _listed(counts: Mapping[str, int], form: str) -> str:
    return ", ".join(form.format(name, count) for name, count in sorted(counts.items()))


def _with(conditions: Sequence[NamespaceCondition], new: NamespaceCondition) -> list[NamespaceCondition]:
    """Set a condition; the same status keeps its transition time."""
    result = []
    found = False
    for current in conditions:
        if current.type != new.type:
            result.append(current)
            continue
        found = True
        same = current.status == new.status
        result.append(replace(new, last_transition_time=current.last_transition_time) if same else new)
    return result if found else [*result, new]
