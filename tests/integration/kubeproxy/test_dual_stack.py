"""Traffic over IPv6 beside IPv4: the same Services, endpoints and policies, on a node of two families."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from api import codec
from api.types import Pod, PodIP, Service, ServiceStatus
from kubeproxy.announcer import ANNOUNCER_ANNOTATION
from tests.integration.kubeproxy.conftest import (
    BRIEFLY,
    CLIENT_IP,
    ENDPOINT_IPS,
    NODE_IP,
    POD_CIDR,
    PORT,
    SERVICE_IP,
    KubeProxy,
    Network,
    eventually,
)
from tests.support.fake_apiserver import FakeApiServer
from tests.support.netns import Namespace
from tests.support.policies import namespace, pod, policy
from tests.support.services import endpoint_slice, service

NODE_V6, OUTSIDE_V6 = "fd77::1", "fd77::2"
CIDR_V6 = "fd00:0:0:1::/64"
CLIENT_V6 = "fd00:0:0:1::2"
ENDPOINTS_V6 = ("fd00:0:0:1::11", "fd00:0:0:1::12", "fd00:0:0:1::13")
SERVICES_V6 = "fd00:96::/112"
SERVICE_V6 = "fd00:96::50"
BALANCED_V6 = "fd77::ff00"
NODE_PORT = 30080
GATEWAY = "fe80::1"
BOTH = {"clusterIPs": [SERVICE_IP, SERVICE_V6], "ipFamilies": ["IPv4", "IPv6"]}
DUAL_STACK = (
    f"--node-ip={NODE_IP},{NODE_V6}",
    f"--pod-cidr={POD_CIDR},{CIDR_V6}",
    f"--service-cidr=10.96.0.0/16,{SERVICES_V6}",
)


def endpoints(count: int = 3, **more: Any) -> list[Any]:
    """The slices of both families."""
    six = endpoint_slice(*ENDPOINTS_V6[:count], address_type="IPv6", name="web-v6", **more)
    return [endpoint_slice(*ENDPOINT_IPS[:count], **more), six]


def dual_pod(name: str, four: str, six: str, **labels: str) -> Pod:
    made = pod(name, four, **labels)
    return replace(made, status=replace(made.status, pod_ips=[PodIP(ip=four), PodIP(ip=six)]))


@pytest.fixture
def dual(network: Network) -> Network:
    """The network with an address of IPv6 each, wired as the kubelet does."""
    network.node.run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=0")
    network.node.ip("address", "add", f"{NODE_V6}/64", "dev", "eth0", "nodad")
    network.node.ip("route", "add", "default", "via", OUTSIDE_V6)
    network.outside.ip("address", "add", f"{OUTSIDE_V6}/64", "dev", "eth0", "nodad")
    network.outside.ip("route", "add", SERVICES_V6, "via", NODE_V6)
    pods = [(network.client, CLIENT_V6, "veth-client")]
    pods += [(each, ENDPOINTS_V6[n], f"veth-ep{n}") for n, each in enumerate(network.endpoints)]
    for each, address, link in pods:
        network.node.ip("address", "add", f"{GATEWAY}/64", "dev", link, "nodad")
        network.node.ip("route", "add", f"{address}/128", "dev", link, "src", NODE_V6)
        each.ip("address", "add", f"{address}/128", "dev", "eth0", "nodad")
        each.ip("route", "add", "default", "via", GATEWAY, "dev", "eth0")
    for n, each in enumerate(network.endpoints):
        each.call("serve", name=f"six{n}", port=PORT, host=ENDPOINTS_V6[n])
    return network


@pytest.fixture
async def proxy(dual: Network, proxy: KubeProxy) -> KubeProxy:
    """The node's kube-proxy, started anew with both families."""
    await proxy.stop()
    proxy.start(*DUAL_STACK)
    await proxy.wait_ready()
    return proxy


