"""ClusterIP traffic through the kernel."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.integration.kubeproxy.conftest import (
    BRIEFLY,
    CLIENT_IP,
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
from tests.support.services import endpoint, endpoint_slice, service

NAMED_PORTS = [{"name": "http", "port": 80, "targetPort": "web"}, {"name": "dns", "port": 53, "protocol": "UDP"}]
NAMED_TARGETS = [{"name": "http", "port": PORT, "protocol": "TCP"}, {"name": "dns", "port": PORT, "protocol": "UDP"}]


def ask(source: Namespace, count: int = 1, port: int = 80, seconds: float = 30.0) -> list[str]:
    answers: list[str] = source.call("tcp", host=SERVICE_IP, port=port, count=count, seconds=seconds)
    return answers


async def served(network: Network, proxy: KubeProxy, wanted: str = "ep") -> None:
    await eventually(
        f"{wanted} answers", lambda: ask(network.client, seconds=2.0)[0].startswith(wanted), state=proxy.rules
    )


async def test_connections_are_spread_over_all_endpoints_and_keep_the_client_address(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    await api.put(service(), endpoint_slice(*ENDPOINT_IPS))
    await served(network, proxy)
    counts = Counter(ask(network.client, 300))
    assert set(counts) == {f"ep{n} {CLIENT_IP}" for n in range(3)}
    assert min(counts.values()) > 60, counts


async def test_each_port_goes_to_the_target_of_its_name_and_protocol(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    await api.put(service(ports=NAMED_PORTS), endpoint_slice(ENDPOINT_IPS[0], ports=NAMED_TARGETS))
    await served(network, proxy)
    assert network.client.call("udp", host=SERVICE_IP, port=53) == [f"ep0 {CLIENT_IP}"]
    assert ask(network.client, port=53) == ["ConnectionRefusedError"]
    assert network.client.call("udp", host=SERVICE_IP, port=80) == ["ConnectionRefusedError"]


async def test_what_has_no_endpoint_is_refused_at_once(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    await api.put(service(ports=NAMED_PORTS), endpoint_slice(ENDPOINT_IPS[0], ports=NAMED_TARGETS))
    await served(network, proxy)
    await api.put(endpoint_slice(ports=NAMED_TARGETS))
    await eventually("nobody answers", lambda: ask(network.client) == ["ConnectionRefusedError"], state=proxy.rules)
    assert network.client.call("udp", host=SERVICE_IP, port=53) == ["ConnectionRefusedError"]
    assert ask(network.node) == ["ConnectionRefusedError"]
    assert network.client.call("tcp", host="10.96.9.9", port=80) == ["ConnectionRefusedError"]


async def test_an_endpoint_that_calls_its_own_service_may_reach_itself(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    await api.put(service(), endpoint_slice(ENDPOINT_IPS[0]))
    await served(network, proxy)
    [answer] = ask(network.endpoints[0])
    server, peer = answer.split()
    assert server == "ep0"
    assert peer != ENDPOINT_IPS[0]


async def test_the_node_and_the_outside_reach_cluster_ips(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    await api.put(service(), endpoint_slice(ENDPOINT_IPS[0]))
    await served(network, proxy)
    assert ask(network.node)[0].startswith("ep0 ")
    [answer] = ask(network.outside)
    assert answer.startswith("ep0 ")
    assert OUTSIDE_IP not in answer, "the answer must come back through the node"


async def test_terminating_endpoints_serve_while_there_is_no_other(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    leaving, gone = (
        endpoint_slice(endpoint(ENDPOINT_IPS[0], conditions={"ready": False, "serving": serving, "terminating": True}))
        for serving in (True, False)
    )
    await api.put(service(), leaving)
    await served(network, proxy, "ep0")
    await api.put(gone)
    await eventually("nobody answers", lambda: ask(network.client) == ["ConnectionRefusedError"], state=proxy.rules)


async def test_internal_traffic_policy_local_drops_what_has_no_endpoint_here(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    await api.put(service(internalTrafficPolicy="Local"), endpoint_slice(ENDPOINT_IPS[0]))
    await served(network, proxy)
    await api.put(endpoint_slice(endpoint("10.244.2.9", "elsewhere")))
    await eventually(
        "connections time out", lambda: ask(network.client, seconds=BRIEFLY) == ["TimeoutError"], state=proxy.rules
    )


async def test_no_connection_fails_while_endpoints_come_and_go(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    await api.put(service(), endpoint_slice(*ENDPOINT_IPS))
    await served(network, proxy)
    network.client.call("hammer_start", host=SERVICE_IP, port=80)
    answers: list[str] = []
    turn = 0
    while turn < 150 or network.client.call("hammered") < 300:
        await api.put(endpoint_slice(*ENDPOINT_IPS[: turn % 3 + 1]))
        answers += await asyncio.to_thread(ask, network.node, 3)
        turn += 1
    assert network.client.call("hammer_stop")["failures"] == []
    assert len({answer.split()[0] for answer in answers}) == 3, "the changes must have reached the kernel"


async def test_a_deleted_service_leaves_nothing_behind(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    before = proxy.rules()
    assert f"{{ {NODE_IP} }}" in before
    web = service(ports=[{"port": 80, "nodePort": 30080}], type="NodePort", sessionAffinity="ClientIP")
    endpoints = endpoint_slice(*ENDPOINT_IPS)
    await api.put(web, endpoints)
    await served(network, proxy)
    await api.remove(web)
    await eventually("the rules are as before", lambda: proxy.rules() == before, state=proxy.rules)
