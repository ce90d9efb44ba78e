"""kube-proxy as a process: restart, clean-up, what it says when it cannot work, how much memory it takes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.kubeproxy.conftest import (
    DNS_IP,
    ENDPOINT_IPS,
    SERVICE_IP,
    KubeProxy,
    Network,
    eventually,
)
from tests.support.fake_apiserver import FakeApiServer
from tests.support.services import endpoint_slice, service


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_traffic_does_not_notice_a_restart(
    network: Network, api: FakeApiServer, proxy: KubeProxy, end: signal.Signals
) -> None:
    await api.put(service(), endpoint_slice(*ENDPOINT_IPS))
    await eventually("rules are there", lambda: "pick-address-tcp/3" in proxy.rules())
    network.client.call("hammer_start", host=SERVICE_IP, port=80)
    code = await proxy.stop(end)
    assert code == (0 if end is signal.SIGTERM else -signal.SIGKILL)
    await api.put(endpoint_slice(*ENDPOINT_IPS[:2]))
    proxy.start()
    await proxy.wait_ready()
    await eventually("what changed meanwhile is there", lambda: "pick-address-tcp/2" in proxy.rules())
    await eventually("it was asked all the time", lambda: network.client.call("hammered") > 100)
    assert network.client.call("hammer_stop")["failures"] == []


async def test_cleanup_removes_rules_and_address(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    assert DNS_IP in network.node.ip("address", "show", "dev", "lo")
    await proxy.stop()
    for _ in range(2):  # the second time there is nothing left to remove
        assert _run(proxy.command("--cleanup", f"--cluster-dns={DNS_IP}")) == (0, "")
        assert network.node.run("nft", "list", "ruleset") == ""
        assert DNS_IP not in network.node.ip("address", "show", "dev", "lo")


async def test_without_the_right_to_change_rules_it_says_so(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    command = ["setpriv", "--bounding-set=-net_admin", *proxy.command("--cleanup")[4:]]
    code, error = _run(network.node.command(*command))
    assert code == 1
    assert len(error.splitlines()) == 1
    assert "Operation not permitted" in error


async def test_a_change_refused_by_the_kernel_leads_to_a_whole_new_table(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    await api.put(service(), endpoint_slice(*ENDPOINT_IPS))
    await eventually("rules are there", lambda: "pick-address-tcp/3" in proxy.rules())
    network.node.run("nft", "flush", "ruleset")
    await api.put(endpoint_slice(*ENDPOINT_IPS[:2]))
    await eventually(
        "everything is back",
        lambda: network.client.call("tcp", host=SERVICE_IP, port=80, seconds=2.0)[0].startswith("ep"),
        state=proxy.log,
    )


async def test_it_stays_small(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    names = [f"s{number}" for number in range(50)]
    await api.put(*(service(name, clusterIP=f"10.96.1.{number}") for number, name in enumerate(names)))
    await api.put(*(endpoint_slice(*ENDPOINT_IPS, service=name) for name in names))
    await eventually("all are in place", lambda: "10.96.1.49 . 80 . 2" in proxy.rules())
    assert proxy.process is not None
    status = await asyncio.to_thread(_status, proxy.process.pid)
    assert int(status["VmRSS"].split()[0]) < 45 * 1024


def _run(command: list[str]) -> tuple[int, str]:
    """A command's exit code and what it wrote on standard error."""
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stderr


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":", 1) for line in lines)
