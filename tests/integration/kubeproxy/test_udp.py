"""UDP services: the kernel binds a client's flow to an endpoint for as long as it talks."""

from __future__ import annotations

from tests.integration.kubeproxy.conftest import (
    BRIEFLY,
    ENDPOINT_IPS,
    PORT,
    SERVICE_IP,
    KubeProxy,
    Network,
    eventually,
)
from tests.support.fake_apiserver import FakeApiServer
from tests.support.services import endpoint_slice, service

UDP_PORTS = [{"port": 53, "protocol": "UDP", "nodePort": 30_053}]
UDP_TARGETS = [{"port": PORT, "protocol": "UDP"}]


async def test_a_flow_whose_endpoint_went_away_moves_to_another(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    def talk(source_port: int = 4_000, seconds: float = 30.0) -> str:
        [answer] = network.client.call("udp", host=SERVICE_IP, port=53, source_port=source_port, seconds=seconds)
        return str(answer).split()[0]

    await api.put(service(ports=UDP_PORTS, type="NodePort"), endpoint_slice(*ENDPOINT_IPS[:2], ports=UDP_TARGETS))
    await eventually("the service answers", lambda: talk(4_001, BRIEFLY).startswith("ep"), state=proxy.rules)
    bound = talk()
    assert {talk() for _ in range(10)} == {bound}, "one flow stays with one endpoint"
    left = [address for number, address in enumerate(ENDPOINT_IPS[:2]) if f"ep{number}" != bound]
    await api.put(endpoint_slice(*left, ports=UDP_TARGETS))
    # As it goes on talking the kernel would never forget it by itself.
    await eventually("the flow moved", lambda: talk() != bound, state=proxy.rules)
