"""What objects count for, and towards which quotas."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, scheme, timestamps
from api.quota import scopes, usage
from api.quota.amounts import text
from api.types import ResourceQuotaSpec

NOW = timestamps.parse("2026-01-01T00:10:00Z")


def record(word: str, **tree: Any) -> Any:
    return codec.from_tree(scheme.find(word).record, {"metadata": {"name": "it", "namespace": "d"}, **tree})


def counted(word: str, **tree: Any) -> dict[str, str]:
    found = usage.usage(scheme.find(word), record(word, **tree), NOW)
    return {name: text(name, amount) for name, amount in found.items()}


def container(name: str = "c", **resources: Any) -> dict[str, Any]:
    return {"name": name, "image": "i", "resources": resources}


def test_a_pod_counts_for_itself_and_what_it_needs_at_its_largest_moment() -> None:
    spec = {
        "containers": [container(requests={"cpu": "100m", "memory": "128Mi"}, limits={"cpu": "1", "x.io/gpu": "2"})],
        "initContainers": [container("i", requests={"cpu": "300m", "x.io/gpu": "2"})],
        "overhead": {"cpu": "50m"},
    }
    assert counted("pods", spec=spec) == {
        "count/pods": "1",
        "pods": "1",
        "cpu": "350m",
        "requests.cpu": "350m",
        "limits.cpu": "1050m",
        "memory": "128Mi",
        "requests.memory": "128Mi",
        "requests.x.io/gpu": "2",
    }


@pytest.mark.parametrize(
    ("metadata", "phase", "counts"),
    [
        ({}, "Running", True),
        ({}, "Succeeded", False),
        ({}, "Failed", False),
        ({"deletionTimestamp": "2026-01-01T00:09:50Z", "deletionGracePeriodSeconds": 30}, "Running", True),
        ({"deletionTimestamp": "2026-01-01T00:09:00Z", "deletionGracePeriodSeconds": 30}, "Running", False),
    ],
)
def test_pods_that_have_ended_exist_but_take_nothing(metadata: dict[str, Any], phase: str, counts: bool) -> None:
    spec = {"containers": [container(requests={"cpu": "1"})]}
    found = counted("pods", metadata={"name": "it", **metadata}, spec=spec, status={"phase": phase})
    assert found["count/pods"] == "1"
    assert ("pods" in found, "requests.cpu" in found) == (counts, counts)


def test_services_claims_and_plain_objects() -> None:
    ports = [{"port": 80}, {"port": 81}]
    assert counted("services", spec={"type": "LoadBalancer", "ports": ports}) == {
        "count/services": "1",
        "services": "1",
        "services.nodeports": "2",
        "services.loadbalancers": "1",
    }
    assert "services.nodeports" not in counted("services", spec={"type": "ClusterIP", "ports": ports})
    claim = {"storageClassName": "gold", "resources": {"requests": {"storage": "1Gi"}}}
    assert counted("pvc", spec=claim) == {
        "count/persistentvolumeclaims": "1",
        "persistentvolumeclaims": "1",
        "requests.storage": "1Gi",
        "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
        "gold.storageclass.storage.k8s.io/requests.storage": "1Gi",
    }
    assert counted("configmaps") == {"count/configmaps": "1", "configmaps": "1"}
    assert counted("deployments") == {"count/deployments.apps": "1"}


def test_which_names_a_kind_counts_for() -> None:
    names = {"pods", "count/pods", "secrets", "requests.storage", "requests.x.io/gpu", "count/deployments.apps"}
    assert usage.tracked(scheme.find("pods"), names) == {"pods", "count/pods", "requests.x.io/gpu"}
    assert usage.tracked(scheme.find("deployments"), names) == {"count/deployments.apps"}
    assert usage.tracked(scheme.find("pvc"), names) == {"requests.storage"}
    assert not usage.is_counted(scheme.by_path("", "v1", "events"))
    assert not usage.is_counted(scheme.find("nodes"))


def test_what_must_be_said_so_that_it_can_be_counted() -> None:
    pod = record("pods", spec={"containers": [container("a", requests={"cpu": "1"}), container("b")]})
    said = usage.missing_requirements(scheme.find("pods"), pod, ["requests.cpu", "limits.memory", "pods"])
    assert said == "must specify limits.memory for: a,b; requests.cpu for: b"
    assert usage.missing_requirements(scheme.find("pods"), pod, ["pods"]) == ""


@pytest.mark.parametrize(
    ("scope", "spec", "inside"),
    [
        ("Terminating", {"activeDeadlineSeconds": 5}, True),
        ("Terminating", {}, False),
        ("NotTerminating", {}, True),
        ("BestEffort", {}, True),
        ("NotBestEffort", {}, False),
        ("PriorityClass", {"priorityClassName": "high"}, True),
        ("PriorityClass", {}, False),
        ("CrossNamespacePodAffinity", {}, False),
        (
            "CrossNamespacePodAffinity",
            {
                "affinity": {
                    "podAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": [
                            {"topologyKey": "zone", "namespaceSelector": {}}
                        ]
                    }
                }
            },
            True,
        ),
    ],
)
def test_scopes_of_pods(scope: str, spec: dict[str, Any], inside: bool) -> None:
    pod = record("pods", spec={"containers": [container()], **spec})
    assert scopes.matches(ResourceQuotaSpec(scopes=[scope]), scheme.find("pods"), pod) is inside


@pytest.mark.parametrize(("operator", "inside"), [("In", True), ("NotIn", False), ("Exists", True)])
def test_scope_selectors_ask_for_values(operator: str, inside: bool) -> None:
    pod = record("pods", spec={"containers": [container()], "priorityClassName": "high"})
    values = ["high", "low"] if operator != "Exists" else []
    tree = {
        "scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": operator, "values": values}]}
    }
    spec = codec.from_tree(ResourceQuotaSpec, tree)
    assert scopes.matches(spec, scheme.find("pods"), pod) is inside
    assert not scopes.matches(spec, scheme.find("configmaps"), record("configmaps"))
