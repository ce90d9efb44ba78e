"""A stateful set is updated while what drives it is killed: no two pods of one name are ever alive, and all end new."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.chaos import Processes, is_alive
from tests.support.kube import Space
from tests.support.manifests import container, metadata, pod_spec

REPLICAS = 3
ROUNDS = 2
KILLED = ("apiserver", "scheduler", "kubelet-node-1", "kubelet-node-2", "kubelet-node-3")
IDENTITY = [
    {"name": "WITNESSED_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    {"name": "WITNESSED_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
]

Tree = dict[str, Any]


class Witness:
    """Looks at the machine's processes again and again: which pods' containers live, by the pod's name."""

    def __init__(self) -> None:
        self.doubles: list[tuple[str, list[str]]] = []
        self.looks = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Witness:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self.looks += 1
            for name, pids in self.alive().items():
                if len(pids) > 1 and len(still := {uid for uid, pid in pids.items() if is_alive(pid)}) > 1:
                    self.doubles.append((name, sorted(still)))

    def alive(self) -> dict[str, dict[str, int]]:
        """By pod name: the uids of its living pods, each with a process."""
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal():
                continue
            try:
                words = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue  # it ended meanwhile
            variables = dict(
                word.decode(errors="replace").partition("=")[::2] for word in words if b"WITNESSED_" in word
            )
            name, uid = variables.get("WITNESSED_NAME"), variables.get("WITNESSED_UID")
            if name and uid and is_alive(int(folder.name)):
                found[name][uid] = int(folder.name)
        return found


def stateful_set(policy: str) -> Tree:
    labels = {"app": "db"}
    main = container("trap 'sleep 0.3; exit' TERM; sleep 3600 & wait", env=[*IDENTITY, {"name": "ROUND", "value": "0"}])
    template = {"metadata": {"labels": labels}, "spec": {**pod_spec(main), "terminationGracePeriodSeconds": 5}}
    spec = {
        "replicas": REPLICAS,
        "serviceName": "db",
        "podManagementPolicy": policy,
        "selector": {"matchLabels": labels},
        "template": template,
    }
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata("db"), "spec": spec}


def updated(round_: int) -> Callable[[Tree], bool]:
    def check(tree: Tree) -> bool:
        status = tree["status"]
        env = tree["spec"]["template"]["spec"]["containers"][0]["env"]
        return (
            env[-1]["value"] == str(round_)
            and status.get("observedGeneration", 0) >= tree["metadata"]["generation"]
            and status.get("updatedReplicas") == status.get("readyReplicas") == status.get("replicas") == REPLICAS
            and status["currentRevision"] == status["updateRevision"]
        )

    return check


def under_way(count: int) -> Callable[[Tree], bool]:
    """So many pods are those of the round, or all are already."""

    def check(tree: Tree) -> bool:
        seen = tree["status"].get("observedGeneration", 0) >= tree["metadata"]["generation"]
        return seen and tree["status"].get("updatedReplicas", 0) >= count

    return check


def test_killed_in_the_middle_of_updates(
    make_space: Callable[[], Space], processes: Processes, generator: random.Random
) -> None:
    space = make_space()
    tree = stateful_set(generator.choice(["OrderedReady", "Parallel"]))
    space.create(tree)
    space.wait("there", "statefulsets", "db", updated(0))
    with Witness() as witness:
        for round_ in range(1, ROUNDS + 1):
            main = tree["spec"]["template"]["spec"]["containers"][0]
            main["env"][-1]["value"] = str(round_)
            space.merge("statefulsets", "db", {"spec": {"template": tree["spec"]["template"]}})
            begun = generator.randrange(REPLICAS)
            space.wait(f"{begun} pods of round {round_}", "statefulsets", "db", under_way(begun))
            victims = ("controllers", generator.choice(KILLED))
            killed = {name: processes.kill(name) for name in victims}
            for name, pid in killed.items():
                processes.wait_back(name, pid)
            space.delete("pods", f"db-{generator.randrange(REPLICAS)}")
            space.wait(f"updated to round {round_}", "statefulsets", "db", updated(round_), seconds=60)
    assert witness.doubles == []
    assert witness.looks > ROUNDS
    names = sorted(pod["metadata"]["name"] for pod in space.list("pods", "app=db"))
    assert names == [f"db-{ordinal}" for ordinal in range(REPLICAS)]
    assert sorted(name for name in witness.alive() if name.startswith("db-")) == names
