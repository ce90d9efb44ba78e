"""Pods, runs and sandboxes for the kubelet's unit tests, and a model runtime to play decisions against."""

from __future__ import annotations

import itertools
from typing import Any

from msgspec.structs import replace

from api import codec
from api.types import Pod
from kubelet.containers.resources import container_resources
from kubelet.pods.actions import (
    Action,
    CreateSandbox,
    MountVolumes,
    Release,
    Remove,
    RemoveContainer,
    ResizeContainers,
    RunPreStop,
    StartContainer,
    StopContainer,
)
from kubelet.pods.decide import Decision, decide
from kubelet.pods.record import PodRecord
from kubelet.pods.start import backoff_key
from kubelet.pods.state import StateMachine
from kubelet.pods.view import NANOSECONDS, Run, find_container
from kubelet.runtime.base import (
    ContainerSpec,
    ContainerState,
    SandboxSpec,
    SandboxState,
    SandboxStatus,
)

NOW = 1_700_000_000.0
UID = "11111111-2222-3333-4444-555555555555"
_ids = itertools.count(1)


def container(name: str = "main", **more: Any) -> dict[str, Any]:
    """A container's tree."""
    return {"name": name, "image": "busybox", **more}


def pod(*containers: dict[str, Any], meta: dict[str, Any] | None = None, **spec: Any) -> Pod:
    """A pod named `web` in `default`, bound to `node-1`; one container called `main` unless others are given."""
    status = spec.pop("status", {})
    tree = {
        "metadata": {"name": "web", "namespace": "default", "uid": UID, **(meta or {})},
        "spec": {
            "containers": list(containers) or [container()],
            "nodeName": "node-1",
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            **spec,
        },
        "status": status,
    }
    return codec.from_tree(Pod, tree)


def sandbox(id: str = "sandbox-0", attempt: int = 0, *, ready: bool = True, ip: str = "10.0.0.5") -> SandboxStatus:
    spec = SandboxSpec(pod_uid=UID, pod_name="web", pod_namespace="default", attempt=attempt)
    state = SandboxState.READY if ready else SandboxState.NOT_READY
    return SandboxStatus(id=id, spec=spec, state=state, created_at=0, ip=ip if ready else "")


def run(
    name: str = "main",
    *,
    state: str = "running",
    attempt: int = 0,
    code: int = 0,
    sandbox_id: str = "sandbox-0",
    started: float = NOW,
    ended: float = 0.0,
    reason: str = "",
    image: str = "busybox",
    id: str = "",
) -> Run:
    """A run in one of the states created, running, exited. Times are seconds since the epoch."""
    exited = state == "exited"
    return Run(
        id=id or f"{name}-{attempt}",
        sandbox_id=sandbox_id,
        pod_uid=UID,
        spec=ContainerSpec(sandbox_id=sandbox_id, name=name, image=image, attempt=attempt),
        state=ContainerState[state.upper()],
        image_id="sha256:1",
        created_at=int(started * NANOSECONDS),
        started_at=0 if state == "created" else int(started * NANOSECONDS),
        finished_at=int((ended or started) * NANOSECONDS) if exited else 0,
        exit_code=code,
        reason=reason or (("Completed" if code == 0 else "Error") if exited else ""),
    )