def ask(source: Namespace, host: str = SERVICE_V6, port: int = 80, count: int = 1, seconds: float = 30.0) -> list[str]:
    answers: list[str] = source.call("tcp", host=host, port=port, count=count, seconds=seconds)
    return answers


def silent(source: Namespace, host: str) -> bool:
    return ask(source, host, PORT, seconds=BRIEFLY) == ["TimeoutError"]


async def answers(source: Namespace, proxy: KubeProxy, wanted: str, host: str = SERVICE_V6, port: int = 80) -> None:
    def answered() -> bool:
        return ask(source, host, port, seconds=BRIEFLY)[0].startswith(wanted)

    await eventually(f"{wanted!r} answers", answered, state=proxy.policies)


async def test_cluster_addresses_of_both_families(dual: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    await api.put(service(**BOTH), *endpoints())
    await answers(dual.client, proxy, "six")
    counts = Counter(ask(dual.client, count=90))
    assert set(counts) == {f"six{n} {CLIENT_V6}" for n in range(3)}
    assert ask(dual.client, SERVICE_IP)[0].endswith(f" {CLIENT_IP}")
    # From outside the answers come back through the node only if it stands in for the client.
    await answers(dual.outside, proxy, "six")
    # What a pod sends to itself by way of the Service, too.
    await api.put(*endpoints(1))
    await eventually("one is left", lambda: set(ask(dual.client, count=5)) == {f"six0 {CLIENT_V6}"})
    assert ask(dual.endpoints[0]) == [f"six0 {NODE_V6}"]


async def test_what_has_no_endpoint_is_refused(dual: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    four, six = endpoints(1)
    await api.put(service(**BOTH), four, six)
    await answers(dual.client, proxy, "six")
    await api.remove(six)
    await answers(dual.client, proxy, "ConnectionRefusedError")
    assert ask(dual.client, SERVICE_IP)[0].startswith("ep0")
    assert ask(dual.client, "fd00:96::99") == ["ConnectionRefusedError"]
    assert dual.client.call("udp", host=SERVICE_V6, port=53) == ["ConnectionRefusedError"]
    assert ask(dual.node) == ["ConnectionRefusedError"]


async def test_node_ports_and_affinity(dual: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    ports = [{"port": 80, "nodePort": NODE_PORT}]
    await api.put(service(type="NodePort", ports=ports, sessionAffinity="ClientIP", **BOTH), *endpoints())
    await answers(dual.outside, proxy, "six", NODE_V6, NODE_PORT)
    assert len(set(ask(dual.client, count=20))) == 1
    before = ask(dual.client)
    await proxy.stop()
    proxy.start(*DUAL_STACK)
    await proxy.wait_ready()
    assert ask(dual.client, count=5) == before * 5


async def test_udp_clients_leave_an_endpoint_that_is_gone(dual: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    def asked() -> str:
        (answer,) = dual.client.call("udp", host=SERVICE_V6, port=53, source_port=5555, seconds=BRIEFLY)
        return str(answer)

    target = {"ports": [{"port": PORT, "protocol": "UDP"}]}
    await api.put(service(ports=[{"port": 53, "protocol": "UDP"}], **BOTH), *endpoints(1, **target))
    await eventually("ep0 answers", lambda: asked() == f"six0 {CLIENT_V6}", state=proxy.policies)
    six = endpoint_slice(ENDPOINTS_V6[1], address_type="IPv6", name="web-v6", **target)
    await api.put(six)
    await eventually("ep1 answers", lambda: asked() == f"six1 {CLIENT_V6}", state=proxy.log)


async def test_policies_hold_for_both_families(dual: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    await api.put(
        namespace("default"),
        dual_pod("client", CLIENT_IP, CLIENT_V6, app="client"),
        dual_pod("ep0", ENDPOINT_IPS[0], ENDPOINTS_V6[0], app="web"),
    )
    await answers(dual.client, proxy, "six0", ENDPOINTS_V6[0], PORT)
    web = {"podSelector": {"matchLabels": {"app": "web"}}}
    await api.put(policy(**web))
    for address in (ENDPOINT_IPS[0], ENDPOINTS_V6[0]):
        await answers(dual.client, proxy, "TimeoutError", address, PORT)
    # A pod nobody knows yet has no traffic.
    await eventually("unknown pods are cut off", lambda: silent(dual.client, ENDPOINTS_V6[2]), state=proxy.policies)
    await api.put(policy(**web, ingress=[{"from": [{"ipBlock": {"cidr": CIDR_V6}}]}]))
    await answers(dual.client, proxy, "six0", ENDPOINTS_V6[0], PORT)
    await eventually("IPv4 is cut off", lambda: silent(dual.client, ENDPOINT_IPS[0]), state=proxy.policies)
    await api.put(policy(**web, ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "client"}}}]}]))
    await answers(dual.client, proxy, "ep0", ENDPOINT_IPS[0], PORT)
    assert ask(dual.client, ENDPOINTS_V6[0], PORT) == [f"six0 {CLIENT_V6}"]


