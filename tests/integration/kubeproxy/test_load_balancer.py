"""Addresses of load balancers: answered for by one node, open to the networks named, with a health check."""

from __future__ import annotations

import json
import sys
from typing import Any

from api import codec
from api.types import Service
from tests.integration.kubeproxy.conftest import (
    BRIEFLY,
    ENDPOINT_IPS,
    NODE_IP,
    OUTSIDE_IP,
    KubeProxy,
    Network,
    eventually,
)
from tests.support.fake_apiserver import FakeApiServer
from tests.support.netns import Namespace
from tests.support.services import endpoint, endpoint_slice

ADDRESS = "192.168.77.200"
POOL = "192.168.77.192/26"
HEALTH_PORT = 32_000
# Prints an answer's code and body, whatever the code.
ASK = """
import sys, urllib.error, urllib.request
try:
    answer = urllib.request.urlopen(sys.argv[1], timeout=30)
except urllib.error.HTTPError as error:
    answer = error
print(answer.code, answer.read().decode(), sep="\\n")
"""


def balanced(node: str = "here", **spec: Any) -> Service:
    tree = {
        "metadata": {
            "name": "web",
            "namespace": "default",
            "annotations": {"podling.io/load-balancer-node": node},
        },
        "spec": {"type": "LoadBalancer", "clusterIP": "10.96.0.50", "ports": [{"port": 80}], **spec},
        "status": {"loadBalancer": {"ingress": [{"ip": ADDRESS, "ipMode": "VIP"}]}},
    }
    return codec.from_tree(Service, tree)


def ask(source: Namespace, seconds: float = 30.0) -> str:
    (answer,) = source.call("tcp", host=ADDRESS, port=80, seconds=seconds)
    return str(answer)


async def served(network: Network, proxy: KubeProxy) -> None:
    await eventually("the outside is served", lambda: ask(network.outside, 0.5).startswith("ep"), state=proxy.log)


async def restart_with_pool(proxy: KubeProxy) -> None:
    await proxy.stop()
    proxy.start(f"--load-balancer-addresses={POOL}")
    await proxy.wait_ready()


async def test_the_node_chosen_answers_for_the_address(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    await restart_with_pool(proxy)
    await api.put(balanced(), endpoint_slice(*ENDPOINT_IPS))
    await served(network, proxy)
    # Pods and the node itself take the short way.
    assert ask(network.client).startswith("ep")
    assert ask(network.node).startswith("ep")
    await api.put(balanced("there"))
    await eventually("the address is given up", lambda: ADDRESS not in network.node.run("ip", "address"))
    assert ask(network.client).startswith("ep")


async def test_what_was_announced_before_a_restart_is_put_right(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    await restart_with_pool(proxy)
    await api.put(balanced(), endpoint_slice(*ENDPOINT_IPS))
    await served(network, proxy)
    await proxy.stop()
    assert ask(network.outside).startswith("ep")
    await api.remove(balanced())
    proxy.start(f"--load-balancer-addresses={POOL}")
    await eventually("the address is gone", lambda: ADDRESS not in network.node.run("ip", "address"), state=proxy.log)


async def test_only_the_networks_named_may_ask(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    await restart_with_pool(proxy)
    await api.put(balanced(loadBalancerSourceRanges=[f"{OUTSIDE_IP}/32"]), endpoint_slice(*ENDPOINT_IPS))
    await served(network, proxy)
    assert ask(network.client, BRIEFLY) == "TimeoutError"
    await api.put(balanced(loadBalancerSourceRanges=["10.9.0.0/16", "10.9.8.0/24"]))
    await eventually("it is shut out", lambda: ask(network.outside, BRIEFLY) == "TimeoutError", state=proxy.log)


async def test_the_health_check_tells_whether_there_is_an_endpoint_here(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    def asked() -> tuple[str, int]:
        text = network.outside.run(sys.executable, "-c", ASK, f"http://{NODE_IP}:{HEALTH_PORT}/")
        code, body = text.split("\n", 1)
        return code, json.loads(body)["localEndpoints"]

    local = {"externalTrafficPolicy": "Local", "healthCheckNodePort": HEALTH_PORT}
    await api.put(balanced(**local), endpoint_slice(ENDPOINT_IPS[0], endpoint("10.244.2.1", "there")))
    await eventually("one is here", lambda: listening(network) and asked() == ("200", 1), state=proxy.log)
    await api.put(endpoint_slice(endpoint("10.244.2.1", "there")))
    await eventually("none is", lambda: asked() == ("503", 0), state=proxy.log)
    await api.put(balanced())
    await eventually("the port is closed", lambda: not listening(network), state=proxy.log)


def listening(network: Network) -> bool:
    return f":{HEALTH_PORT} " in network.node.run("ss", "-ltn")
