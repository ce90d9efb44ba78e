"""Where proxied requests go."""

from __future__ import annotations

import pytest

from api import errors
from api import types as t
from apiserver.proxy_targets import Reference, Target, of_node, of_pod, of_service, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web", Reference("", "web", "")),
        ("web:80", Reference("", "web", "80")),
        ("web:http", Reference("", "web", "http")),
        ("https:web:443", Reference("https", "web", "443")),
        ("http:web:", Reference("http", "web", "")),
    ],
)
def test_references(text: str, expected: Reference) -> None:
    assert parse("service", text) == expected


@pytest.mark.parametrize("text", ["", ":80", "ftp:web:80", "a:b:c:d"])
def test_references_that_name_nothing(text: str) -> None:
    with pytest.raises(errors.BadRequest, match="invalid service request"):
        parse("service", text)


def pod(ip: str, *ports: int) -> t.Pod:
    container = t.Container(name="c", ports=[t.ContainerPort(container_port=port) for port in ports])
    return t.Pod(spec=t.PodSpec(containers=[container]), status=t.PodStatus(pod_ip=ip))


def test_a_pod_is_asked_at_the_port_named_else_at_its_first() -> None:
    assert of_pod(pod("10.0.0.1", 8080, 9090), parse("pod", "a")) == Target("http", "10.0.0.1", 8080)
    assert of_pod(pod("10.0.0.1", 8080), parse("pod", "https:a:9090")) == Target("https", "10.0.0.1", 9090)
    assert of_pod(pod("10.0.0.1"), parse("pod", "a")) == Target("http", "10.0.0.1", 80)
    assert of_pod(pod("fd00::1", 80), parse("pod", "a")).authority == "[fd00::1]:80"


@pytest.mark.parametrize("ip", ["", "127.0.0.1", "169.254.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1", "localhost"])
def test_the_api_servers_own_machine_is_nobodys_target(ip: str) -> None:
    with pytest.raises(errors.BadRequest, match="address not allowed"):
        of_pod(pod(ip, 80), parse("pod", "a"))


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_pods_port_is_a_number(port: str) -> None:
    with pytest.raises(errors.BadRequest, match="invalid port"):
        of_pod(pod("10.0.0.1"), parse("pod", f"a:{port}"))


def service(*ports: tuple[str, int]) -> t.Service:
    return t.Service(
        metadata=t.ObjectMeta(name="web"),
        spec=t.ServiceSpec(ports=[t.ServicePort(name=name, port=port) for name, port in ports]),
    )


def endpoints(name: str, port: int, *ips: str) -> t.Endpoints:
    return t.Endpoints(
        subsets=[
            t.EndpointSubset(
                addresses=[t.EndpointAddress(ip=ip) for ip in ips], ports=[t.EndpointPort(name=name, port=port)]
            )
        ]
    )


def test_a_services_port_is_named_or_given_as_its_number() -> None:
    backends = endpoints("http", 8080, "10.0.0.1")
    for port in ("http", "80"):
        found = of_service(service(("http", 80)), backends, parse("service", f"web:{port}"))
        assert found == Target("http", "10.0.0.1", 8080)
    assert of_service(service(("", 80)), endpoints("", 8080, "10.0.0.1"), parse("service", "web")).port == 8080


def test_all_ready_endpoints_are_chosen_from() -> None:
    backends = endpoints("", 8080, "10.0.0.1", "10.0.0.2")
    hosts = {of_service(service(("", 80)), backends, parse("service", "web")).host for _ in range(100)}
    assert hosts == {"10.0.0.1", "10.0.0.2"}


@pytest.mark.parametrize(
    ("reference", "backends", "message"),
    [
        ("web:81", endpoints("http", 8080, "10.0.0.1"), 'no service port 81 found for service "web"'),
        ("web:http", endpoints("http", 8080), 'no endpoints available for service "web"'),
        ("web:other", endpoints("http", 8080, "10.0.0.1"), 'no endpoints available for service "web"'),
        ("web", t.Endpoints(), 'no endpoints available for service "web"'),
    ],
)
def test_services_nobody_answers_for(reference: str, backends: t.Endpoints, message: str) -> None:
    with pytest.raises(errors.ServiceUnavailable, match=message):
        of_service(service(("http", 80)), backends, parse("service", reference))


def test_a_nodes_kubelet_is_told_from_its_other_ports() -> None:
    node = t.Node(
        metadata=t.ObjectMeta(name="node-1"),
        status=t.NodeStatus(
            addresses=[
                t.NodeAddress(type="Hostname", address="n"),
                t.NodeAddress(type="InternalIP", address="10.0.0.2"),
            ],
            daemon_endpoints=t.NodeDaemonEndpoints(kubelet_endpoint=t.DaemonEndpoint(port=10250)),
        ),
    )
    for reference in ("node-1", "node-1:10250", "https:node-1:10250"):
        assert of_node(node, parse("node", reference)) == Target("https", "10.0.0.2", 10250, "node-1")
    assert of_node(node, parse("node", "node-1:9100")) == Target("http", "10.0.0.2", 9100)
