"""Walks of every kind of workload, each in two parts: what stands before, and what is then done while processes die."""

from __future__ import annotations

import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.support.cluster import eventually
from tests.support.kube import Space, Tree, ready
from tests.support.manifests import container, deployment, metadata, pod, pod_spec, secret
from tests.support.witness import WITNESSED

SECONDS = 120
ON_NODE = "kubernetes.io/hostname"
GRACEFUL = "trap 'sleep 0.2; exit' TERM; sleep 3600 & wait"


class Walk:
    """floors: by app label, how many ready pods there must be at any time."""

    floors: dict[str, int] = {}

    def __init__(self, space: Space) -> None:
        self.space = space

    def prepare(self) -> None:
        """Make what stands before, and wait for it."""

    def walk(self) -> None:
        """Change it, and wait for the end; raises AssertionError when that is not as it should be."""
        raise NotImplementedError


def check_floors(pods: dict[str, Tree], floors: dict[str, int]) -> None:
    """As many pods of each application as its floor are ready and stay. Raises AssertionError."""
    for app, least in floors.items():
        ours = [tree for tree in pods.values() if tree["metadata"].get("labels", {}).get("app") == app]
        there = sum(ready(tree) and "deletionTimestamp" not in tree["metadata"] for tree in ours)
        assert there >= least, f"{there} of {app} are available, {least} must be\n" + "\n".join(map(_described, ours))


