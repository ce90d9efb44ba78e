"""How many pods of a budget may be disrupted."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, timestamps
from api.types import Deployment, Pod, PodDisruptionBudget, ReplicaSet
from controllers.disruption.plan import plan, stale_disruption

NOW = timestamps.parse("2026-01-01T00:10:00Z")
FRESH, OLD = "2026-01-01T00:09:30Z", "2026-01-01T00:07:00Z"


def owner(kind: str, name: str) -> list[dict[str, Any]]:
    return [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": f"uid-{name}", "controller": True}]


DEPLOYMENT = codec.from_tree(
    Deployment, {"metadata": {"name": "web", "namespace": "d", "uid": "uid-web"}, "spec": {"replicas": 4}}
)
REPLICA_SET = codec.from_tree(
    ReplicaSet,
    {
        "metadata": {
            "name": "web-1",
            "namespace": "d",
            "uid": "uid-web-1",
            "ownerReferences": owner("Deployment", "web"),
        },
        "spec": {"replicas": 1},
    },
)


def find(kind: str, namespace: str, name: str) -> Any:
    return {("Deployment", "web"): DEPLOYMENT, ("ReplicaSet", "web-1"): REPLICA_SET}.get((kind, name))


def pod(name: str, *, ready: bool = True, kind: str = "ReplicaSet", owned_by: str = "web-1", **metadata: Any) -> Pod:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    owners = owner(kind, owned_by) if owned_by else []
    tree = {"name": name, "namespace": "d", "ownerReferences": owners, **metadata}
    return codec.from_tree(Pod, {"metadata": tree, "status": {"phase": "Running", "conditions": conditions}})


def budget(spec: dict[str, Any], **status: Any) -> PodDisruptionBudget:
    tree = {"metadata": {"name": "b", "namespace": "d", "generation": 2}, "spec": spec, "status": status}
    return codec.from_tree(PodDisruptionBudget, tree)


FOUR = [pod(name) for name in "abcd"]


@pytest.mark.parametrize(
    ("spec", "expected", "desired", "allowed"),
    [
        ({"minAvailable": 3}, 4, 3, 1),
        ({"minAvailable": "60%"}, 4, 3, 1),
        ({"maxUnavailable": 1}, 4, 3, 1),
        ({"maxUnavailable": "30%"}, 4, 2, 2),
        ({"maxUnavailable": 0}, 4, 4, 0),
        ({"minAvailable": 0}, 4, 0, 4),
    ],
)
def test_numbers_and_parts_of_what_the_owners_want(
    spec: dict[str, Any], expected: int, desired: int, allowed: int
) -> None:
    status = plan(budget(spec), FOUR, find, NOW).status
    assert (status.expected_pods, status.desired_healthy, status.disruptions_allowed) == (expected, desired, allowed)
    assert status.observed_generation == 2
    (condition,) = status.conditions
    assert condition.reason == ("SufficientPods" if allowed else "InsufficientPods")


def test_pods_that_are_unready_or_going_do_not_count() -> None:
    going = {"deletionTimestamp": FRESH}
    pods = [*FOUR[:2], pod("c", ready=False), pod("d", **going)]
    status = plan(budget({"minAvailable": 2}), pods, find, NOW).status
    assert (status.current_healthy, status.disruptions_allowed) == (2, 0)


def test_an_eviction_counts_until_it_shows_or_fails() -> None:
    evicted = {"a": FRESH, "b": OLD, "gone": FRESH}
    decided = plan(budget({"minAvailable": 2}, disruptedPods=evicted), FOUR, find, NOW)
    assert decided.status.disrupted_pods == {"a": FRESH}
    assert decided.status.current_healthy == 3
    assert decided.recheck == 90.0
    assert [each.metadata.name for each in decided.undeleted] == ["b"]


def test_pods_of_owners_that_cannot_be_asked_stop_everything() -> None:
    decided = plan(budget({"maxUnavailable": 1}), [pod("a", kind="DaemonSet", owned_by="agent")], find, NOW)
    assert decided.failure == "daemonsets.apps does not implement the scale subresource"
    assert decided.status.disruptions_allowed == 0
    assert decided.status.conditions[0].reason == "SyncFailed"
    counted = plan(budget({"minAvailable": 0}), [pod("a", kind="DaemonSet", owned_by="agent")], find, NOW)
    assert counted.failure == ""


def test_pods_without_an_owner_are_told_of() -> None:
    decided = plan(budget({"maxUnavailable": 1}), [pod("alone", owned_by="")], find, NOW)
    assert [each.metadata.name for each in decided.unmanaged] == ["alone"]
    assert (decided.status.expected_pods, decided.status.disruptions_allowed) == (0, 0)


@pytest.mark.parametrize(
    ("condition", "phase", "left"),
    [
        ({"status": "True", "lastTransitionTime": FRESH}, "Running", 90.0),
        ({"status": "True", "lastTransitionTime": OLD}, "Running", 0.0),
        ({"status": "False", "lastTransitionTime": OLD}, "Running", None),
        ({"status": "True", "lastTransitionTime": OLD, "reason": "TerminationByKubelet"}, "Running", None),
        ({"status": "True", "lastTransitionTime": OLD}, "Failed", None),
    ],
)
def test_announcements_grow_stale(condition: dict[str, Any], phase: str, left: float | None) -> None:
    status = {"phase": phase, "conditions": [{"type": "DisruptionTarget", **condition}]}
    assert stale_disruption(codec.from_tree(Pod, {"metadata": {"name": "a"}, "status": status}), NOW) == left