async def test_the_node_chosen_answers_for_a_load_balancers_addresses(
    dual: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    await proxy.stop()
    proxy.start(*DUAL_STACK, f"--load-balancer-addresses=192.168.77.192/26,{BALANCED_V6}/124")
    await proxy.wait_ready()
    ingress = [{"ip": ip, "ipMode": "VIP"} for ip in ("192.168.77.200", BALANCED_V6)]
    status = codec.from_tree(ServiceStatus, {"loadBalancer": {"ingress": ingress}})
    made = replace(service(type="LoadBalancer", **BOTH), status=status)

    def on(node: str) -> Service:
        return replace(made, metadata=replace(made.metadata, annotations={ANNOUNCER_ANNOTATION: node}))

    await api.put(on("here"), *endpoints())
    await answers(dual.outside, proxy, "six", BALANCED_V6)
    await answers(dual.outside, proxy, "ep", "192.168.77.200")
    assert ask(dual.client, BALANCED_V6)[0].startswith("six")
    shown = dual.node.run("ip", "-6", "address", "show", "dev", "eth0")
    assert "deprecated" in next(line for line in shown.splitlines() if f"{BALANCED_V6}/128" in line)
    # Whoever takes it over is known to the neighbours at once, whatever they knew.
    dual.outside.ip("neigh", "replace", BALANCED_V6, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "reachable")
    await api.put(on("there"))
    await eventually("it is given up", lambda: BALANCED_V6 not in dual.node.run("ip", "-6", "address"))
    await api.put(on("here"))
    await answers(dual.outside, proxy, "six", BALANCED_V6)


@pytest.mark.usefixtures("proxy")
def test_a_pod_sends_from_no_address_but_its_own(dual: Network) -> None:
    """Policies go by addresses: another pod's is not to be had."""
    target, other = dual.endpoints[0], ENDPOINTS_V6[1]
    target.run("nft", "add table ip6 seen")
    target.run("nft", "add set ip6 seen from { type ipv6_addr; flags dynamic; size 99; }")
    target.run("nft", "add chain ip6 seen in { type filter hook input priority 0; }")
    target.run("nft", "add rule ip6 seen in icmpv6 type echo-request add @from { ip6 saddr }")
    dual.client.ip("address", "add", f"{other}/128", "dev", "eth0", "nodad")
    for source, seconds in ((other, 1), (CLIENT_V6, 30)):
        command = ["busybox", "ping", "-c1", f"-W{seconds}", "-I", source, ENDPOINTS_V6[0]]
        dual.client.run("sh", "-c", f"{' '.join(command)} || true")
    seen = target.run("nft", "list", "set", "ip6", "seen", "from")
    assert CLIENT_V6 in seen
    assert other not in seen
