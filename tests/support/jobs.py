"""Jobs, their pods and CronJobs for tests, and a small world in which a Job's plans are carried out."""

from __future__ import annotations

import itertools
from typing import Any

from msgspec.structs import replace

from api import codec, defaults
from api.types import ContainerStatus, CronJob, Job, Pod
from controllers.job.accounting import account, counted, finished, started
from controllers.job.backoff import Backoff
from controllers.job.plan import Plan, plan
from controllers.job.pods import INDEX, TRACKING_FINALIZER
from controllers.job.template import make_pod
from controllers.job.verdict import judge
from tests.support.objects import metadata, owner

NOW = 1_700_000_000.0
OLD = "2023-11-14T22:00:00Z"


def job(name: str = "work", *, status: dict[str, Any] | None = None, meta: dict[str, Any] | None = None, **spec: Any):
    """A Job with upstream's defaults whose pods are labelled by its name."""
    restart = spec.pop("restartPolicy", "Never")
    template = {
        "metadata": {"labels": {"job-name": name}},
        "spec": {"containers": [{"name": "main", "image": "busybox"}], "restartPolicy": restart},
    }
    tree = {
        "metadata": metadata(name, generation=1, creationTimestamp=OLD, **(meta or {})),
        "spec": {"selector": {"matchLabels": {"job-name": name}}, "template": template, **spec},
        "status": status or {},
    }
    return defaults.apply(codec.from_tree(Job, tree))


_names = itertools.count()


def pod_of(
    job: Job,
    phase: str = "Running",
    *,
    index: int | None = None,
    exit_code: int | None = None,
    ended: str = OLD,
    tracked: bool = True,
    ready: bool = False,
    deleted: bool = False,
    restarts: int = 0,
    conditions: list[dict[str, str]] | None = None,
    annotations: dict[str, str] | None = None,
) -> Pod:
    marks = dict(annotations or {}) | ({} if index is None else {INDEX: str(index)})
    state = {} if exit_code is None else {"terminated": {"exitCode": exit_code, "finishedAt": ended}}
    container = {"name": "main", "image": "i", "imageID": "", "ready": ready, "restartCount": restarts, "state": state}
    shown = [*(conditions or []), {"type": "Ready", "status": str(ready), "lastTransitionTime": ended}]
    name = f"{job.metadata.name}-{next(_names)}"
    more = {"deletionTimestamp": ended, "deletionGracePeriodSeconds": 0} if deleted else {}
    tree = {
        "metadata": metadata(
            name,
            labels={"job-name": job.metadata.name},
            annotations=marks,
            finalizers=[TRACKING_FINALIZER] if tracked else [],
            ownerReferences=[owner(job)],
            creationTimestamp=OLD,
            **more,
        ),
        "spec": {"containers": [{"name": "main", "image": "busybox"}], "nodeName": "n"},
        "status": {"phase": phase, "conditions": shown, "containerStatuses": [container]},
    }
    return codec.from_tree(Pod, tree)


def cron_job(name: str = "tick", *, created: str = OLD, status: dict[str, Any] | None = None, **spec: Any) -> CronJob:
    template = {"spec": {"containers": [{"name": "main", "image": "busybox"}], "restartPolicy": "Never"}}
    tree = {
        "metadata": metadata(name, creationTimestamp=created),
        "spec": {"schedule": "*/10 * * * *", "jobTemplate": {"spec": {"template": template}}, **spec},
        "status": status or {},
    }
    return defaults.apply(codec.from_tree(CronJob, tree))


class Crash(Exception):
    """The controller ends between two of its writes."""


class World:
    """A Job and its pods: what the API server holds. `look` is one reconciliation, which may crash on the way."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.pods: dict[str, Pod] = {}
        self.now = NOW
        self.made: list[Pod] = []
        self.backoff = Backoff()
        self.last: Plan = Plan()
        self.writes_left: int | None = None

    def look(self, *, writes: int | None = None) -> None:
        """Reconcile; with `writes`, crash after so many."""
        self.writes_left = writes
        begun = started(self.job, self.now)
        pods = list(self.pods.values())
        verdict = judge(begun, pods, self.now)
        backoff = self.backoff.after(verdict.new_succeeded, verdict.new_failed, self.now)
        self.last = plan(begun, pods, verdict, backoff, self.now)
        for pod in self.last.delete:
            if self.last.forget:
                self._free(pod)
            self.delete(pod.metadata.uid)
        for new in self.last.create:
            self._create(make_pod(begun, new))
        told = account(begun, pods, list(self.pods.values()), verdict, self.now)
        if told.free:
            self._write(told.status)
        for pod in told.free:
            self._free(pod)
        status = counted(told.status, list(self.pods.values()))
        if verdict.ending is not None and told.complete:
            status = finished(status, verdict.ending, self.now)
        self._write(status)
        self.backoff = backoff

    def delete(self, uid: str) -> None:
        """As the API server does: a pod with a finalizer stays, marked."""
        self._spend()
        pod = self.pods.get(uid)
        if pod is None:
            return
        if not pod.metadata.finalizers:
            del self.pods[uid]
            return
        self.pods[uid] = replace(pod, metadata=replace(pod.metadata, deletion_timestamp=OLD))

    def end(self, uid: str, phase: str, exit_code: int = 0) -> None:
        """The kubelet reports the pod's end."""
        pod = self.pods[uid]
        state = {"terminated": {"exitCode": exit_code, "finishedAt": "2023-11-14T22:13:20Z"}}
        tree = {"name": "main", "image": "i", "imageID": "", "ready": False, "restartCount": 0, "state": state}
        status = replace(pod.status, phase=phase, container_statuses=[codec.from_tree(ContainerStatus, tree)])
        self.pods[uid] = replace(pod, status=status)

    def running(self) -> list[str]:
        return [uid for uid, pod in self.pods.items() if pod.status.phase not in ("Succeeded", "Failed")]

    def _create(self, pod: Pod) -> None:
        self._spend()
        meta = metadata(f"{pod.metadata.generate_name}x")
        pod = replace(
            pod,
            metadata=replace(pod.metadata, name=meta["name"], uid=meta["uid"], creation_timestamp=OLD),
            status=replace(pod.status, phase="Pending"),
        )
        self.pods[pod.metadata.uid] = pod
        self.made.append(pod)

    def _free(self, pod: Pod) -> None:
        self._spend()
        current = self.pods.get(pod.metadata.uid)
        if current is None:
            return
        if current.metadata.deletion_timestamp is not None:
            del self.pods[pod.metadata.uid]
            return
        self.pods[pod.metadata.uid] = replace(current, metadata=replace(current.metadata, finalizers=[]))

    def _write(self, status: Any) -> None:
        if status != self.job.status:
            self._spend()
            self.job = replace(self.job, status=status)

    def _spend(self) -> None:
        if self.writes_left is not None:
            if self.writes_left == 0:
                raise Crash
            self.writes_left -= 1
