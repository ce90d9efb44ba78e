"""Session affinity by client address."""

from __future__ import annotations

from collections import Counter

from tests.integration.kubeproxy.conftest import (
    ENDPOINT_IPS,
    SERVICE_IP,
    KubeProxy,
    Network,
    eventually,
)
from tests.support.fake_apiserver import FakeApiServer
from tests.support.services import endpoint_slice, service

STICKY = {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 300}}}


def servers(network: Network, count: int = 20, seconds: float = 30.0) -> Counter[str]:
    answers = network.client.call("tcp", host=SERVICE_IP, port=80, count=count, seconds=seconds)
    return Counter(answer.split()[0] for answer in answers)


async def test_a_client_stays_with_its_endpoint_through_unrelated_changes(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    await api.put(service(**STICKY), endpoint_slice(*ENDPOINT_IPS[:2]))
    await eventually("the service answers", lambda: "ep" in str(servers(network, 1, 2.0)), state=proxy.rules)
    [chosen] = servers(network)
    await api.put(service("other", clusterIP="10.96.0.51"), endpoint_slice(*ENDPOINT_IPS))
    await eventually("the third endpoint is known", lambda: ENDPOINT_IPS[2] in proxy.rules(), state=proxy.rules)
    assert set(servers(network)) == {chosen}


async def test_a_client_moves_on_when_its_endpoint_goes_and_stays_there(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    await api.put(service(**STICKY), endpoint_slice(*ENDPOINT_IPS))
    await eventually("the service answers", lambda: "ep" in str(servers(network, 1, 2.0)), state=proxy.rules)
    [chosen] = servers(network)
    left = [address for number, address in enumerate(ENDPOINT_IPS) if f"ep{number}" != chosen]
    await api.put(endpoint_slice(*left))
    await eventually("it moved", lambda: chosen not in servers(network, 1), state=proxy.rules)
    assert len(servers(network)) == 1


async def test_affinity_outlives_a_restart_of_kube_proxy(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    await api.put(service(**STICKY), endpoint_slice(*ENDPOINT_IPS))
    await eventually("the service answers", lambda: "ep" in str(servers(network, 1, 2.0)), state=proxy.rules)
    [chosen] = servers(network)
    await proxy.stop()
    proxy.start()
    await proxy.wait_ready()
    assert set(servers(network)) == {chosen}
