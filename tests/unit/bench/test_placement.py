"""The slow checker sees each kind of wrong placement, and nothing wrong in a right one."""

from __future__ import annotations

from typing import Any

import pytest

from bench.placement import quantity, violations

Tree = dict[str, Any]


def node(name: str, zone: str = "a", **spec: Any) -> Tree:
    labels = {"kubernetes.io/hostname": name, "zone": zone}
    status = {"allocatable": {"cpu": "2", "memory": "1Gi", "pods": "3"}}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status}


def pod(name: str, on: str, cpu: str = "500m", ports: tuple[int, ...] = (), **spec: Any) -> Tree:
    container = {
        "name": "main",
        "resources": {"requests": {"cpu": cpu}},
        "ports": [{"hostPort": port, "containerPort": port} for port in ports],
    }
    metadata = {"name": name, "namespace": "default", "labels": {"app": "web"}}
    return {"metadata": metadata, "spec": {"nodeName": on, "containers": [container], **spec}}


def term(key: str) -> Tree:
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": "web"}}}


def required(kind: str, key: str) -> Tree:
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term(key)]}}


SPREAD = [
    {"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", **term("zone")},
]
APART = required("podAntiAffinity", "kubernetes.io/hostname")
TOGETHER = required("podAffinity", "zone")
ELSEWHERE: Tree = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}]
        }
    }
}
NODES = [node("n1", "a"), node("n2", "b")]


@pytest.mark.parametrize(
    ("pods", "word"),
    [
        ([pod("p", "n3")], "no node"),
        ([pod("p", "n1", "1500m"), pod("q", "n1", "600m")], "of cpu"),
        ([pod(str(number), "n1", "1m") for number in range(4)], "of pods"),
        ([pod("p", "n1", nodeSelector={"zone": "b"})], "selects"),
        ([pod("p", "n1", affinity=ELSEWHERE)], "node affinity"),
        ([pod("p", "n1", ports=(80,)), pod("q", "n1", ports=(80,))], "host port"),
        ([pod("p", "n1", affinity=APART), pod("q", "n1")], "anti-affinity"),
        ([pod("p", "n1", topologySpreadConstraints=SPREAD), pod("q", "n1")], "unevenly"),
    ],
)
def test_a_wrong_placement_is_seen(pods: list[Tree], word: str) -> None:
    found = violations(NODES, pods)
    assert len(found) == 1
    assert word in found[0]


def test_a_pod_its_affinity_leaves_alone_is_seen() -> None:
    lonely = pod(
        "p",
        "n1",
        affinity={
            "podAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "db"}}}
                ]
            }
        },
    )
    assert "in no zone" in violations(NODES, [lonely])[0]


def test_a_taint_that_drives_away_is_seen() -> None:
    tainted = [node("n1", taints=[{"key": "bad", "effect": "NoExecute"}])]
    assert "does not tolerate" in violations(tainted, [pod("p", "n1")])[0]
    assert violations(tainted, [pod("p", "n1", tolerations=[{"operator": "Exists"}])]) == []


def test_nothing_is_wrong_with_a_right_placement() -> None:
    pods = [
        pod("p", "n1", affinity={**APART, **TOGETHER}, topologySpreadConstraints=SPREAD, ports=(80,)),
        pod("q", "n2", affinity={**APART, **TOGETHER}, topologySpreadConstraints=SPREAD, ports=(80,)),
    ]
    assert violations(NODES, pods) == []
    assert violations(NODES, [{**pod("p", "n1", "64"), "status": {"phase": "Succeeded"}}]) == []


@pytest.mark.parametrize(
    ("text", "value"), [("500m", 0.5), ("2", 2), ("1Ki", 1024), ("3k", 3000), ("1.5Gi", 1.5 * 2**30)]
)
def test_quantities(text: str, value: float) -> None:
    assert quantity(text) == value
