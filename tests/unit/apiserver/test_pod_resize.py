"""pods/resize: what may change through it, and upstream's refusals."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, defaults, scheme
from api.types import Pod
from apiserver.registry.strategies.pods import PodStrategy

VIEW = PodStrategy(scheme.find("pods")).views()["resize"]


def pod(requests: dict[str, str], limits: dict[str, str] | None = None, **more: Any) -> Pod:
    tree: dict[str, Any] = {
        "metadata": {"name": "p", "namespace": "default", "uid": "u", "generation": 1, **more.pop("metadata", {})},
        "spec": {
            "serviceAccountName": "default",
            "containers": [{"name": "c", "image": "i", "resources": {"requests": requests, "limits": limits or {}}}],
            **more,
        },
    }
    return defaults.apply(codec.from_tree(Pod, tree))


def refusals(new: Pod, old: Pod) -> list[tuple[str, str]]:
    return [
        (problem.field, problem.detail.partition("\n")[0]) for problem in VIEW.validate(VIEW.prepare(new, old), old)
    ]


def test_cpu_and_memory_may_change_and_count_as_a_new_generation() -> None:
    old, new = pod({"cpu": "1", "memory": "1Gi"}), pod({"cpu": "2", "memory": "512Mi"})
    assert refusals(new, old) == []
    prepared = VIEW.prepare(new, old)
    assert prepared.spec.containers[0].resources.requests == {"cpu": "2", "memory": "512Mi"}
    assert prepared.metadata.generation == 2


def test_nothing_else_is_taken_over() -> None:
    old = pod({"cpu": "1"})
    prepared = VIEW.prepare(pod({"cpu": "2"}, metadata={"labels": {"a": "b"}}, nodeName="elsewhere"), old)
    assert prepared.metadata.labels == {} and prepared.spec.node_name == ""


@pytest.mark.parametrize(
    ("new", "old", "refusal"),
    [
        (
            pod({}, {}),
            pod({"cpu": "1"}),
            ("spec.containers[0].resources.requests", "resource requests cannot be removed"),
        ),
        (
            pod({"cpu": "1"}),
            pod({"cpu": "1"}, {"cpu": "2"}),
            ("spec.containers[0].resources.limits", "resource limits cannot be removed"),
        ),
        (
            pod({"cpu": "1", "memory": "1"}, {"cpu": "1", "memory": "1"}),
            pod({"cpu": "1", "memory": "1"}, {"cpu": "2", "memory": "1"}),
            ("spec", "Pod QOS Class may not change as a result of resizing"),
        ),
        (
            pod({"cpu": "1", "ephemeral-storage": "2Gi"}),
            pod({"cpu": "1", "ephemeral-storage": "1Gi"}),
            ("spec", "only cpu and memory resources are mutable"),
        ),
        (
            pod({"cpu": "2"}),
            pod({"cpu": "1"}, metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}),
            ("", "static pods cannot be resized"),
        ),
    ],
)
def test_it_is_refused_in_upstreams_words(new: Pod, old: Pod, refusal: tuple[str, str]) -> None:
    assert refusal in refusals(new, old)


def test_containers_stay_who_and_where_they_are() -> None:
    def named(*names: str) -> Pod:
        return pod({}, containers=[{"name": name, "image": "i"} for name in names])

    detail = "containers may not be renamed or reordered on resize"
    both = [("spec.containers[0].name", detail), ("spec.containers[1].name", detail)]
    assert refusals(named("b", "a"), named("a", "b")) == both
    assert refusals(named("c", "d"), named("a", "b")) == both
    missing = [("spec.containers", "containers may not be added or removed on resize")]
    assert refusals(named("a"), named("a", "b")) == missing