class Model:
    """A pod on a node without a kernel: carries out actions on a record at once, moves time by hand.

    A container obeys SIGTERM at once, unless its name is in `stubborn`: it then ends at its deadline.
    """

    def __init__(self, pod: Pod, now: float = NOW) -> None:
        self.record = PodRecord(pod, start_time=now)
        self.machine = StateMachine()
        self.now = now
        self.started: set[str] = set()
        self.unhealthy: dict[str, Any] = {}
        self.log: list[str] = []
        self.stubborn: set[str] = set()
        self.decision: Decision | None = None

    def settle(self) -> list[str]:
        """Decide and carry out until nothing more happens; what was done in this call."""
        before = len(self.log)
        for _ in range(200):
            actions = self.step()
            for action in actions:
                self._carry_out(action)
            if not actions:
                return self.log[before:]
        raise AssertionError(f"the pod does not come to rest: {self.log[-20:]}")

    def step(self) -> list[Action]:
        """Decide until the state is settled, without carrying anything out."""
        actions: list[Action] = []
        while True:
            view = self.record.view(self.now, self.started, self.unhealthy)
            self.decision = decide(self.machine.state, view)
            moved = self.machine.move(self.decision.state)
            if self.decision.stop is not None:
                self.record.end(self.decision.stop)
            actions.extend(action for action in self.decision.actions if action not in actions)
            if not moved:
                return actions

    def end(self, name: str, code: int = 0) -> None:
        """The container's process ends by itself."""
        current = self.record.runs[name][-1]
        self._exit(current, code)

    def wait(self, seconds: float) -> list[str]:
        self.now += seconds
        return self.settle()

    def delete(self, grace: int = 30) -> None:
        """The object is being deleted."""
        metadata = replace(
            self.record.pod.metadata,
            deletion_timestamp="2024-01-01T00:00:00Z",
            deletion_grace_period_seconds=grace,
        )
        self.record.pod = replace(self.record.pod, metadata=metadata)
        self.record.end_deleted(self.now)

    def state_of(self, name: str) -> str:
        runs = self.record.runs.get(name)
        return runs[-1].state.name.lower() if runs else "absent"

    def _exit(self, current: Run, code: int) -> None:
        ended = replace(
            current,
            state=ContainerState.EXITED,
            exit_code=code,
            finished_at=int(self.now * NANOSECONDS),
            reason="Completed" if code == 0 else "Error",
        )
        self.record.observe(ended)
        self.started.discard(current.id)

    def _limited(self, current: Run) -> Run:
        """The run with the limits its container is allocated."""
        found = find_container(self.record.pod, current.spec.name)
        if found is None:
            return current
        resources = container_resources(self.record.pod, found, 1)
        return replace(current, spec=replace(current.spec, resources=resources))

    def _start(self, action: StartContainer) -> None:
        record = self.record
        if action.failed_at is not None:
            record.backoff.next(backoff_key(record.pod, action.name), action.failed_at, self.now)
        id = f"{action.name}-{action.attempt}-{next(_ids)}"
        image = next(
            c.image
            for c in (
                *record.pod.spec.init_containers,
                *record.pod.spec.containers,
                *record.pod.spec.ephemeral_containers,
            )
            if c.name == action.name
        )
        new = run(
            action.name,
            attempt=action.attempt,
            sandbox_id=action.sandbox_id,
            started=self.now,
            image=image,
            id=id,
        )
        record.observe(self._limited(new))
        self.started.add(id)

    def _carry_out(self, action: Action) -> None:
        record = self.record
        match action:
            case RunPreStop():
                record.pre_stopped.add(action.id)
            case ResizeContainers():
                for name in action.names:
                    record.observe(self._limited(record.runs[name][-1]))
            case MountVolumes():
                record.volumes_ready = True
            case CreateSandbox():
                record.observe_sandbox(sandbox(f"sandbox-{action.attempt}", action.attempt))
            case StartContainer():
                self._start(action)
            case StopContainer():
                current = record.find_run(action.id)
                assert current is not None
                if action.name in self.stubborn:
                    self.now = max(self.now, action.deadline)
                self._exit(current, 137 if action.name in self.stubborn else 0)
            case RemoveContainer():
                record.forget_run(action.id)
            case Release():
                record.released = True
            case Remove():
                record.removed = True
        self.log.append(_text(action))


def _text(action: Action) -> str:
    match action:
        case StartContainer() | StopContainer():
            return action.key
        case RemoveContainer():
            return "remove-run"
        case _:
            return action.key
