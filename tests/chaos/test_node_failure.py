"""A node that dies, and one that stands still for a while: its pods come back elsewhere, and it comes back clean."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api import timestamps
from podling.launcher.processes import NODE_MONITOR_GRACE_SECONDS
from tests.support import node_traces
from tests.support.chaos import Processes
from tests.support.cluster import Cluster, eventually
from tests.support.kube import Space
from tests.support.manifests import WEB, container, deployment, pod, service
from tests.support.service_caller import ServiceCaller

CALLER_NODE = "node-1"
TOLERATIONS = [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}
    for key in ("unreachable", "not-ready")
]
SPREAD = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "ScheduleAnyway",
    "labelSelector": {"matchLabels": {"app": "web"}},
}

Tree = dict[str, Any]


@dataclass(frozen=True)
class Site:
    """Three web servers, one a node, behind a Service; a client on the first node that gives up a call after 1 s."""

    space: Space
    caller: ServiceCaller

    def web_pods(self) -> list[Tree]:
        return self.space.list("pods", "app=web")

    def ready_off(self, node: str) -> list[str]:
        """Ready web servers that are not on a node."""
        return [
            tree["metadata"]["name"]
            for tree in self.web_pods()
            if tree["spec"].get("nodeName") != node
            and not tree["metadata"].get("deletionTimestamp")
            and condition(tree, "Ready") == "True"
        ]

    def node(self, name: str) -> Tree:
        return self.space.get("nodes", name)

    def lease(self, name: str) -> Tree:
        tree: Tree = self.space.api.call(
            "GET", f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}"
        )
        return tree


def condition(tree: Tree, name: str) -> str:
    return str(next((c["status"] for c in tree["status"].get("conditions", ()) if c["type"] == name), ""))


def taints(tree: Tree) -> set[tuple[str, str]]:
    return {(taint["key"], taint["effect"]) for taint in tree["spec"].get("taints", ())}


@pytest.fixture(scope="module")
def site(make_space: Callable[[], Space]) -> Site:
    space = make_space()
    web = deployment(
        "web",
        container(WEB),
        replicas=3,
        tolerations=TOLERATIONS,
        topologySpreadConstraints=[SPREAD],
        terminationGracePeriodSeconds=1,
    )
    space.create(web, service("web"))
    space.wait_deployment("web")
    space.wait_endpoints("web", 3)
    caller = ServiceCaller(space, "web", CALLER_NODE, timeout_seconds=1)
    caller.wait_calling()
    return Site(space, caller)


def on_node(site: Site, node: str) -> Tree:
    """A web server on a node: evicted ones come back elsewhere, so one may have to be moved there first."""
    for tree in site.web_pods():
        if tree["spec"].get("nodeName") == node:
            return tree

    def moved() -> Tree | None:
        """Again for as long as the scheduler does not know that the node is back."""
        elsewhere = site.ready_off(node)
        if len(elsewhere) == 3:
            places = {name: site.space.get("pods", name)["spec"]["nodeName"] for name in elsewhere}
            crowded = Counter(places.values()).most_common(1)[0][0]
            site.space.delete(
                "pods", next(name for name, place in places.items() if place == crowded), gracePeriodSeconds=0
            )
        return next(
            (t for t in site.web_pods() if t["spec"].get("nodeName") == node and condition(t, "Ready") == "True"), None
        )

    return eventually(
        f"a web server on {node}",
        moved,
        interval=0.5,
        state=lambda: str([(t["metadata"]["name"], t["spec"].get("nodeName")) for t in site.web_pods()]),
    )


def wait_not_ready(site: Site, node: str) -> None:
    """NotReady, and not before the grace period is over since the node was last heard of."""
    eventually(
        f"{node} is NotReady",
        lambda: condition(site.node(node), "Ready") == "Unknown",
        seconds=NODE_MONITOR_GRACE_SECONDS + 60,
    )
    assert time.time() - timestamps.parse(site.lease(node)["spec"]["renewTime"]) > NODE_MONITOR_GRACE_SECONDS
    eventually(
        f"{node} is tainted",
        lambda: (
            {
                ("node.kubernetes.io/unreachable", "NoSchedule"),
                ("node.kubernetes.io/unreachable", "NoExecute"),
            }
            <= taints(site.node(node))
        ),
    )


def wait_rescheduled(site: Site, node: str) -> None:
    """As many web servers as before are ready elsewhere, and only those are called."""
    eventually("three web servers elsewhere", lambda: len(site.ready_off(node)) == 3, state=site.space.story)
    site.space.wait_endpoints("web", 3)
    site.caller.wait_well()


def wait_ready_again(site: Site, node: str) -> None:
    """At once, not only when its status is due again."""
    eventually(f"{node} is Ready", lambda: condition(site.node(node), "Ready") == "True")
    eventually(f"{node} has no taints", lambda: not taints(site.node(node)))


def test_a_dead_nodes_pods_come_back_elsewhere(cluster: Cluster, processes: Processes, site: Site) -> None:
    node = "node-2"
    lost = on_node(site, node)
    before = site.lease(node)["spec"]
    assert before["holderIdentity"] == node

    cluster.podling("node", "kill", node)
    assert {each.health for each in processes.all().values() if each.node == node} == {"down"}
    assert node_traces.on_machine(cluster, node) == []

    wait_not_ready(site, node)
    wait_rescheduled(site, node)
    stale = site.lease(node)["spec"]["renewTime"]

    cluster.podling("node", "start", node)
    wait_ready_again(site, node)
    site.space.gone("pods", lost["metadata"]["name"])
    node_traces.wait_no_trace(cluster, node, [lost["metadata"]["uid"]])
    processes.wait_well()
    after = site.lease(node)["spec"]
    assert after["renewTime"] > stale
    assert after["leaseDurationSeconds"] == before["leaseDurationSeconds"]
    site.space.create(service("back"), pod("back", container(WEB), nodeSelector={"kubernetes.io/hostname": node}))
    site.space.wait_running("back")


@contextmanager
def frozen(processes: Processes, node: str) -> Iterator[None]:
    """Every process of the node stands still: kubelet, kube-proxy and pods."""
    freezer, path = Path("/sys/fs/cgroup/freezer"), f"{processes.plan.cgroup.strip('/')}/{node}"
    # Containers are below it already; the node's own processes are put beside them.
    group = freezer / path
    group.mkdir(parents=True, exist_ok=True)
    memory = Path("/sys/fs/cgroup/memory") / path
    own = [pid for name in ("system", "conmon") for pid in (memory / name / "cgroup.procs").read_text().split()]
    try:
        for pid in own:
            (group / "cgroup.procs").write_text(pid)
        (group / "freezer.state").write_text("FROZEN")
        eventually(f"{node} is frozen", lambda: (group / "freezer.state").read_text().strip() == "FROZEN")
        yield
    finally:
        (group / "freezer.state").write_text("THAWED")
        for pid in (group / "cgroup.procs").read_text().split():
            (freezer / "cgroup.procs").write_text(pid)


def test_a_node_that_stood_still_takes_part_again(cluster: Cluster, processes: Processes, site: Site) -> None:
    node = "node-3"
    lost = on_node(site, node)
    restarts = {each.name: each.restarts for each in processes.wait_well().values()}

    with frozen(processes, node):
        wait_not_ready(site, node)
        wait_rescheduled(site, node)
        # Nobody can say that the old one has ended: it stays, marked for deletion.
        assert site.space.get("pods", lost["metadata"]["name"])["metadata"]["deletionTimestamp"]

    wait_ready_again(site, node)
    site.space.gone("pods", lost["metadata"]["name"])
    node_traces.wait_no_trace(cluster, node, [lost["metadata"]["uid"]])
    eventually("three web servers", lambda: len(site.ready_off("")) == 3, state=site.space.story)
    processes.wait_well()
    assert {each.name: each.restarts for each in processes.all().values()} == restarts
    site.caller.wait_well()


def test_a_kubelet_that_stood_still_is_heard_again(processes: Processes, site: Site) -> None:
    """Its pods run on meanwhile: those that tolerate it are the same afterwards."""
    node = "node-3"
    patient = pod("patient", container(WEB), nodeSelector={"kubernetes.io/hostname": node})
    site.space.create(patient)
    before = site.space.wait_running("patient")[0]
    pid = processes.wait_well()[f"kubelet-{node}"].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_not_ready(site, node)
        unready = site.space.wait("not ready", "pods", "patient", lambda tree: condition(tree, "Ready") == "False")
        assert unready["status"]["containerStatuses"] == before["status"]["containerStatuses"]
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_ready_again(site, node)
    after = site.space.wait_running("patient")[0]
    assert after["status"]["containerStatuses"] == before["status"]["containerStatuses"]
    assert processes.wait_well()[f"kubelet-{node}"].pid == pid
