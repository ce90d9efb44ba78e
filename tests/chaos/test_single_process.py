"""Any process alone can be killed or stopped: it is started again, and nothing else is the worse for it."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.support.chaos import Processes
from tests.support.cluster import eventually
from tests.support.kube import Space
from tests.support.manifests import WEB, container, deployment, pod, service
from tests.support.service_caller import ServiceCaller

NODE = "node-1"
NAMES = ("etcd", "apiserver", "scheduler", "controllers", f"kubelet-{NODE}", f"kube-proxy-{NODE}")

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Site:
    """A Deployment behind a Service, and a client that never stops calling it."""

    space: Space
    caller: ServiceCaller

    def containers(self) -> dict[str, tuple[str, str, int]]:
        """Pod uid, container id and restarts, by pod."""
        found = {}
        for tree in self.space.list("pods"):
            status = tree["status"]["containerStatuses"][0]
            found[tree["metadata"]["name"]] = (tree["metadata"]["uid"], status["containerID"], status["restartCount"])
        return found


@pytest.fixture(scope="module")
def site(make_space: Callable[[], Space]) -> Site:
    space = make_space()
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    space.create(pod("shell", nodeSelector={"kubernetes.io/hostname": NODE}))
    space.create(deployment("web", container(WEB), replicas=3, topologySpreadConstraints=[spread]), service("web"))
    space.wait_deployment("web")
    space.wait_endpoints("web", 3)
    caller = ServiceCaller(space, "web", NODE)
    caller.wait_calling()
    space.wait_running("shell")
    return Site(space, caller)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("name", NAMES)
def test_a_process_comes_back_alone(site: Site, processes: Processes, name: str, number: signal.Signals) -> None:
    before = processes.wait_well()
    containers = site.containers()
    site.caller.begin()

    old = processes.kill(name, number)
    processes.wait_back(name, old)

    after = processes.wait_well()
    assert {each.name: each.restarts - before[each.name].restarts for each in after.values()} == {
        each: int(each == name) for each in before
    }
    assert {each.name for each in after.values() if each.pid != before[each.name].pid} == {name}
    _works(site.space)
    assert site.caller.end() == []
    assert site.containers() == containers


def _works(space: Space) -> None:
    """Everything has its part in this: a new pod is bound, run, made an endpoint and reached through its Service."""
    name = f"probe-{next(_numbers)}"
    space.create(service(name), pod(name, container(WEB), nodeSelector={"kubernetes.io/hostname": NODE}))
    space.wait_endpoints(name, 1)
    ask = ("exec", "shell", "--", "timeout", "5", "wget", "-q", "-O", "-", f"http://{name}")
    eventually(f"{name} answers", lambda: space.run(*ask).stdout == f"{name}\n", state=space.story)
    space.delete("services", name)
    space.delete("pods", name, gracePeriodSeconds=0)
    space.gone("pods", name)
