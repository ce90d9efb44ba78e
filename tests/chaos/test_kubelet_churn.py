"""Pods come and go while their kubelet is killed again and again: none is lost, doubled or left behind."""

from __future__ import annotations

import itertools
import random
import signal
import time
from collections.abc import Callable

from tests.support import node_traces
from tests.support.chaos import Processes
from tests.support.cluster import Cluster, eventually
from tests.support.kube import Space
from tests.support.manifests import container, pod

NODE = "node-2"
KUBELET = f"kubelet-{NODE}"
ROUNDS = 8


def test_pods_come_and_go_under_kills(
    cluster: Cluster, processes: Processes, make_space: Callable[[], Space], generator: random.Random
) -> None:
    space = make_space()
    names = (f"pod-{number}" for number in itertools.count())
    alive: dict[str, str] = {}
    deleted: list[str] = []
    pid = processes.wait_well()[KUBELET].pid
    for _ in range(ROUNDS):
        for name in itertools.islice(names, generator.randint(1, 3)):
            tree = space.create(pod(name, container("exec sleep 3600"), nodeSelector={"kubernetes.io/hostname": NODE}))
            alive[name] = tree["metadata"]["uid"]
        for name in generator.sample(sorted(alive), min(len(alive), generator.randint(0, 2))):
            space.delete("pods", name, gracePeriodSeconds=generator.choice([0, 1]))
            deleted.append(alive.pop(name))
        # Not to wait for anything, but to hit each stage of what was just begun.
        time.sleep(generator.uniform(0, 0.6))
        pid = processes.kill(KUBELET, signal.SIGKILL) or pid
    processes.wait_back(KUBELET, pid)

    pods = space.wait_running(*alive)
    assert {tree["metadata"]["name"]: tree["metadata"]["uid"] for tree in pods} == alive
    node_traces.wait_no_trace(cluster, NODE, deleted)
    ids = {tree["status"]["containerStatuses"][0]["containerID"].partition("://")[2] for tree in pods}
    eventually(
        "exactly the pods' containers run on the node",
        lambda: (
            node_traces.containers(cluster, NODE) == ids
            and len(node_traces.monitors(cluster, NODE)) == len(node_traces.sandboxes(cluster, NODE)) == len(ids)
        ),
        state=lambda: (
            f"wanted {ids}\nruntime {node_traces.containers(cluster, NODE)}\n"
            f"monitors {node_traces.monitors(cluster, NODE)}\nsandboxes {node_traces.sandboxes(cluster, NODE)}"
        ),
    )
    ips = [tree["status"]["podIP"] for tree in pods]
    assert len(set(ips)) == len(ips), f"two pods have one address: {ips}"
