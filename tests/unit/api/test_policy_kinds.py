"""Quotas, limit ranges, budgets, priority and runtime classes: what they mean unsaid, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, defaults, scheme, tables, validation

NAMED = {"name": "it", "namespace": "d"}


def record(word: str, tree: dict[str, Any]) -> Any:
    resource = scheme.find(word)
    metadata = {"name": "it", **({"namespace": "d"} if resource.namespaced else {}), **tree.pop("metadata", {})}
    return defaults.apply(codec.from_tree(resource.record, {"metadata": metadata, **tree}))


def problems(word: str, tree: dict[str, Any]) -> list[str]:
    return [str(error) for error in validation.create(record(word, tree))]


def limit_range(**item: Any) -> dict[str, Any]:
    return {"spec": {"limits": [item]}}


def test_limits_follow_from_each_other_for_containers_only() -> None:
    filled = record("limits", limit_range(type="Container", max={"cpu": "2", "memory": "1Gi"}, min={"cpu": "50m"}))
    item = filled.spec.limits[0]
    assert item.default == {"cpu": "2", "memory": "1Gi"}
    assert item.default_request == {"cpu": "2", "memory": "1Gi"}
    assert record("limits", limit_range(type="Pod", max={"cpu": "2"})).spec.limits[0].default == {}
    low = record("limits", limit_range(type="Container", min={"cpu": "50m"})).spec.limits[0]
    assert (low.default, low.default_request) == ({}, {"cpu": "50m"})


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (
            {"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}, "default": {"cpu": "1"}},
            'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
        ),
        (
            {"type": "Pod", "default": {"cpu": "1"}},
            "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
        ),
        (
            {"type": "PersistentVolumeClaim"},
            "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, "
            "but neither was provided",
        ),
        (
            {"type": "Container", "maxLimitRequestRatio": {"cpu": "500m"}},
            'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1',
        ),
        (
            {"type": "Container", "defaultRequest": {"cpu": "3"}, "default": {"cpu": "2"}},
            'spec.limits[0].defaultRequest[cpu]: Invalid value: "3": default request value 3 is greater than '
            "default limit value 2",
        ),
        (
            {"type": "Shelf"},
            'spec.limits[0].type: Invalid value: "Shelf": must be a standard limit type or fully qualified',
        ),
    ],
)
def test_limit_ranges_that_contradict_themselves(item: dict[str, Any], expected: str) -> None:
    assert expected in problems("limits", limit_range(**item))


def test_a_sound_limit_range_and_a_repeated_type() -> None:
    item = {"type": "Container", "min": {"cpu": "10m"}, "max": {"cpu": "1"}, "maxLimitRequestRatio": {"cpu": "10"}}
    assert problems("limits", {"spec": {"limits": [item]}}) == []
    assert problems("limits", {"spec": {"limits": [item, item]}}) == [
        'spec.limits[1].type: Duplicate value: "Container"'
    ]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"hard": {"pods": "10", "requests.cpu": "2", "count/jobs.batch": "5", "requests.x.io/gpu": "1"}}, ""),
        ({"hard": {"gold.storageclass.storage.k8s.io/requests.storage": "5Gi", "hugepages-2Mi": "4Mi"}}, ""),
        (
            {"hard": {"houses": "1"}},
            'spec.hard[houses]: Invalid value: "houses": must be a standard resource for quota',
        ),
        ({"hard": {"pods": "-1"}}, 'spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0'),
        ({"hard": {"pods": "1500m"}}, 'spec.hard[pods]: Invalid value: "1500m": must be an integer'),
        ({"scopes": ["BestEffort", "NotBestEffort"]}, "conflicting scopes"),
        ({"scopes": ["Sometimes"]}, "unsupported scope"),
        ({"hard": {"requests.cpu": "1"}, "scopes": ["BestEffort"]}, "unsupported scope applied to resource"),
        (
            {"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In"}]}},
            "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        ),
        (
            {"scopeSelector": {"matchExpressions": [{"scopeName": "BestEffort", "operator": "DoesNotExist"}]}},
            "must be 'Exist' when scope is any of",
        ),
    ],
)
def test_quotas(spec: dict[str, Any], expected: str) -> None:
    found = problems("quota", {"spec": spec})
    assert any(expected in each for each in found) if expected else found == []


def test_the_scopes_of_a_quota_stay() -> None:
    old = record("quota", {"spec": {"hard": {"pods": "1"}, "scopes": ["BestEffort"]}})
    new = record("quota", {"spec": {"hard": {"pods": "2"}, "scopes": ["NotBestEffort"]}})
    assert [error.field for error in validation.update(new, old)] == ["spec.scopes"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"minAvailable": 1, "selector": {}}, []),
        ({"maxUnavailable": "25%"}, []),
        ({"minAvailable": -1}, ["spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"]),
        ({"minAvailable": "101%"}, ['spec.minAvailable: Invalid value: "101%": must not be greater than 100%']),
    ],
)
def test_budgets(spec: dict[str, Any], expected: list[str]) -> None:
    assert problems("pdb", {"spec": spec}) == expected


def test_a_budget_says_one_thing_only() -> None:
    (error,) = problems("pdb", {"spec": {"minAvailable": 1, "maxUnavailable": 1}})
    assert error.endswith("minAvailable and maxUnavailable cannot be both set")
    (error,) = problems("pdb", {"spec": {"unhealthyPodEvictionPolicy": "Never"}})
    assert error.startswith('spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values:')


def test_priority_classes() -> None:
    assert record("pc", {"value": 5}).preemption_policy == "PreemptLowerPriority"
    assert problems("pc", {"value": 1_000_000_001}) == [
        "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"
    ]
    (error,) = problems("pc", {"metadata": {"name": "system-own"}, "value": 5})
    assert error == (
        "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. "
        "error: system-own is not a known system priority class"
    )
    changed = validation.update(record("pc", {"value": 6, "preemptionPolicy": "Never"}), record("pc", {"value": 5}))
    assert [str(error) for error in changed] == [
        "value: Forbidden: may not be changed in an update.",
        'preemptionPolicy: Invalid value: "Never": field is immutable',
    ]


def test_runtime_classes() -> None:
    assert problems("runtimeclasses", {"handler": "runc"}) == []
    (error,) = problems("runtimeclasses", {"handler": "Run C"})
    assert error.startswith('handler: Invalid value: "Run C": a lowercase RFC 1123 label')
    tolerations = [{"key": "a", "operator": "Exists"}] * 2
    (error,) = problems("runtimeclasses", {"handler": "runc", "scheduling": {"tolerations": tolerations}})
    assert error.startswith("scheduling.tolerations[1]: Duplicate value")


def test_tables() -> None:
    quota = record("quota", {"status": {"hard": {"pods": "2", "limits.cpu": "3"}, "used": {"pods": "1"}}})
    (row,) = tables.render(scheme.find("quota"), [quota], 0.0)["rows"]
    assert row["cells"][:3] == ["it", "pods: 1/2", "limits.cpu: 0/3"]
    budget = record("pdb", {"spec": {"minAvailable": "50%"}, "status": {"disruptionsAllowed": 2}})
    (row,) = tables.render(scheme.find("pdb"), [budget], 0.0)["rows"]
    assert row["cells"][:4] == ["it", "50%", "N/A", 2]
