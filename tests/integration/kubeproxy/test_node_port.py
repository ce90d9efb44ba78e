"""Traffic from outside the cluster: node ports and external IPs."""

from __future__ import annotations

from typing import Any

from api.types import Service
from tests.integration.kubeproxy.conftest import (
    BRIEFLY,
    CLIENT_IP,
    DNS_IP,
    ENDPOINT_IPS,
    NODE_IP,
    OUTSIDE_IP,
    KubeProxy,
    Network,
    eventually,
)
from tests.support.fake_apiserver import FakeApiServer
from tests.support.netns import Namespace
from tests.support.services import endpoint, endpoint_slice, service

NODE_PORT = 30_080
EXTERNAL_IP = "10.200.0.1"


def node_port(**spec: Any) -> Service:
    return service(type="NodePort", ports=[{"port": 80, "nodePort": NODE_PORT}], **spec)


def ask(source: Namespace, host: str = NODE_IP, port: int = NODE_PORT, seconds: float = 30.0) -> str:
    [answer] = source.call("tcp", host=host, port=port, seconds=seconds)
    return str(answer)


async def test_a_node_port_answers_on_the_nodes_address_only(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    await api.put(node_port(), endpoint_slice(*ENDPOINT_IPS))
    answer = await eventually(
        "the outside is answered", lambda: _answered(ask(network.outside, seconds=2.0)), state=proxy.rules
    )
    assert answer.endswith(f" {NODE_IP}"), "with policy Cluster the answer must come back through the node"
    assert ask(network.client).startswith("ep")
    assert ask(network.node).startswith("ep")
    assert ask(network.node, "127.0.0.1") == "ConnectionRefusedError"
    assert ask(network.client, DNS_IP) == "ConnectionRefusedError"


async def test_policy_local_keeps_the_client_address(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    await api.put(node_port(externalTrafficPolicy="Local"), endpoint_slice(ENDPOINT_IPS[0]))
    await eventually(
        "the outside is answered", lambda: ask(network.outside, seconds=2.0) == f"ep0 {OUTSIDE_IP}", state=proxy.rules
    )


async def test_policy_local_without_local_endpoints_serves_only_the_nodes_own(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    elsewhere = endpoint(ENDPOINT_IPS[0], "elsewhere")
    await api.put(node_port(externalTrafficPolicy="Local"), endpoint_slice(elsewhere))
    await eventually(
        "the client is answered", lambda: ask(network.client, seconds=2.0) == f"ep0 {CLIENT_IP}", state=proxy.rules
    )
    assert ask(network.node).startswith("ep0 ")
    assert ask(network.outside, seconds=BRIEFLY) == "TimeoutError"


async def test_a_node_port_without_endpoints_is_refused(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    network.node.call("serve", name="impostor", port=NODE_PORT)
    assert ask(network.outside).startswith("impostor")
    await api.put(node_port(), endpoint_slice())
    await eventually(
        "it is refused", lambda: ask(network.outside, seconds=2.0) == "ConnectionRefusedError", state=proxy.rules
    )


async def test_external_ips_answer(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    network.outside.ip("route", "add", f"{EXTERNAL_IP}/32", "via", NODE_IP)
    await api.put(service(externalIPs=[EXTERNAL_IP]), endpoint_slice(ENDPOINT_IPS[0]))
    await eventually(
        "the outside is answered", lambda: _answered(ask(network.outside, EXTERNAL_IP, 80, 2.0)), state=proxy.rules
    )
    await api.put(endpoint_slice())
    await eventually(
        "it is refused",
        lambda: ask(network.outside, EXTERNAL_IP, 80, 2.0) == "ConnectionRefusedError",
        state=proxy.rules,
    )


async def test_affinity_holds_for_node_ports_too(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    await api.put(node_port(sessionAffinity="ClientIP"), endpoint_slice(*ENDPOINT_IPS))
    await eventually("the outside is answered", lambda: _answered(ask(network.outside, seconds=2.0)), state=proxy.rules)
    assert len({ask(network.outside).split()[0] for _ in range(15)}) == 1


def _answered(answer: str) -> str:
    return answer if answer.startswith("ep") else ""