def _described(tree: Tree) -> str:
    meta, status = tree["metadata"], tree["status"]
    conditions = {each["type"]: (each["status"], each["lastTransitionTime"]) for each in status.get("conditions", ())}
    told = {key: meta.get(key) for key in ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")}
    return f"{meta['name']} on {tree['spec'].get('nodeName')}: {told} {status.get('phase')} {conditions}"


def _annotate_template(space: Space, word: str, name: str) -> None:
    space.merge(word, name, {"spec": {"template": {"metadata": {"annotations": {"round": "2"}}}}})


def _template_round(tree: Tree) -> str | None:
    annotations: dict[str, str] = tree["metadata"].get("annotations") or {}
    return annotations.get("round")


class StatefulSetUpdate(Walk):
    """One pod after the other is replaced."""

    floors = {"db": 2}

    def prepare(self) -> None:
        main = container(GRACEFUL, env=WITNESSED)
        template = {"metadata": {"labels": {"app": "db"}}, "spec": pod_spec(main, terminationGracePeriodSeconds=5)}
        spec = {
            "replicas": 3,
            "serviceName": "db",
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": "db"}},
            "template": template,
        }
        self.space.create({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata("db"), "spec": spec})
        self._wait()

    def walk(self) -> None:
        _annotate_template(self.space, "statefulsets", "db")
        self._wait()
        pods = self.space.list("pods", "app=db")
        assert sorted(tree["metadata"]["name"] for tree in pods) == ["db-0", "db-1", "db-2"]
        assert {_template_round(tree) for tree in pods} == {"2"}
        revisions = [tree["revision"] for tree in self.space.list("controllerrevisions", "app=db")]
        assert sorted(revisions) == [1, 2]

    def _wait(self) -> None:
        counts = ("replicas", "readyReplicas", "updatedReplicas")

        def done(tree: Tree) -> bool:
            status = tree["status"]
            return (
                all(status.get(count, 0) == 3 for count in counts)
                and status.get("observedGeneration", 0) >= tree["metadata"]["generation"]
                and status["currentRevision"] == status["updateRevision"]
            )

        self.space.wait("updated", "statefulsets", "db", done, seconds=SECONDS)


class DaemonSetUpdate(Walk):
    """One node after the other."""

    floors = {"agent": 2}

    def prepare(self) -> None:
        spec = {
            "selector": {"matchLabels": {"app": "agent"}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "template": {"metadata": {"labels": {"app": "agent"}}, "spec": pod_spec()},
        }
        self.space.create({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata("agent"), "spec": spec})
        self._wait()

    def walk(self) -> None:
        _annotate_template(self.space, "daemonsets", "agent")
        self._wait()
        pods = self.space.list("pods", "app=agent")
        assert sorted(tree["spec"]["nodeName"] for tree in pods) == ["node-1", "node-2", "node-3"]
        assert {_template_round(tree) for tree in pods} == {"2"}

    def _wait(self) -> None:
        counts = ("currentNumberScheduled", "updatedNumberScheduled", "numberReady")

        def done(tree: Tree) -> bool:
            status = tree["status"]
            seen = status.get("observedGeneration", 0) >= tree["metadata"]["generation"]
            return seen and all(status.get(count, 0) == 3 for count in counts)

        self.space.wait("updated", "daemonsets", "agent", done, seconds=SECONDS)


class DeploymentRollout(Walk):
    """Never fewer than asked for."""

    floors = {"rolled": 3}

    def prepare(self) -> None:
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        self.space.create(deployment("rolled", replicas=3, spec={"strategy": strategy}))
        self.space.wait_deployment("rolled", seconds=SECONDS)

    def walk(self) -> None:
        _annotate_template(self.space, "deployments", "rolled")
        self.space.wait_deployment("rolled", seconds=SECONDS)
        sizes = sorted(tree["spec"]["replicas"] for tree in self.space.list("replicasets", "app=rolled"))
        assert sizes == [0, 3]
        live = [tree for tree in self.space.list("pods", "app=rolled") if "deletionTimestamp" not in tree["metadata"]]
        assert [_template_round(tree) for tree in live] == ["2"] * 3


class Drain(Walk):
    """`kubectl drain`, again and again until it succeeds, of a node with pods of two guarded Deployments; one of
    them is rolled out meanwhile.

    A rollout asks no budget. Its surplus pod may be gone while the budget still counts it (upstream's disruption
    controller is no faster than its informers), so the budget of the one that is rolled out may be short by that one.
    """

    floors = {"kept": 2, "moving": 1}
    node = "node-2"

    def prepare(self) -> None:
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        for name in self.floors:
            budget = {"minAvailable": 2, "selector": {"matchLabels": {"app": name}}}
            self.space.create(
                {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata(name), "spec": budget},
                deployment(name, replicas=3, spec={"strategy": strategy}),
            )
        for name in self.floors:
            self.space.wait_deployment(name, seconds=SECONDS)

    def walk(self) -> None:
        _annotate_template(self.space, "deployments", "moving")
        command = ("drain", self.node, "--pod-selector", "app in (kept,moving)", "--ignore-daemonsets", "--timeout=20s")
        said: list[str] = []

        def moved() -> bool:
            done = self.space.run(*command)
            said.append(done.stderr)
            if done.returncode:
                return False
            for name in self.floors:
                self.space.wait_deployment(name, seconds=SECONDS)
            # A scheduler that had not heard of the cordon yet may have bound one more: upstream's may, too.
            pods = self.space.list("pods", "app in (kept,moving)")
            return self.node not in {tree["spec"].get("nodeName") for tree in pods}

        try:
            eventually("moved", moved, seconds=SECONDS, interval=0.5, state=lambda: said[-1])
            for name in self.floors:
                self.space.wait("whole", "poddisruptionbudgets", name, _whole, seconds=SECONDS)
        finally:
            self.space.merge("nodes", self.node, {"spec": {"unschedulable": None}})
            self.space.wait_schedulable(self.node)


def _whole(budget: Tree) -> bool:
    status = budget["status"]
    counts = (status["currentHealthy"], status["desiredHealthy"], status["expectedPods"], status["disruptionsAllowed"])
    return counts == (3, 2, 3, 1) and not status.get("disruptedPods")


class IndexedJob(Walk):
    """Six indexes, of which one fails at first; what ran is written down where all nodes can."""

    def __init__(self, space: Space, folder: Path) -> None:
        super().__init__(space)
        self._folder = folder

    def walk(self) -> None:
        script = (
            'sleep 0.3; i=$JOB_COMPLETION_INDEX; if [ "$i" = 1 ] && [ ! -e /seen/broken ]; then touch /seen/broken; '
            'echo "failed $i $UID_" >> /seen/log; exit 3; fi; echo "done $i $UID_" >> /seen/log'
        )
        uid = {"name": "UID_", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}
        main = container(script, env=[uid], volumeMounts=[{"name": "seen", "mountPath": "/seen"}])
        volumes = [{"name": "seen", "hostPath": {"path": str(self._folder)}}]
        spec = {
            "completions": 6,
            "parallelism": 2,
            "completionMode": "Indexed",
            "template": {"spec": pod_spec(main, volumes=volumes, restartPolicy="Never")},
        }
        self.space.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata("count"), "spec": spec})
        job = self.space.wait("complete", "jobs", "count", _is_complete, seconds=SECONDS)
        lines = [line.split() for line in (self._folder / "log").read_text().splitlines()]
        ended = [word for word, _, _ in lines]
        assert len({uid for _, _, uid in lines}) == len(lines), f"a pod ran twice: {lines}"
        assert sorted(index for word, index, _ in lines if word == "done") == list("012345"), lines
        status = job["status"]
        told = (status["succeeded"], status.get("failed", 0), status["completedIndexes"])
        assert told == (ended.count("done"), ended.count("failed"), "0-5"), f"{status}\n{lines}"
        assert status.get("uncountedTerminatedPods", {}) == {}
        pods = self.space.list("pods", "job-name=count")
        assert sorted(tree["metadata"]["uid"] for tree in pods) == sorted(uid for _, _, uid in lines)
        assert not any(tree["metadata"].get("finalizers") for tree in pods)


def _is_complete(job: Tree) -> bool:
    return any(each["type"] == "Complete" and each["status"] == "True" for each in job["status"].get("conditions", ()))


