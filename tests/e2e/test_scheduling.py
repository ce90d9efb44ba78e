"""Where pods go, and why they wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from tests.support.cluster import eventually
from tests.support.kube import Api, Space, Tree
from tests.support.manifests import container, deployment, pod

NODES = ("node-1", "node-2", "node-3")


def _hog(name: str, cpu: str, **spec: object) -> Tree:
    return pod(name, container(resources={"requests": {"cpu": cpu}}), **spec)  # type: ignore[arg-type]


def _unschedulable(tree: Tree) -> str:
    """The scheduler's message while a pod waits for a node."""
    for condition in tree["status"].get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            assert condition["reason"] == "Unschedulable"
            return str(condition["message"])
    return ""


def _waits(space: Space, name: str, message: str) -> None:
    # The scheduler may have tried before it knew of all that keeps the pod off; then it tries again.
    tree = space.wait(f"unschedulable: {message}", "pods", name, lambda tree: _unschedulable(tree) == message)
    assert tree["status"]["phase"] == "Pending"
    assert "nodeName" not in tree["spec"]


def _three_of_four(tree: Tree) -> bool:
    """All pods of a deployment are made, and all but one are available."""
    return (tree["status"].get("replicas"), tree["status"].get("availableReplicas")) == (4, 3)


def _scheduler_sees(space: Space, reason: str, nodes: Sequence[str]) -> None:
    """Wait until the scheduler would refuse these nodes for this reason, and no others, to a pod that has run."""
    space.create(pod("probe", container("true"), restartPolicy="Never", nodeName=NODES[0]))
    command = ("explain-scheduling", "probe", "--namespace", space.name)

    def refused() -> list[str]:
        lines = space.cluster.podling(*command).stdout.splitlines()
        return [line.split()[0] for line in lines if line.startswith("node-") and reason in line]

    what = f"the scheduler refuses {nodes}: {reason}"
    eventually(what, lambda: refused() == list(nodes), state=lambda: str(refused()))


@pytest.fixture
def labelled(admin: Api) -> Iterator[str]:
    """Label and taint nodes, by merge patches that are taken back."""
    yield "e2e"
    for node in NODES:
        patch = {"metadata": {"labels": {"e2e": None}}, "spec": {"taints": None}}
        admin.call("PATCH", f"/api/v1/nodes/{node}", patch, "application/merge-patch+json")


def test_too_little_cpu_then_enough(space: Space) -> None:
    cpus = [int(space.get("nodes", node)["status"]["allocatable"]["cpu"]) for node in NODES]
    assert len(set(cpus)) == 1
    most = f"{cpus[0] * 1000 - 100}m"
    space.create(*(_hog(f"hog-{node}", most) for node in NODES))
    trees = space.wait_running(*(f"hog-{node}" for node in NODES))
    assert {tree["spec"]["nodeName"] for tree in trees} == set(NODES)
    space.create(_hog("late", "500m"))
    message = "0/3 nodes are available: 3 Insufficient cpu."
    preemption = "preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod."
    _waits(space, "late", f"{message} {preemption}")
    event = space.wait_event("FailedScheduling", "late", message=f"{message} {preemption}")
    assert event["type"] == "Warning"
    assert event["source"]["component"] == "default-scheduler"
    space.delete("pods", "hog-node-2")
    [tree] = space.wait_running("late")
    assert tree["spec"]["nodeName"] == trees[1]["spec"]["nodeName"]


def test_node_selector_and_affinity(space: Space, labelled: str) -> None:
    space.create(pod("selective", nodeSelector={labelled: "yes"}))
    _waits(
        space,
        "selective",
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. "
        "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
    )
    space.merge("nodes", "node-3", {"metadata": {"labels": {labelled: "yes"}}})
    assert space.wait_running("selective")[0]["spec"]["nodeName"] == "node-3"
    names = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["node-1", "node-3"]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [names]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    space.create(pod("affine", affinity=affinity))
    assert space.wait_running("affine")[0]["spec"]["nodeName"] == "node-2"
    preferred = [{"weight": 100, "preference": {"matchExpressions": [{"key": labelled, "operator": "Exists"}]}}]
    wishes = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    space.create(*(pod(f"wishing-{number}", affinity=wishes) for number in range(3)))
    trees = space.wait_running(*(f"wishing-{number}" for number in range(3)))
    assert {tree["spec"]["nodeName"] for tree in trees} == {"node-3"}


