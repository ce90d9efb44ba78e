"""What disruption budgets say to an eviction."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, errors
from api.types import Pod, PodDisruptionBudget
from apiserver.registry import disruption

NOW = "2026-01-01T00:00:00Z"


def pod(phase: str = "Running", *, ready: bool = True, labels: dict[str, str] | None = None) -> Pod:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    labels = {"app": "web"} if labels is None else labels
    metadata = {"name": "p", "namespace": "d", "labels": labels}
    return codec.from_tree(Pod, {"metadata": metadata, "status": {"phase": phase, "conditions": conditions}})


def budget(spec: dict[str, Any] | None = None, **status: Any) -> PodDisruptionBudget:
    seen = {"observedGeneration": 1, "conditions": [], **status}
    tree = {"metadata": {"name": "b", "namespace": "d", "generation": 1}, "spec": spec or {}, "status": seen}
    return codec.from_tree(PodDisruptionBudget, tree)


def test_pods_nobody_would_miss() -> None:
    assert [disruption.is_free(pod(phase)) for phase in ("Pending", "Running", "Succeeded", "Failed")] == [
        True,
        False,
        True,
        True,
    ]


def test_which_pods_a_budget_is_about() -> None:
    selecting = budget({"selector": {"matchLabels": {"app": "web"}}})
    assert disruption.selects(selecting, pod())
    assert not disruption.selects(selecting, pod(labels={"app": "db"}))
    assert disruption.selects(budget({"selector": {}}), pod())
    assert not disruption.selects(budget({"selector": {}}), pod(labels={}))
    assert not disruption.selects(budget(), pod())


def test_several_budgets_are_nobodys_to_weigh() -> None:
    with pytest.raises(errors.StatusError, match="This pod has more than one PodDisruptionBudget") as caught:
        disruption.only_budget([budget(), budget()])
    assert caught.value.code == 500


def test_pods_that_are_not_ready_may_go_where_the_rest_is_well() -> None:
    well, unwell = ({"currentHealthy": n, "desiredHealthy": 2} for n in (2, 1))
    assert disruption.is_exempt(pod(ready=False), budget(**well))
    assert not disruption.is_exempt(pod(ready=False), budget(**unwell))
    assert disruption.is_exempt(pod(ready=False), budget({"unhealthyPodEvictionPolicy": "AlwaysAllow"}, **unwell))
    assert not disruption.is_exempt(pod(), budget(**well))
    assert not disruption.is_exempt(pod(ready=False), budget(currentHealthy=0, desiredHealthy=0))


def test_the_last_disruption_is_taken_once() -> None:
    allowed = {"type": "DisruptionAllowed", "status": "True", "reason": "SufficientPods"}
    taken = disruption.with_disrupted(budget(disruptionsAllowed=1, conditions=[allowed]), "p", NOW)
    assert (taken.status.disruptions_allowed, taken.status.disrupted_pods) == (0, {"p": NOW})
    (condition,) = taken.status.conditions
    assert (condition.status, condition.reason) == ("False", "InsufficientPods")
    with pytest.raises(errors.TooManyRequests):
        disruption.with_disrupted(taken, "q", NOW)


def test_refusals_say_why() -> None:
    with pytest.raises(errors.TooManyRequests) as caught:
        disruption.with_disrupted(budget(currentHealthy=2, desiredHealthy=3), "p", NOW)
    assert caught.value.message == "Cannot evict pod as it would violate the pod's disruption budget."
    assert caught.value.causes == [
        {"reason": "DisruptionBudget", "message": "The disruption budget b needs 3 healthy pods and has 2 currently"}
    ]
    assert caught.value.retry_after_seconds == 0
    with pytest.raises(errors.TooManyRequests) as caught:
        disruption.with_disrupted(budget(observedGeneration=0, disruptionsAllowed=1), "p", NOW)
    assert caught.value.retry_after_seconds == 10
    assert "still being processed" in caught.value.causes[0]["message"]
