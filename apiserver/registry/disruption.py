"""What disruption budgets say to the eviction of a pod. Pure. Source and words: upstream's eviction registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from api import errors, selectors
from api.types import Condition, Pod, PodDisruptionBudget

DISRUPTION_TARGET: Final = "DisruptionTarget"
ALLOWED: Final = "DisruptionAllowed"
INSUFFICIENT: Final = "InsufficientPods"
SYNC_FAILED: Final = "SyncFailed"
_MAX_DISRUPTED: Final = 2000
_RETRY_SECONDS: Final = 10
_REFUSAL: Final = "Cannot evict pod as it would violate the pod's disruption budget."
_SEVERAL: Final = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."


def is_over(pod: Pod) -> bool:
    """Ended or ending already."""
    return pod.status.phase in ("Succeeded", "Failed") or pod.metadata.deletion_timestamp is not None


def is_free(pod: Pod) -> bool:
    """Nobody's service suffers when it goes: it has ended, is ending or has not begun."""
    return is_over(pod) or pod.status.phase == "Pending"


def selects(budget: PodDisruptionBudget, pod: Pod) -> bool:
    """Whether a pod is one of a budget's; an empty selector takes all pods with labels, an absent one none."""
    selector = budget.spec.selector
    labels = pod.metadata.labels
    return selector is not None and bool(labels) and selectors.from_record(selector).matches(labels)


def only_budget(budgets: Sequence[PodDisruptionBudget]) -> PodDisruptionBudget | None:
    """Raises a 500 when there are several."""
    if len(budgets) > 1:
        raise errors.StatusError(_SEVERAL)
    return budgets[0] if budgets else None


def is_exempt(pod: Pod, budget: PodDisruptionBudget) -> bool:
    """Whether the pod is not ready and the budget's policy lets such pods go."""
    if any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions):
        return False
    if budget.spec.unhealthy_pod_eviction_policy == "AlwaysAllow":
        return True
    status = budget.status
    return status.current_healthy >= status.desired_healthy > 0


def with_disrupted(budget: PodDisruptionBudget, pod_name: str, now: str) -> PodDisruptionBudget:
    """The budget with one disruption less, of this pod. Raises `TooManyRequests` or `Forbidden`."""
    status, name = budget.status, budget.metadata.name
    if status.observed_generation < budget.metadata.generation:
        says = f"The disruption budget {name} is still being processed by the server."
        raise _refusal(says, _RETRY_SECONDS)
    if status.disruptions_allowed < 0:
        raise errors.Forbidden("poddisruptionbudgets.policy", name, "pdb disruptions allowed is negative")
    if len(status.disrupted_pods) > _MAX_DISRUPTED:
        cause = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise errors.Forbidden("poddisruptionbudgets.policy", name, cause)
    if status.disruptions_allowed == 0:
        raise _refusal(_why(budget))
    left = status.disruptions_allowed - 1
    conditions = status.conditions if left else [_exhausted(each, now) for each in status.conditions]
    disrupted = {**status.disrupted_pods, pod_name: now}
    after = replace(status, disruptions_allowed=left, disrupted_pods=disrupted, conditions=conditions)
    return replace(budget, status=after)


def _why(budget: PodDisruptionBudget) -> str:
    name, status = budget.metadata.name, budget.status
    for condition in status.conditions:
        if condition.type == ALLOWED and condition.reason == SYNC_FAILED:
            return (
                f"The disruption budget {name} does not allow evicting pods currently because it failed sync: "
                f"{condition.message}"
            )
    return (
        f"The disruption budget {name} needs {status.desired_healthy} healthy pods and "
        f"has {status.current_healthy} currently"
    )


def _exhausted(condition: Condition, now: str) -> Condition:
    if condition.type != ALLOWED or condition.status == "False":
        return condition
    return replace(condition, status="False", reason=INSUFFICIENT, last_transition_time=now)


def _refusal(cause: str, retry_after_seconds: int = 0) -> errors.TooManyRequests:
    error = errors.TooManyRequests(_REFUSAL, retry_after_seconds)
    causes = [{"reason": "DisruptionBudget", "message": cause}]
    error.details = {**(error.details or {}), "causes": causes}
    return error
