"""A stateful set is updated while what drives it is killed: no two pods of one name are ever alive, and all end new."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.support.chaos import Processes
from tests.support.kube import Space
from tests.support.manifests import container, metadata, pod_spec
from tests.support.witness import WITNESSED, Witness

REPLICAS = 3
ROUNDS = 2
KILLED = ("apiserver", "scheduler", "kubelet-node-1", "kubelet-node-2", "kubelet-node-3")

Tree = dict[str, Any]


def stateful_set(policy: str) -> Tree:
    labels = {"app": "db"}
    main = container(
        "trap 'sleep 0.3; exit' TERM; sleep 3600 & wait", env=[*WITNESSED, {"name": "ROUND", "value": "0"}]
    )
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
            # One that is being replaced may not be there just now.
            answer = space.api.request("DELETE", space.path("pods", f"db-{generator.randrange(REPLICAS)}"), {})
            assert answer.code in (200, 404), answer.body
            space.wait(f"updated to round {round_}", "statefulsets", "db", updated(round_), seconds=120)
    assert witness.doubles == []
    assert witness.looks > ROUNDS
    names = sorted(pod["metadata"]["name"] for pod in space.list("pods", "app=db"))
    assert names == [f"db-{ordinal}" for ordinal in range(REPLICAS)]
    assert sorted(name for name in witness.alive() if name.startswith("db-")) == names
