"""What a node refuses to run."""

from __future__ import annotations

from typing import Any

import pytest

from api.types import Pod, Taint
from kubelet.pods.admission import NodeFacts, Rejection, admit
from tests.support.kubelet import container, pod

NODE = NodeFacts(
    name="node-1",
    labels={"disk": "ssd", "size": "5"},
    taints=[],
    allocatable={"cpu": "2", "memory": "1Gi", "pods": "3"},
)


def asking(port: int = 0, ip: str = "", **requests: str) -> Pod:
    ports = [{"containerPort": 80, "hostPort": port, "hostIP": ip, "protocol": "TCP"}] if port else []
    return pod(container(resources={"requests": requests}, ports=ports))


def test_a_pod_that_fits_is_admitted() -> None:
    assert admit(asking(cpu="500m"), [asking(cpu="1500m")], NODE) is None


@pytest.mark.parametrize(
    ("wanted", "others", "expected"),
    [
        (
            asking(cpu="600m"),
            [asking(cpu="1500m")],
            Rejection("OutOfcpu", "Node didn't have enough resource: cpu, requested: 600, used: 1500, capacity: 2000"),
        ),
        (
            asking(memory="2Gi"),
            [],
            Rejection(
                "OutOfmemory",
                "Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824",
            ),
        ),
        (
            asking(),
            [asking(), asking(), asking()],
            Rejection("OutOfpods", "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3"),
        ),
    ],
)
def test_a_pod_that_does_not_fit_is_refused(wanted: Pod, others: list[Pod], expected: Rejection) -> None:
    assert admit(wanted, others, NODE) == expected


def test_a_resource_the_node_does_not_know_is_not_the_nodes_to_refuse() -> None:
    assert admit(asking(**{"example.com/gpu": "1"}), [], NODE) is None


def affinity(*expressions: dict[str, Any]) -> dict[str, Any]:
    terms = [{"matchExpressions": list(expressions)}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


@pytest.mark.parametrize(
    ("spec", "admitted"),
    [
        ({"nodeSelector": {"disk": "ssd"}}, True),
        ({"nodeSelector": {"disk": "hdd"}}, False),
        ({"affinity": affinity({"key": "disk", "operator": "In", "values": ["hdd", "ssd"]})}, True),
        ({"affinity": affinity({"key": "disk", "operator": "NotIn", "values": ["ssd"]})}, False),
        ({"affinity": affinity({"key": "nope", "operator": "NotIn", "values": ["x"]})}, True),
        ({"affinity": affinity({"key": "disk", "operator": "Exists"})}, True),
        ({"affinity": affinity({"key": "disk", "operator": "DoesNotExist"})}, False),
        ({"affinity": affinity({"key": "size", "operator": "Gt", "values": ["4"]})}, True),
        ({"affinity": affinity({"key": "size", "operator": "Lt", "values": ["4"]})}, False),
        ({"affinity": affinity({"key": "disk", "operator": "Gt", "values": ["4"]})}, False),
    ],
)
def test_node_selector_and_affinity(spec: dict[str, Any], admitted: bool) -> None:
    rejection = admit(pod(**spec), [], NODE)
    assert (rejection is None) is admitted
    assert rejection is None or rejection.reason == "NodeAffinity"


@pytest.mark.parametrize(
    ("mine", "theirs", "admitted"),
    [
        (asking(8080), asking(8081), True),
        (asking(8080), asking(8080), False),
        (asking(8080, "127.0.0.1"), asking(8080), False),
        (asking(8080, "127.0.0.1"), asking(8080, "127.0.0.2"), True),
    ],
)
def test_host_ports(mine: Pod, theirs: Pod, admitted: bool) -> None:
    rejection = admit(mine, [theirs], NODE)
    assert (rejection is None) is admitted
    assert rejection is None or rejection.reason == "NodePorts"


def test_taints_that_evict_refuse_unless_tolerated() -> None:
    node = NodeFacts("node-1", {}, [Taint(key="gone", effect="NoExecute"), Taint(key="x", effect="NoSchedule")], {})
    rejection = admit(pod(), [], node)
    assert rejection is not None
    assert rejection.reason == "TaintToleration"
    assert admit(pod(tolerations=[{"key": "gone", "operator": "Exists"}]), [], node) is None


def test_another_operating_system_is_refused() -> None:
    rejection = admit(pod(os={"name": "windows"}), [], NODE)
    assert rejection is not None
    assert rejection.reason == "PodOSNotSupported"


def test_forbidden_sysctls_are_refused() -> None:
    owner = pod(securityContext={"sysctls": [{"name": "net.core.somaxconn", "value": "1"}]})
    rejection = admit(owner, [], NODE)
    assert rejection is not None
    assert rejection.reason == "SysctlForbidden"