def test_taints_and_tolerations(space: Space, labelled: str) -> None:
    taint = {"key": labelled, "value": "yes", "effect": "NoSchedule"}
    for node in NODES:
        space.merge("nodes", node, {"spec": {"taints": [taint]}})
    _scheduler_sees(space, "untolerated taint", NODES)
    space.create(pod("intolerant"))
    _waits(
        space,
        "intolerant",
        "0/3 nodes are available: 3 node(s) had untolerated taint(s). "
        "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
    )
    space.create(pod("tolerant", tolerations=[{"key": labelled, "operator": "Exists"}]))
    space.wait_running("tolerant")
    space.merge("nodes", "node-1", {"spec": {"taints": None}})
    assert space.wait_running("intolerant")[0]["spec"]["nodeName"] == "node-1"
    # A pod that does not tolerate NoExecute is evicted, one that does for a time is later.
    timed = [{"key": labelled, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}]
    space.create(pod("timed", tolerations=[*timed], nodeName="node-1"))
    space.wait_running("timed")
    space.merge("nodes", "node-1", {"spec": {"taints": [{"key": labelled, "effect": "NoExecute"}]}})
    space.gone("pods", "intolerant")
    space.gone("pods", "timed")
    assert space.get("pods", "tolerant")["metadata"].get("deletionTimestamp") is None


def test_apart_and_together(space: Space) -> None:
    selector = {"labelSelector": {"matchLabels": {"app": "apart"}}, "topologyKey": "kubernetes.io/hostname"}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [selector]}}
    space.create(deployment("apart", container(), replicas=4, affinity=apart))
    space.wait("on every node", "deployments", "apart", _three_of_four)
    placed = [tree["spec"].get("nodeName") for tree in space.list("pods", "app=apart")]
    assert Counter(placed) == Counter([*NODES, None])
    [waiting] = [tree for tree in space.list("pods", "app=apart") if "nodeName" not in tree["spec"]]
    _waits(
        space,
        waiting["metadata"]["name"],
        "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules. "
        "preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.",
    )
    together = {
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {**selector, "labelSelector": {"matchLabels": {"app": "leader"}}}
            ]
        }
    }
    space.create(pod("leader", nodeName="node-2"))
    space.wait_running("leader")
    space.create(deployment("follower", container(), replicas=3, affinity=together))
    space.wait_deployment("follower")
    assert {tree["spec"]["nodeName"] for tree in space.list("pods", "app=follower")} == {"node-2"}


def test_spread(space: Space) -> None:
    constraint = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "spread"}},
    }
    space.create(deployment("spread", container(), replicas=6, topologySpreadConstraints=[constraint]))
    space.wait_deployment("spread")
    counts = Counter(tree["spec"]["nodeName"] for tree in space.list("pods", "app=spread"))
    assert counts == dict.fromkeys(NODES, 2)
    # Without being told, replicas spread too.
    space.create(deployment("plain", container(), replicas=3))
    space.wait_deployment("plain")
    assert {tree["spec"]["nodeName"] for tree in space.list("pods", "app=plain")} == set(NODES)


def test_host_ports_do_not_collide(space: Space) -> None:
    ports = {"ports": [{"containerPort": 80, "hostPort": 18080}]}
    space.create(deployment("ported", container(**ports), replicas=4))
    space.wait("on every node", "deployments", "ported", _three_of_four)
    [waiting] = [tree for tree in space.list("pods", "app=ported") if "nodeName" not in tree["spec"]]
    _waits(
        space,
        waiting["metadata"]["name"],
        "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports. "
        "preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.",
    )


def test_a_gate_holds_a_pod_back(space: Space) -> None:
    space.create(pod("gated", schedulingGates=[{"name": "e2e/wait"}]))
    tree = space.wait("gated", "pods", "gated", lambda tree: tree["status"].get("conditions"))
    assert [c["reason"] for c in tree["status"]["conditions"] if c["type"] == "PodScheduled"] == ["SchedulingGated"]
    assert space.kubectl("get", "pod", "gated", "--no-headers").split()[2] == "SchedulingGated"
    space.merge("pods", "gated", {"spec": {"schedulingGates": None}})
    space.wait_running("gated")


def test_another_scheduler_is_left_to_its_work(space: Space) -> None:
    space.create(pod("foreign", schedulerName="someone-else"), pod("ours"))
    space.wait_running("ours")
    assert "nodeName" not in space.get("pods", "foreign")["spec"]
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "foreign"},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "node-3"},
    }
    space.api.call("POST", f"{space.path('pods', 'foreign')}/binding", binding)
    assert space.wait_running("foreign")[0]["spec"]["nodeName"] == "node-3"
    again = space.api.request("POST", f"{space.path('pods', 'foreign')}/binding", binding)
    assert (again.code, again.tree["reason"]) == (409, "Conflict")


def test_what_a_node_cannot_hold_is_not_bound_to_it(space: Space) -> None:
    """Many pods at once never ask for more than a node has."""
    cpu = int(space.get("nodes", "node-1")["status"]["allocatable"]["cpu"])
    space.create(deployment("many", container(resources={"requests": {"cpu": f"{cpu * 250}m"}}), replicas=15))
    space.wait("full", "deployments", "many", lambda tree: tree["status"].get("availableReplicas") == 12)
    eventually("the rest told", lambda: sum(map(bool, map(_unschedulable, space.list("pods", "app=many")))) == 3)
    counts = Counter(tree["spec"].get("nodeName") for tree in space.list("pods", "app=many"))
    assert counts == {"node-1": 4, "node-2": 4, "node-3": 4, None: 3}