class Quota(Walk):
    """Many create at once, some are deleted, many create again: never more than the quota, in the end just that."""

    most = 10

    def prepare(self) -> None:
        spec = {"hard": {"count/secrets": str(self.most)}}
        self.space.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata("few"), "spec": spec})
        self.space.wait("counted", "resourcequotas", "few", lambda tree: self._used(tree) == 0, seconds=SECONDS)

    def walk(self) -> None:
        self._fill("first")
        for tree in self.space.list("secrets")[:5]:
            self.space.delete("secrets", tree["metadata"]["name"])
        self._fill("second")
        self.space.wait("counted", "resourcequotas", "few", lambda tree: self._used(tree) == self.most, seconds=SECONDS)

    def look(self, secrets: dict[str, Tree]) -> None:
        assert len(secrets) <= self.most, f"more than the quota: {sorted(secrets)}"

    def _fill(self, prefix: str) -> None:
        filled = threading.Event()

        def create(worker: int) -> None:
            for number in itertools.count():
                if filled.wait(0.1):
                    return
                self._try(f"{prefix}-{worker}-{number}")

        def full() -> bool:
            return len(self.space.list("secrets")) == self.most

        with ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(create, worker) for worker in range(4)]
            try:
                eventually(
                    f"{self.most} secrets",
                    full,
                    seconds=SECONDS,
                    state=lambda: json.dumps(self.space.get("resourcequotas", "few")["status"]),
                )
            finally:
                filled.set()
            for job in jobs:
                job.result()

    def _try(self, name: str) -> None:
        answer = self.space.api.request("POST", self.space.path("secrets"), secret(name, key="value"))
        assert answer.code in (200, 201, 403, 404, 409), answer.body
        if answer.code == 403:
            assert b"exceeded quota: few" in answer.body or b"status unknown for quota" in answer.body, answer.body

    @staticmethod
    def _used(tree: Tree) -> int:
        return int(tree.get("status", {}).get("used", {}).get("count/secrets", "-1"))


class Preemption(Walk):
    """The more important pod gets the room of one other, not of two."""

    node = "node-3"

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self._class = f"{space.name}-important"

    def prepare(self) -> None:
        self.space.create(
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": self._class},
                "value": 1000,
            },
            *(self._pod(f"low-{number}") for number in range(3)),
        )
        self._uids = {
            tree["metadata"]["uid"] for tree in self.space.wait_running("low-0", "low-1", "low-2", seconds=SECONDS)
        }

    def walk(self) -> None:
        try:
            self.space.create(self._pod("high", priorityClassName=self._class))
            [high] = self.space.wait_running("high", seconds=SECONDS)
            assert high["spec"]["nodeName"] == self.node
            stayed = [
                tree for tree in self.space.list("pods", "app=low") if "deletionTimestamp" not in tree["metadata"]
            ]
            assert len(stayed) == 2, f"victims: {3 - len(stayed)}\n{self.space.story()}"
            assert {tree["metadata"]["uid"] for tree in stayed} < self._uids
        finally:
            self.space.delete("priorityclasses", self._class)

    def _pod(self, name: str, **spec: Any) -> Tree:
        room = {"requests": {"memory": "280Mi"}}
        main = container(GRACEFUL, resources=room)
        return pod(
            name,
            main,
            labels={"app": name.partition("-")[0]},
            nodeSelector={ON_NODE: self.node},
            **{"terminationGracePeriodSeconds": 10, **spec},
        )


class ProvisionedClaim(Walk):
    """A claim is provisioned, filled, found again by the next pod, and given back with its volume."""

    def walk(self) -> None:
        claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}}
        kind = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
        self.space.create({**kind, "metadata": metadata("data"), "spec": claim})
        self.space.create(self._pod("writer", f"echo kept > /data/file && echo written && {{ {GRACEFUL}; }}"))
        self.space.logged("writer", "written", seconds=SECONDS)
        bound = self.space.get("persistentvolumeclaims", "data")["spec"]["volumeName"]
        assert self._images() == [bound], "one volume, no other"
        self.space.delete("pods", "writer", gracePeriodSeconds=1)
        self.space.gone("pods", "writer", seconds=SECONDS)
        self.space.create(self._pod("reader", f"cat /data/file && {{ {GRACEFUL}; }}"))
        self.space.wait_running("reader", seconds=SECONDS)
        self.space.logged("reader", "kept")
        self.space.delete("pods", "reader", gracePeriodSeconds=1)
        self.space.delete("persistentvolumeclaims", "data")
        self.space.gone("persistentvolumeclaims", "data", seconds=SECONDS)
        self.space.gone("persistentvolumes", bound, seconds=SECONDS)
        assert self._images() == []

    def _images(self) -> list[str]:
        """The volumes on the nodes' disks, by name."""
        found = self.space.cluster.directory.glob("nodes/*/plugins/**/volumes/*/volume.json")
        return sorted(path.parent.name for path in found)

    @staticmethod
    def _pod(name: str, script: str) -> Tree:
        main = container(script, volumeMounts=[{"name": "data", "mountPath": "/data"}])
        return pod(name, main, volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}])
