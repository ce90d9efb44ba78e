"""Faults for chaos tests: which processes run, how to kill one and see it back, and where randomness comes from."""

from __future__ import annotations

import os
import random
import signal
from dataclasses import dataclass
from pathlib import Path

import grpc

from cluster.pb import launcher_pb2 as pb
from podling.launcher import control, stored_plan
from tests.support.cluster import Cluster, eventually

SEED_VARIABLE = "PODLING_CHAOS_SEED"
# What matters most is hit most.
WEIGHTS = {"etcd": 4, "apiserver": 4, "scheduler": 1, "controllers": 1}


def new_seed() -> int:
    """The seed to replay, else a new one."""
    return int(os.environ.get(SEED_VARIABLE) or random.SystemRandom().randrange(10**9))


@dataclass(frozen=True)
class Running:
    """A process as the supervisor tells of it."""

    name: str
    pid: int
    node: str
    health: str
    restarts: int


class Processes:
    """A cluster's processes, asked of its supervisor without the cost of a command."""

    def __init__(self, cluster: Cluster) -> None:
        plan = stored_plan.read(cluster.directory)
        assert plan is not None
        self._cluster = cluster
        self.plan = plan

    def all(self) -> dict[str, Running]:
        answer: pb.LauncherStatus = control.status(self.plan)
        return {each.name: _running(each) for each in answer.processes}

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Signal the process; its pid, 0 when it is down anyway."""
        pid = self.all()[name].pid
        if not pid:
            return 0
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return 0  # it has ended since it was told of
        return pid

    def wait_back(self, name: str, old: int, *, seconds: float = 90) -> Running:
        """The process that came after `old`, once it is well."""

        def probe() -> Running | None:
            running = self.all()[name]
            return running if running.pid not in (0, old) and running.health == "ok" else None

        return eventually(f"{name} is back", probe, seconds=seconds, interval=0.05, state=self.describe)

    def wait_well(self, *, seconds: float = 90) -> dict[str, Running]:
        """Every process, once all are well."""

        def probe() -> dict[str, Running] | None:
            running = self.all()
            return running if all(each.health == "ok" for each in running.values()) else None

        return eventually("every process is well", probe, seconds=seconds, state=self.describe)

    def describe(self) -> str:
        """For failure messages."""
        try:
            lines = [f"{each.name} {each.pid} {each.health} {each.restarts}" for each in self.all().values()]
        except grpc.RpcError as error:
            lines = [f"the supervisor does not answer: {error}"]
        return "\n".join([*lines, self._cluster.logs()])

    def supervisor(self) -> int:
        """The supervisor's pid."""
        return int((self._cluster.directory / "launcher.lock").read_text().split()[0])


def choose(generator: random.Random, names: list[str]) -> str:
    """A process to hit."""
    ordered = sorted(names)
    return generator.choices(ordered, [WEIGHTS.get(name, 0.5) for name in ordered])[0]


def is_alive(pid: int) -> bool:
    """Whether a process still does something: a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _running(status: pb.ProcessStatus) -> Running:
    return Running(status.name, status.pid, status.node, status.health, status.restarts)
