"""Every kind of workload is walked through while processes are killed: only time is lost, no pod, count or budget."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.chaos import Processes, choose
from tests.support.cluster import Cluster
from tests.support.kube import Space
from tests.support.patience import Follower, PatientSpace
from tests.support.walks import (
    DaemonSetUpdate,
    DeploymentRollout,
    Drain,
    IndexedJob,
    Preemption,
    ProvisionedClaim,
    Quota,
    StatefulSetUpdate,
    Walk,
    check_floors,
)
from tests.support.witness import Witness

MOST_KILLS = 14
PAUSE_SECONDS = (0.5, 2.0)


class Restarts:
    """Kills a process every now and then, for as long as the context lasts; the supervisor starts it again."""

    def __init__(self, processes: Processes, generator: random.Random) -> None:
        self._processes = processes
        self._generator = generator
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.story: list[str] = []

    def __enter__(self) -> Restarts:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        print("killed:", ", ".join(self.story))

    def _run(self) -> None:
        names = sorted(self._processes.all())
        for _ in range(MOST_KILLS):
            if self._done.wait(self._generator.uniform(*PAUSE_SECONDS)):
                return
            name = choose(self._generator, names)
            # What is being started is left to it: a control plane that never comes up loses its nodes, rightly.
            if self._processes.all()[name].health == "ok":
                self.story.append(f"{name} ({self._processes.kill(name)})")


@pytest.fixture
def space(cluster: Cluster, make_space: object) -> Space:
    assert callable(make_space)
    return PatientSpace(cluster, make_space().name)


def test_restarts_change_nothing_but_time(
    space: Space, processes: Processes, generator: random.Random, tmp_path: Path
) -> None:
    quota = Quota(space)
    walks: list[Walk] = [
        StatefulSetUpdate(space),
        DaemonSetUpdate(space),
        DeploymentRollout(space),
        Drain(space),
        IndexedJob(space, tmp_path),
        quota,
        Preemption(space),
        ProvisionedClaim(space),
    ]
    floors = {app: least for walk in walks for app, least in walk.floors.items()}

    with ThreadPoolExecutor(len(walks)) as pool:
        for prepared in [pool.submit(walk.prepare) for walk in walks]:
            prepared.result()
        with ExitStack() as stack:
            stack.enter_context(Follower(space.cluster, space.path("pods"), lambda pods: check_floors(pods, floors)))
            stack.enter_context(Follower(space.cluster, space.path("secrets"), quota.look))
            witness = stack.enter_context(Witness())
            stack.enter_context(Restarts(processes, generator))
            for walked in [pool.submit(walk.walk) for walk in walks]:
                walked.result()
        processes.wait_well()
    assert witness.doubles == []
    assert witness.looks > 0
