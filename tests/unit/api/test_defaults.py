"""Defaults against what a real API server answered for minimal objects."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from api import codec, defaults, scheme
from api import types as t
from api.errors import BadRequest

CASES = json.loads((Path(__file__).parent / "cases" / "defaults.json").read_text())


def defaulted(tree: dict[str, Any]) -> dict[str, Any]:
    resource = scheme.by_kind(tree["apiVersion"], tree["kind"])
    return codec.to_tree(defaults.apply(codec.from_tree(resource.record, tree)))


def pod(spec: dict[str, Any]) -> dict[str, Any]:
    spec.setdefault("containers", [{"name": "c", "image": "a"}])
    return defaulted({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})["spec"]


def service(spec: dict[str, Any]) -> dict[str, Any]:
    return defaulted({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec})["spec"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['given']['kind']}-{case['given']['metadata']['name']}")
def test_minimal_objects(case: dict[str, Any]) -> None:
    assert defaulted(case["given"]) == case["defaulted"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['given']['kind']}-{case['given']['metadata']['name']}")
def test_defaulting_twice_changes_nothing(case: dict[str, Any]) -> None:
    resource = scheme.by_kind(case["given"]["apiVersion"], case["given"]["kind"])
    once = defaults.apply(codec.from_tree(resource.record, case["given"]))
    assert defaults.apply(once) is once


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("busybox", "Always"),
        ("busybox:latest", "Always"),
        ("busybox:1.36", "IfNotPresent"),
        ("registry:5000/busybox", "Always"),
        ("registry:5000/busybox:1", "IfNotPresent"),
        ("busybox@sha256:" + "a" * 64, "IfNotPresent"),
        ("busybox:latest@sha256:" + "a" * 64, "IfNotPresent"),
    ],
)
def test_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    assert pod({"containers": [{"name": "c", "image": image}]})["containers"][0]["imagePullPolicy"] == policy


def test_requests_follow_limits_only_where_missing_and_only_in_pods() -> None:
    resources = {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "100m"}}
    containers = [{"name": "c", "image": "a", "resources": resources}]
    spec = pod({"containers": containers})
    assert spec["containers"][0]["resources"]["requests"] == {"cpu": "100m", "memory": "1Gi"}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": {"template": template}}
    in_template = defaulted(deployment)["spec"]["template"]["spec"]
    assert in_template["containers"][0]["resources"]["requests"] == {"cpu": "100m"}
    assert "enableServiceLinks" not in in_template


def test_negative_grace_is_one_second_in_pods_alone() -> None:
    spec = {"containers": [{"name": "c", "image": "a"}], "terminationGracePeriodSeconds": -1}
    assert pod(dict(spec))["terminationGracePeriodSeconds"] == 1
    template = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {}, "template": {"spec": spec}}
    assert defaulted(template)["template"]["spec"]["terminationGracePeriodSeconds"] == -1


def test_what_is_set_is_kept() -> None:
    spec = pod(
        {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "enableServiceLinks": False,
            "containers": [
                {
                    "name": "c",
                    "image": "a",
                    "imagePullPolicy": "Never",
                    "livenessProbe": {"exec": {"command": ["x"]}, "periodSeconds": 3},
                }
            ],
        }
    )
    assert (spec["restartPolicy"], spec["terminationGracePeriodSeconds"]) == ("Never", 0)
    assert spec["enableServiceLinks"] is False
    assert spec["containers"][0]["imagePullPolicy"] == "Never"
    assert spec["containers"][0]["livenessProbe"]["periodSeconds"] == 3


@pytest.mark.parametrize("given", [{"serviceAccountName": "x"}, {"serviceAccount": "x"}])
def test_both_names_of_the_service_account_agree(given: dict[str, Any]) -> None:
    spec = pod(given)
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("x", "x")


def test_volumes() -> None:
    spec = pod(
        {
            "volumes": [
                {"name": "bare"},
                {"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
                {"name": "disk", "azureDisk": {"diskName": "d", "diskURI": "u"}},
                {"name": "image", "image": {"reference": "a:1"}},
            ]
        }
    )
    bare, token, disk, image = spec["volumes"]
    assert bare == {"name": "bare", "emptyDir": {}}
    assert token["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"] == 3600
    assert disk["azureDisk"]["cachingMode"] == "ReadWrite"
    assert image["image"]["pullPolicy"] == "IfNotPresent"


def test_grpc_probes_and_environment() -> None:
    env = [{"name": "X", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]
    spec = pod({"containers": [{"name": "c", "image": "a", "env": env, "startupProbe": {"grpc": {"port": 5}}}]})
    container = spec["containers"][0]
    assert container["startupProbe"]["grpc"] == {"port": 5, "service": ""}
    assert container["env"][0]["valueFrom"]["resourceFieldRef"] == {"resource": "limits.cpu", "divisor": "0"}


def test_service_ports_and_policies() -> None:
    spec = service({"ports": [{"port": 80, "targetPort": "web"}, {"port": 81}], "externalIPs": ["1.2.3.4"]})
    assert [port["targetPort"] for port in spec["ports"]] == ["web", 81]
    assert spec["externalTrafficPolicy"] == "Cluster"
    assert "externalTrafficPolicy" not in service({"ports": [{"port": 80}]})
    assert service({"type": "NodePort", "ports": [{"port": 80}]})["externalTrafficPolicy"] == "Cluster"


def test_affinity_settings_go_when_affinity_goes() -> None:
    config = {"clientIP": {"timeoutSeconds": 5}}
    assert "sessionAffinityConfig" not in service({"sessionAffinity": "None", "sessionAffinityConfig": config})
    kept = service({"sessionAffinity": "ClientIP", "sessionAffinityConfig": config})
    assert kept["sessionAffinityConfig"] == config


def test_rolling_update_keeps_what_is_given() -> None:
    spec = {"strategy": {"rollingUpdate": {"maxSurge": 1}}, "template": {}}
    tree = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": spec}
    strategy = defaulted(tree)["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": "25%"}}


def test_string_data_wins_over_data() -> None:
    secret = t.Secret(data={"a": "b2xk", "b": "a2VlcA=="}, string_data={"a": "new"})
    applied = defaults.apply(secret)
    assert applied.data == {"a": base64.b64encode(b"new").decode(), "b": "a2VlcA=="}
    assert (applied.string_data, applied.type) == ({}, "Opaque")


def test_the_name_label_of_a_namespace_is_not_the_authors() -> None:
    meta = t.ObjectMeta(name="a", labels={"kubernetes.io/metadata.name": "b", "x": "y"})
    labels = defaults.apply(t.Namespace(metadata=meta)).metadata.labels
    assert labels == {"kubernetes.io/metadata.name": "a", "x": "y"}


def test_a_node_gives_all_it_has() -> None:
    node = defaults.apply(t.Node(status=t.NodeStatus(capacity={"cpu": "4000m"})))
    assert node.status.allocatable == {"cpu": "4"}
    own = t.NodeStatus(capacity={"cpu": "4"}, allocatable={"cpu": "3"})
    assert defaults.apply(t.Node(status=own)).status.allocatable == {"cpu": "3"}


def test_endpoint_slices_bindings_and_tokens() -> None:
    sliced = defaults.apply(t.EndpointSlice(ports=[t.EndpointSlicePort(port=80)]))
    assert (sliced.ports[0].name, sliced.ports[0].protocol) == ("", "TCP")
    subjects = [t.Subject(kind="Group", name="g"), t.Subject(kind="ServiceAccount", name="s")]
    binding = defaults.apply(t.ClusterRoleBinding(role_ref=t.RoleRef(name="r"), subjects=subjects))
    assert binding.role_ref.api_group == "rbac.authorization.k8s.io"
    assert [subject.api_group for subject in binding.subjects] == ["rbac.authorization.k8s.io", ""]
    assert defaults.apply(t.TokenRequest()).spec.expiration_seconds == 3600


def test_impossible_values_are_refused() -> None:
    node = t.Node(status=t.NodeStatus(capacity={"cpu": "lots"}))
    with pytest.raises(BadRequest, match="quantities must match"):
        defaults.apply(node)
