"""HorizontalPodAutoscalers: defaults, validation, what v1 shows of them; how they and measurements are listed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api import codec, defaults, discovery, scheme, tables, validation
from api.autoscaler_conversion import to_v1, to_v2
from api.types import AutoscalingV1HorizontalPodAutoscaler, HorizontalPodAutoscaler, NodeMetrics, PodMetrics

NOW = 1_700_000_000.0
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}
MEMORY = {
    "type": "Resource",
    "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "50Mi"}},
}


def autoscaler(**spec: Any) -> HorizontalPodAutoscaler:
    tree = {
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"scaleTargetRef": TARGET, "maxReplicas": 5, **spec},
    }
    return defaults.apply(codec.from_tree(HorizontalPodAutoscaler, tree))


def problems(**spec: Any) -> list[str]:
    return [f"{error.field}: {error.detail}" for error in validation.create(autoscaler(**spec))]


def test_the_default_is_eighty_percent_of_the_cpu_asked_for() -> None:
    spec = codec.to_tree(autoscaler())["spec"]
    assert spec["minReplicas"] == 1
    target = {"type": "Utilization", "averageUtilization": 80}
    assert spec["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    assert "behavior" not in spec


def test_who_says_something_about_behavior_is_told_the_rest() -> None:
    spec = codec.to_tree(autoscaler(behavior={"scaleDown": {"selectPolicy": "Min"}}))["spec"]
    doubling = {"type": "Percent", "value": 100, "periodSeconds": 15}
    assert spec["behavior"] == {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, doubling],
        },
        "scaleDown": {"selectPolicy": "Min", "policies": [doubling]},
    }


def resource(**target: Any) -> list[dict[str, Any]]:
    return [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"minReplicas": 0}, "spec.minReplicas: must be greater than or equal to 1"),
        ({"minReplicas": 9}, "spec.maxReplicas: must be greater than or equal to `minReplicas`"),
        ({"scaleTargetRef": {"name": "web"}}, "spec.scaleTargetRef.kind: "),
        ({"scaleTargetRef": {"kind": "Deployment", "name": "a/b"}}, "spec.scaleTargetRef.name: may not contain '/'"),
        ({"metrics": [{}]}, "spec.metrics[0].type: must specify a metric source type"),
        (
            {"metrics": [{"type": "Pods"}]},
            "spec.metrics[0].pods: must populate information for the given metric source",
        ),
        (
            {
                "metrics": [
                    {**MEMORY, "type": "Resource", "pods": {"metric": {"name": "x"}, "target": {"type": "Value"}}}
                ]
            },
            "spec.metrics[0].pods: must populate the given metric source only",
        ),
        (
            {"metrics": resource(type="Utilization")},
            "spec.metrics[0].resource.target.averageUtilization: "
            "must set either a target raw value or a target utilization",
        ),
        (
            {"metrics": resource(type="Utilization", averageUtilization=0)},
            "spec.metrics[0].resource.target.averageUtilization: must be greater than 0",
        ),
        (
            {"metrics": resource(type="AverageValue", averageValue="1", averageUtilization=1)},
            "spec.metrics[0].resource.target.averageValue: "
            "may not set both a target raw value and a target utilization",
        ),
        (
            {"metrics": resource(type="Much", averageUtilization=1)},
            "spec.metrics[0].resource.target.type: must be either Utilization, Value, or AverageValue",
        ),
        (
            {"behavior": {"scaleUp": {"stabilizationWindowSeconds": 3601}}},
            "spec.behavior.scaleUp.stabilizationWindowSeconds: must be less than or equal to 3600",
        ),
        (
            {"behavior": {"scaleDown": {"policies": [{"type": "Pods", "value": 0, "periodSeconds": 15}]}}},
            "spec.behavior.scaleDown.policies[0].value: must be greater than zero",
        ),
        (
            {"behavior": {"scaleDown": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 1801}]}}},
            "spec.behavior.scaleDown.policies[0].periodSeconds: must be less than or equal to 1800",
        ),
    ],
)
def test_what_is_refused(spec: dict[str, Any], expected: str) -> None:
    assert expected in problems(**spec)


def test_what_is_right_passes() -> None:
    assert problems(metrics=[CPU, MEMORY], behavior={"scaleUp": {"selectPolicy": "Disabled"}}) == []


def test_v1_shows_the_target_for_cpu_and_keeps_the_rest_in_annotations() -> None:
    shown = to_v1(autoscaler(metrics=[CPU, MEMORY], behavior={"scaleDown": {"stabilizationWindowSeconds": 5}}))
    assert shown.spec.target_cpu_utilization_percentage == 60
    annotations = shown.metadata.annotations
    assert json.loads(annotations["autoscaling.alpha.kubernetes.io/metrics"]) == [
        {"type": "Resource", "resource": {"name": "memory", "targetAverageValue": "50Mi"}}
    ]
    told = json.loads(annotations["autoscaling.alpha.kubernetes.io/behavior"])
    assert told["ScaleDown"]["StabilizationWindowSeconds"] == 5


@pytest.mark.parametrize(
    "metric",
    [
        CPU,
        MEMORY,
        {"type": "ContainerResource", "containerResource": {**MEMORY["resource"], "container": "app"}},
        {
            "type": "Pods",
            "pods": {
                "metric": {"name": "requests", "selector": {"matchLabels": {"a": "b"}}},
                "target": {"type": "AverageValue", "averageValue": "10"},
            },
        },
        {
            "type": "Object",
            "object": {
                "describedObject": TARGET,
                "metric": {"name": "requests"},
                "target": {"type": "Value", "value": "10"},
            },
        },
        {
            "type": "External",
            "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "3"}},
        },
    ],
)
def test_nothing_is_lost_by_way_of_v1(metric: dict[str, Any]) -> None:
    given = autoscaler(metrics=[metric], behavior={"scaleUp": {"selectPolicy": "Min"}})
    assert defaults.apply(to_v2(to_v1(given))) == given


def test_an_autoscaler_of_v1_is_stored_with_its_cpu_target() -> None:
    tree = {
        "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": TARGET, "maxReplicas": 3, "targetCPUUtilizationPercentage": 60},
    }
    stored = defaults.apply(to_v2(codec.from_tree(AutoscalingV1HorizontalPodAutoscaler, tree)))
    assert codec.to_tree(stored)["spec"]["metrics"] == [CPU]
    assert stored.spec.min_replicas == 1


def test_an_autoscaler_of_v1_without_a_target_gets_the_default() -> None:
    tree = {"metadata": {"name": "web"}, "spec": {"scaleTargetRef": TARGET, "maxReplicas": 5}}
    assert to_v2(codec.from_tree(AutoscalingV1HorizontalPodAutoscaler, tree)).spec == autoscaler().spec


def test_annotations_that_are_none_of_v1s_are_passed_over() -> None:
    shown = to_v1(autoscaler())
    odd = {"autoscaling.alpha.kubernetes.io/metrics": "{", "autoscaling.alpha.kubernetes.io/behavior": '{"ScaleUp":7}'}
    tree = codec.to_tree(shown)
    tree["metadata"]["annotations"] = odd
    back = to_v2(codec.from_tree(AutoscalingV1HorizontalPodAutoscaler, tree))
    assert (len(back.spec.metrics), back.spec.behavior) == (1, None)


def test_v2_is_preferred_and_v1_is_there() -> None:
    assert discovery.group("autoscaling")["preferredVersion"]["version"] == "v2"
    assert discovery.versions("autoscaling") == ["v2", "v1"]
    assert scheme.by_path("autoscaling", "v1", "horizontalpodautoscalers").registry_name == (
        "horizontalpodautoscalers.autoscaling/v1"
    )


def test_measurements_are_discovered_but_not_stored() -> None:
    (nodes, pods) = discovery.resource_list("metrics.k8s.io", "v1beta1")["resources"]
    assert [(each["name"], each["kind"], each["verbs"]) for each in (nodes, pods)] == [
        ("nodes", "NodeMetrics", ["get", "list"]),
        ("pods", "PodMetrics", ["get", "list"]),
    ]
    assert "storageVersionHash" not in nodes
    assert not scheme.of(NodeMetrics).persistent
    assert scheme.find("nodes").group == ""


def cells(record: Any) -> list[Any]:
    return tables.render(scheme.of(record), [record], NOW)["rows"][0]["cells"]


def test_how_autoscalers_are_listed() -> None:
    given = autoscaler(metrics=[CPU, MEMORY, CPU])
    assert cells(given)[1:6] == [
        "Deployment/web", "cpu: <unknown>/60%, memory: <unknown>/50Mi + 1 more...", "1", "5", "0"
    ]  # fmt: skip
    current = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 30}}}
    tree = codec.to_tree(autoscaler(metrics=[CPU])) | {"status": {"currentMetrics": [current], "desiredReplicas": 1}}
    measured = codec.from_tree(HorizontalPodAutoscaler, tree)
    assert cells(measured)[2] == "cpu: 30%/60%"
    assert cells(to_v1(measured))[2] == "cpu: 30%/60%"


def test_how_measurements_are_listed() -> None:
    containers = [{"name": name, "usage": {"cpu": "1500000n", "memory": "1Mi"}} for name in ("a", "b")]
    pod = codec.from_tree(PodMetrics, {"metadata": {"name": "web"}, "window": "15s", "containers": containers})
    assert cells(pod) == ["web", "3m", "2Mi", "15s"]
