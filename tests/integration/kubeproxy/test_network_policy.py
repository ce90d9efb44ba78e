"""Network policies in the kernel: who reaches whom, on one node and from outside."""

from __future__ import annotations

from typing import Any

import pytest
from dnslib import RCODE, DNSRecord

from tests.integration.kubeproxy.conftest import (
    BRIEFLY,
    CLIENT_IP,
    DNS_IP,
    ENDPOINT_IPS,
    NODE_IP,
    OUTSIDE_IP,
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

DROPPED = ["TimeoutError"]


def reaches(source: Namespace, address: str, port: int = PORT, seconds: float = 30.0) -> bool:
    (answer,) = source.call("tcp", host=address, port=port, seconds=seconds)
    return bool(answer.startswith("ep"))


async def opens(source: Namespace, address: str, proxy: KubeProxy, port: int = PORT) -> None:
    await eventually(f"{address} is reached", lambda: reaches(source, address, port, BRIEFLY), state=proxy.rules)


async def closes(source: Namespace, address: str, proxy: KubeProxy, port: int = PORT) -> None:
    await eventually(f"{address} is cut off", lambda: not reaches(source, address, port, BRIEFLY), state=proxy.rules)


@pytest.fixture
async def pods(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    """client and ep0 in "default", ep1 in "other", ep2 in no pod that anybody knows."""
    await api.put(
        namespace("default", team="a"),
        namespace("other", team="b"),
        pod("client", CLIENT_IP, app="client"),
        pod("ep0", ENDPOINT_IPS[0], app="web", ports={"http": PORT}),
        pod("ep1", ENDPOINT_IPS[1], "other", app="web", ports={"http": PORT}),
    )
    assert reaches(network.client, ENDPOINT_IPS[0])


@pytest.mark.usefixtures("pods")
async def test_default_deny_and_back(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    await api.put(policy())
    await closes(network.client, ENDPOINT_IPS[0], proxy)
    # Another namespace's pods are another namespace's business.
    assert reaches(network.client, ENDPOINT_IPS[1])
    # The node itself, its probes, is let in.
    assert reaches(network.node, ENDPOINT_IPS[0])
    await api.remove(policy())
    await opens(network.client, ENDPOINT_IPS[0], proxy)
    await eventually("no table is left", lambda: "podling-policy" not in network.node.run("nft", "list", "tables"))


@pytest.mark.usefixtures("pods")
async def test_a_pod_nobody_has_judged_has_no_traffic(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    assert reaches(network.client, ENDPOINT_IPS[2])
    await api.put(policy(podSelector={"matchLabels": {"app": "nobody"}}))
    await closes(network.client, ENDPOINT_IPS[2], proxy)
    await closes(network.endpoints[2], ENDPOINT_IPS[0], proxy)
    await api.put(pod("ep2", ENDPOINT_IPS[2], app="late"))
    await opens(network.client, ENDPOINT_IPS[2], proxy)


@pytest.mark.parametrize(
    ("peer", "from_client", "from_other", "from_outside"),
    [
        ({"podSelector": {"matchLabels": {"app": "client"}}}, True, False, False),
        ({"namespaceSelector": {"matchLabels": {"team": "b"}}}, False, True, False),
        ({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}}, False, True, False),
        ({"ipBlock": {"cidr": f"{OUTSIDE_IP}/32"}}, False, False, True),
        ({"ipBlock": {"cidr": "0.0.0.0/0", "except": [f"{CLIENT_IP}/32"]}}, False, True, True),
    ],
)
@pytest.mark.usefixtures("pods")
async def test_who_is_let_in(
    network: Network,
    api: FakeApiServer,
    proxy: KubeProxy,
    peer: dict[str, Any],
    from_client: bool,
    from_other: bool,
    from_outside: bool,
) -> None:
    network.outside.ip("route", "add", "10.244.1.0/24", "via", NODE_IP)
    await api.put(policy(podSelector={"matchLabels": {"app": "web"}}, ingress=[{"from": [peer]}]))
    sources = [(network.client, from_client), (network.endpoints[1], from_other), (network.outside, from_outside)]
    for source, allowed in sorted(sources, key=lambda each: each[1]):
        await (opens if allowed else closes)(source, ENDPOINT_IPS[0], proxy)


@pytest.mark.usefixtures("pods")
async def test_ports_by_number_range_and_name(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    network.endpoints[0].call("serve", name="ep0", port=9000)
    for ports, closed, opened in (
        ([{"port": PORT}], 9000, PORT),
        ([{"port": 8990, "endPort": 9010}], PORT, 9000),
        ([{"port": "http"}], 9000, PORT),
        ([{"port": 9000, "protocol": "UDP"}, {"port": 9000}], PORT, 9000),
    ):
        await api.put(policy(podSelector={"matchLabels": {"app": "web"}}, ingress=[{"ports": ports}]))
        await closes(network.client, ENDPOINT_IPS[0], proxy, closed)
        await opens(network.client, ENDPOINT_IPS[0], proxy, opened)


@pytest.mark.usefixtures("pods")
async def test_egress_is_judged_after_the_service_was_resolved(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    await api.put(service(), endpoint_slice(ENDPOINT_IPS[0]))
    await opens(network.client, SERVICE_IP, proxy, 80)
    about = {"podSelector": {"matchLabels": {"app": "client"}}, "policyTypes": ["Egress"]}
    await api.put(policy(**about))
    await closes(network.client, SERVICE_IP, proxy, 80)

    def dns() -> list[str]:
        answers: list[str] = network.client.call("tcp", host=DNS_IP, port=53, seconds=BRIEFLY)
        return answers

    await eventually("not even DNS is reached", lambda: dns() == DROPPED, state=proxy.policies)
    web = {"podSelector": {"matchLabels": {"app": "web"}}}
    await api.put(policy(**about, egress=[{"to": [web], "ports": [{"port": "http"}]}]))
    await opens(network.client, SERVICE_IP, proxy, 80)
    await closes(network.client, ENDPOINT_IPS[1], proxy)


@pytest.mark.usefixtures("pods")
async def test_the_nodes_dns_is_named_as_clusters_name_theirs(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    dns = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    await api.put(
        namespace("kube-system"),
        policy(
            policyTypes=["Egress"], egress=[{"to": [dns], "ports": [{"port": 53}, {"port": 53, "protocol": "UDP"}]}]
        ),
    )
    await closes(network.client, ENDPOINT_IPS[0], proxy)
    query = bytes(DNSRecord.question("no.default.svc.cluster.local").pack()).hex()
    for transport in ("udp", "tcp"):
        answer = network.client.call(f"query_{transport}", host=DNS_IP, port=53, message=query)
        assert DNSRecord.parse(bytes.fromhex(answer)).header.rcode == RCODE.NXDOMAIN


@pytest.mark.usefixtures("pods")
async def test_a_restart_leaves_no_window_open(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    await api.put(policy())
    await eventually("the policies are in place", lambda: "judged" in proxy.policies(), state=proxy.log)
    await closes(network.client, ENDPOINT_IPS[0], proxy)
    await proxy.stop()
    assert not reaches(network.client, ENDPOINT_IPS[0], seconds=BRIEFLY)
    network.client.call("hammer_start", host=ENDPOINT_IPS[0], port=PORT, seconds=BRIEFLY)
    proxy.start()
    await proxy.wait_ready()
    await eventually("the policies are in place again", lambda: "judged" in proxy.policies(), state=proxy.log)
    assert network.client.call("hammer_stop")["ok"] == 0
    await api.put(policy(podSelector={"matchLabels": {"app": "client"}}))
    await opens(network.client, ENDPOINT_IPS[0], proxy)
