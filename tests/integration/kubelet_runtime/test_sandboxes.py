"""Sandboxes: namespaces, network, what containers share."""

import asyncio
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from kubelet.runtime.base import InvalidConfig, Mount, PortMapping, RuntimeFailure, SandboxState, SandboxStatus
from kubelet.runtime.oci.network import link_name
from tests.support.runtime import NODE_IP, Node, eventually, ip


def namespace(kind: str) -> str:
    """The test's own."""
    return str(Path(f"/proc/thread-self/ns/{kind}").readlink())


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


async def fetch(address: str, port: int) -> str:
    """What a connection to there says, or why there is none."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(address, port)
            data = await reader.read()
    except OSError as error:
        return type(error).__name__
    writer.close()
    return data.decode().strip()


async def serving(node: Node, name: str, **fields: object) -> SandboxStatus:
    """A pod whose port 80 tells its own name and who asks."""
    sandbox = await node.sandbox(name, **fields)
    await node.run(sandbox, "echo up; while :; do nc -l -p 80 -e sh -c 'hostname; echo' ; done")

    async def up() -> bool:
        return "up" in node.log(sandbox)

    await eventually(up, f"{name} listens")
    return sandbox


async def answer(address: str, port: int = 80) -> str:
    async def ask() -> str | None:
        said = await fetch(address, port)
        return said if "Error" not in said else None

    return await eventually(ask, f"{address}:{port} answers")


async def test_a_sandbox_stands_is_stopped_and_is_gone(node: Node) -> None:
    sandbox = await node.sandbox(labels={"app": "x"})
    assert (sandbox.state, sandbox.ip) == (SandboxState.READY, "10.77.1.2")
    assert sandbox.spec.labels == {"app": "x"}
    assert await node.open.list_sandboxes() == [sandbox]
    assert link_name(sandbox.id) in ip("-o", "link")
    await node.open.stop_sandbox(sandbox.id)
    stopped = await node.open.sandbox_status(sandbox.id)
    assert (stopped.state, stopped.ip) == (SandboxState.NOT_READY, "")
    assert "veth" not in ip("-o", "link")
    await node.open.stop_sandbox(sandbox.id)
    await node.open.remove_sandbox(sandbox.id)
    await node.open.remove_sandbox(sandbox.id)
    assert await node.open.list_sandboxes() == []


async def test_stopping_a_sandbox_ends_its_containers(node: Node) -> None:
    sandbox = await node.sandbox()
    container = await node.run(sandbox, "sleep 1000")
    await node.open.stop_sandbox(sandbox.id)
    assert (await node.open.container_status(container.id)).exit_code == 137
    with pytest.raises(RuntimeFailure, match="is not ready"):
        await node.open.create_container(node.spec(sandbox, "true"))


async def test_pods_reach_each_other_the_node_and_are_reached(node: Node) -> None:
    web = await serving(node, "web")
    assert await answer(web.ip) == "web"
    client = await node.sandbox("client")
    # Between two callers nobody listens for a moment.
    ask = f"until nc -w 5 {web.ip} 80 </dev/null 2>/dev/null; do sleep 0.05; done"
    await node.finished(client, f"{ask}; ip -o -4 addr show eth0; ip route; cat /proc/net/arp")
    text = "\n".join(node.log(client))
    assert text.startswith("web")
    assert f"inet {client.ip}/32" in text
    assert "default via 169.254.1.1 dev eth0" in text


async def test_the_nodes_address_is_the_source_of_what_it_sends_to_pods(node: Node) -> None:
    ip("addr", "add", "10.96.0.10/32", "dev", "lo")
    sandbox = await node.sandbox()
    assert f"src {NODE_IP}" in ip("route", "get", sandbox.ip)


async def test_containers_of_a_pod_share_network_name_ipc_and_shm(node: Node) -> None:
    sandbox = await node.sandbox("web", hostname="web-0")
    await node.run(sandbox, "echo there > /dev/shm/note; nc -l -p 81 -e echo hi; sleep 1000")
    await node.finished(
        sandbox,
        "hostname; until cat /dev/shm/note 2>/dev/null; do sleep 0.01; done;"
        " until nc 127.0.0.1 81; do sleep 0.01; done;"
        " for n in net ipc uts; do readlink /proc/self/ns/$n; done; head -c 13 /proc/1/cmdline | tr '\\000' ' '",
        name="second",
        log_path=str(node.logs / "web/1.log"),
    )
    lines = [line.split(" ", 3)[3] for line in (node.logs / "web/1.log").read_text().splitlines()]
    lines = [line for line in lines if "can't connect" not in line]
    assert lines[:3] == ["web-0", "there", "hi"]
    run = node.config.run_dir / "sandboxes" / sandbox.id
    inodes = [f"{kind}:[{(run / kind).stat().st_ino}]" for kind in ("net", "ipc", "uts")]
    assert lines[3:6] == inodes
    assert lines[6] == "sh -c hostnam"


async def test_a_shared_process_namespace(node: Node) -> None:
    sandbox = await node.sandbox(share_process_namespace=True)
    assert sandbox.state is SandboxState.READY
    main = await node.run(sandbox, "(sh -c 'sleep 0.05' &); sleep 1000")
    assert [each.id for each in await node.open.list_containers()] == [main.id]

    async def other_sees() -> bool:
        seen = await node.open.exec_sync(main.id, ["ps", "-o", "pid,user,args"], 10)
        lines = seen.stdout.decode().splitlines()
        return any(line.split()[:2] == ["1", "65535"] for line in lines) and not any("[s" in line for line in lines)

    await eventually(other_sees, "process 1 is the sandbox's, and it reaps")
    await node.open.stop_container(main.id, 0)
    assert (await node.open.sandbox_status(sandbox.id)).state is SandboxState.READY


async def test_the_hosts_namespaces(node: Node) -> None:
    sandbox = await node.sandbox(host_network=True, host_pid=True, host_ipc=True)
    assert (sandbox.ip, sandbox.network_namespace) == ("", "")
    await node.finished(sandbox, "for n in net ipc uts pid; do readlink /proc/self/ns/$n; done; ip -o -4 addr show br0")
    log = node.log(sandbox)
    shared = [namespace(kind) for kind in ("net", "ipc", "pid")]
    assert [log[0], log[1], log[3]] == shared
    assert log[2] != namespace("uts"), "its host name is its node's, whatever machine that is on"
    assert NODE_IP in log[4]


async def test_users_of_a_pods_own(node: Node, tmp_path: Path) -> None:
    for directory in node.config.run_dir.parents:
        directory.chmod(directory.stat().st_mode | stat.S_IXOTH)
    shown = tmp_path / "volume"
    shown.mkdir()
    (shown / "file").write_text("of root\n")
    sandbox = await node.sandbox(
        user_namespace=True, sysctls={"net.ipv4.ip_local_port_range": "30000 40000", "kernel.shm_rmid_forced": "1"}
    )
    volume = Mount(host_path=str(shown), container_path="/volume")
    script = "cat /proc/self/uid_map; id -u; stat -c %u /bin /volume/file; touch /made /volume/made; hostname;"
    script += "cat /proc/sys/kernel/shm_rmid_forced"
    run = await node.finished(sandbox, script, mounts=[volume])
    log = node.log(sandbox)
    first = int(sandbox.ip.split(".")[2]) * 256 + int(sandbox.ip.split(".")[3])
    assert log[0].split() == ["0", str(first * 65536), "65536"]
    assert log[1:4] == ["0", "0", "0"], "its root owns what root owns, and is root to itself"
    assert (shown / "made").stat().st_uid == 0, "volumes keep their numbers"
    assert run.exit_code == 0 and log[4:] == ["pod", "1"]
    await node.open.remove_sandbox(sandbox.id)
    assert str(shown) not in Path("/proc/self/mountinfo").read_text()


async def test_the_hosts_name_does_not_change(node: Node) -> None:
    before = socket.gethostname()
    await node.sandbox(hostname="somewhere-else")
    assert socket.gethostname() == before


async def test_sysctls(node: Node) -> None:
    sandbox = await node.sandbox(sysctls={"net.core.somaxconn": "77", "kernel.shm_rmid_forced": "1"})
    program = "cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shm_rmid_forced"
    await node.finished(sandbox, f"{program} /proc/sys/net/ipv4/ip_unprivileged_port_start")
    assert node.log(sandbox) == ["77", "1", "0"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sysctls": {"net.no.such": "1"}}, "cannot set sysctl 'net.no.such'"),
        ({"sysctls": {"net.core.somaxconn": "1"}, "host_network": True}, "shares the host's net namespace"),
        ({"sysctls": {"../../../tmp/x": "1"}}, "not allowed|invalid sysctl"),
        ({"sysctls": {"net/../../../../tmp/x": "1"}}, "invalid sysctl|not allowed"),
    ],
)
async def test_impossible_sysctls_are_refused_and_leave_nothing(
    node: Node, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidConfig, match=message):
        await node.sandbox(**fields)
    assert await node.open.list_sandboxes() == []
    assert node.leftovers() == []


async def test_addresses_are_never_shared_and_run_out(node: Node) -> None:
    for sandbox in await asyncio.gather(*(node.sandbox(f"p{number}") for number in range(5))):
        assert sandbox.ip.startswith("10.77.1.")
    addresses = [sandbox.ip for sandbox in await node.open.list_sandboxes()]
    assert len(set(addresses)) == 5
    async with node.using(node.elsewhere(pod_cidr="10.78.0.0/30")) as runtime:
        sandbox = await node.sandbox("one")
        with pytest.raises(RuntimeFailure, match="no pod address is free"):
            await node.sandbox("two")
        await runtime.remove_sandbox(sandbox.id)
        assert (await node.sandbox("three")).ip == sandbox.ip


async def test_a_node_without_a_pod_network_says_so(node: Node) -> None:
    async with node.using(node.elsewhere(pod_cidr="")):
        with pytest.raises(RuntimeFailure, match="no pod CIDR"):
            await node.sandbox("one")
        assert (await node.sandbox("host", host_network=True)).state is SandboxState.READY


async def test_host_ports(node: Node) -> None:
    web = await serving(node, "web", port_mappings=[PortMapping(host_port=8080, container_port=80)])
    await answer(web.ip)
    assert await answer(NODE_IP, 8080) == "web"
    assert await answer("127.0.0.1", 8080) == "web"
    client = await node.sandbox("client")
    await node.finished(client, f"until nc -w 5 {NODE_IP} 8080 </dev/null 2>/dev/null; do sleep 0.05; done")
    assert node.log(client)[-2] == "web"
    await node.open.stop_sandbox(web.id)
    assert "hostports" not in output("nft", "list", "tables")


async def test_port_forward(node: Node) -> None:
    web = await serving(node, "web")
    await answer(web.ip)

    async def through() -> bytes | None:
        try:
            connection = await node.open.port_forward(web.id, 80)
        except RuntimeFailure:
            return None
        data = await connection.reader.read(100)
        await connection.close()
        return data

    assert (await eventually(through, "the forwarded port answers")).strip() == b"web"
    with pytest.raises(RuntimeFailure, match="cannot connect to port 81 of pod default/web: Connection refused"):
        await node.open.port_forward(web.id, 81)
