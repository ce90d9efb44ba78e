"""A pod's cgroup while its containers are resized: wide enough before any begins with more, narrow after."""

from __future__ import annotations

from typing import cast

from api.types import Pod
from cluster.cgroups import CgroupFailure, Cgroups
from kubelet.pod_cgroups import PodCgroups
from kubelet.runtime.base import Resources
from tests.support.kubelet import container, pod


class Kernel:
    """Cgroups that hold a container with a quota."""

    def __init__(self) -> None:
        self.quota = 0
        self.child = 0
        self.writes = 0

    def create(self, path: str) -> None:
        pass

    def limit(self, path: str, resources: Resources) -> None:
        if resources.cpu_quota < self.child:
            raise CgroupFailure("invalid argument")
        self.quota = resources.cpu_quota
        self.writes += 1


def sized(cpu: str) -> Pod:
    amounts = {"cpu": cpu, "memory": "64Mi"}
    return pod(container(resources={"requests": amounts, "limits": amounts}))


def test_a_resized_pod_has_room_for_a_container_that_begins_and_none_left_afterwards() -> None:
    kernel = Kernel()
    cgroups = PodCgroups(cast("Cgroups", kernel), "/podling")
    cgroups.create(sized("500m"))
    cgroups.widen(sized("500m"))
    cgroups.narrow(sized("500m"))
    assert kernel.writes == 1, "nothing has changed"
    cgroups.widen(sized("1"))
    assert kernel.quota == 100_000
    cgroups.narrow(sized("1"))
    kernel.child = 100_000
    cgroups.widen(sized("500m"))
    cgroups.narrow(sized("500m"))
    assert kernel.quota == 100_000, "another container has as much still"
    kernel.child = 50_000
    cgroups.narrow(sized("500m"))
    assert kernel.quota == 50_000
