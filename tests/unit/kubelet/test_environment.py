"""What a container's environment holds: values, references, Service variables, expansion."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from api import codec
from api.types import ConfigMap, Pod, Secret, Service
from kubelet.containers.environment import (
    EnvironmentFailure,
    Reference,
    Sources,
    build,
    files,
    references,
    service_variables,
)
from kubelet.containers.expansion import expand
from kubelet.containers.fields import PodFacts
from tests.support.kubelet import container, pod

FACTS = PodFacts(pod_ip="10.0.0.5", host_ip="10.1.0.2", node_allocatable={"cpu": "2", "memory": "1Gi"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$(A)-$(B)", "1-2"),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(A", "$(A"),
        ("$A $", "$A $"),
        ("$()", "$()"),
        ("$($(A))", "$($(A))"),
        ("a$$b", "a$b"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text, {"A": "1"}, {"A": "9", "B": "2"}) == expected


def config_map(name: str, **data: str) -> ConfigMap:
    return codec.from_tree(ConfigMap, {"metadata": {"name": name, "namespace": "default"}, "data": data})


def secret(name: str, **data: bytes) -> Secret:
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    return codec.from_tree(Secret, {"metadata": {"name": name, "namespace": "default"}, "data": encoded})


def environment(owner: Pod, *objects: ConfigMap | Secret, services: dict[str, str] | None = None) -> dict[str, str]:
    sources = Sources.of(objects, {("config", "app.env"): {"a": "from a file"}})
    return build(owner, owner.spec.containers[0], sources, services or {}, FACTS)


def with_env(*env: dict[str, Any], **more: Any) -> Pod:
    return pod(container(env=list(env), **more), meta={"labels": {"app": "web"}, "annotations": {"note": "x"}})


def from_field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def test_later_variables_see_earlier_ones() -> None:
    made = environment(
        with_env({"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"}, {"name": "A", "value": "$(B)!"})
    )
    assert made == {"A": "12!", "B": "12"}


def test_fields_of_the_pod() -> None:
    paths = {
        "NAME": "metadata.name",
        "NAMESPACE": "metadata.namespace",
        "NODE": "spec.nodeName",
        "IP": "status.podIP",
        "HOST": "status.hostIP",
        "LABEL": "metadata.labels['app']",
        "NONE": "metadata.annotations['absent']",
    }
    made = environment(with_env(*(from_field(name, path) for name, path in paths.items())))
    assert made == {
        "NAME": "web",
        "NAMESPACE": "default",
        "NODE": "node-1",
        "IP": "10.0.0.5",
        "HOST": "10.1.0.2",
        "LABEL": "web",
        "NONE": "",
    }


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(EnvironmentFailure, match=r"unsupported fieldPath: spec\.containers"):
        environment(with_env(from_field("X", "spec.containers")))


@pytest.mark.parametrize(
    ("resource", "divisor", "expected"),
    [
        ("limits.cpu", "0", "1"),
        ("limits.cpu", "1m", "500"),
        ("limits.memory", "1Mi", "64"),
        ("requests.memory", "1Mi", "0"),
        ("limits.ephemeral-storage", "1", "0"),
    ],
)
def test_resources_are_rounded_up_to_the_divisor(resource: str, divisor: str, expected: str) -> None:
    reference = {"resource": resource, "divisor": divisor}
    owner = with_env(
        {"name": "X", "valueFrom": {"resourceFieldRef": reference}},
        resources={"limits": {"cpu": "500m", "memory": "64Mi"}},
    )
    assert environment(owner) == {"X": expected}


def test_a_limit_that_is_not_set_is_the_nodes_allocatable() -> None:
    owner = with_env({"name": "X", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}})
    assert environment(owner) == {"X": "2"}


def test_env_from_with_prefix_and_override() -> None:
    owner = with_env(
        {"name": "A_KEY", "value": "own"},
        envFrom=[{"configMapRef": {"name": "cm"}, "prefix": "A_"}, {"secretRef": {"name": "s"}}],
    )
    made = environment(owner, config_map("cm", KEY="1", OTHER="2"), secret("s", TOKEN=b"t"))
    assert made == {"A_KEY": "own", "A_OTHER": "2", "TOKEN": "t"}


def test_single_keys_of_config_maps_and_secrets() -> None:
    owner = with_env(
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "a"}}},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "b"}}},
    )
    assert environment(owner, config_map("cm", a="1"), secret("s", b=b"2")) == {"A": "1", "B": "2"}
    assert references(owner.spec.containers[0]) == {Reference(ConfigMap, "cm"), Reference(Secret, "s")}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMapKeyRef": {"name": "no", "key": "a"}}, 'configmap "no" not found'),
        ({"secretKeyRef": {"name": "no", "key": "a"}}, 'secret "no" not found'),
        ({"configMapKeyRef": {"name": "cm", "key": "no"}}, "couldn't find key no in ConfigMap default/cm"),
        (
            {"fileKeyRef": {"volumeName": "config", "path": "app.env", "key": "no"}},
            'environment variable key "no" not found in file "app.env"',
        ),
        (
            {"fileKeyRef": {"volumeName": "config", "path": "no.env", "key": "a"}},
            'environment variable key "a" not found in file "no.env"',
        ),
    ],
)
def test_what_is_missing_is_named_unless_it_is_optional(source: dict[str, Any], message: str) -> None:
    with pytest.raises(EnvironmentFailure) as refusal:
        environment(with_env({"name": "X", "valueFrom": source}), config_map("cm", a="1"))
    assert str(refusal.value) == message
    optional = {kind: {**selector, "optional": True} for kind, selector in source.items()}
    assert environment(with_env({"name": "X", "valueFrom": optional}), config_map("cm", a="1")) == {}


def test_a_variable_comes_from_a_file_of_a_volume() -> None:
    source = {"fileKeyRef": {"volumeName": "config", "path": "app.env", "key": "a"}}
    owner = with_env({"name": "X", "valueFrom": source})
    assert environment(owner) == {"X": "from a file"}
    assert files(owner.spec.containers[0]) == {("config", "app.env")}


def test_a_missing_env_from_is_named_unless_it_is_optional() -> None:
    with pytest.raises(EnvironmentFailure, match='configmap "no" not found'):
        environment(with_env(envFrom=[{"configMapRef": {"name": "no"}}]))
    assert environment(with_env(envFrom=[{"secretRef": {"name": "no", "optional": True}}])) == {}


def test_services_never_override_and_can_be_referred_to() -> None:
    owner = with_env({"name": "URL", "value": "http://$(DB_SERVICE_HOST)"}, {"name": "DB_PORT", "value": "own"})
    made = environment(owner, services={"DB_SERVICE_HOST": "10.96.0.9", "DB_PORT": "tcp://10.96.0.9:80"})
    assert made == {"URL": "http://10.96.0.9", "DB_PORT": "own", "DB_SERVICE_HOST": "10.96.0.9"}


def service(name: str, namespace: str, ip: str, *ports: dict[str, Any]) -> Service:
    tree = {"metadata": {"name": name, "namespace": namespace}, "spec": {"clusterIP": ip, "ports": list(ports)}}
    return codec.from_tree(Service, tree)


KUBERNETES = service("kubernetes", "default", "10.96.0.1", {"name": "https", "port": 443, "protocol": "TCP"})
DNS = service("my-dns", "apps", "10.96.0.7", {"name": "dns-udp", "port": 53, "protocol": "UDP"}, {"port": 9153})


def test_service_variables_have_docker_link_form() -> None:
    made = service_variables("apps", [KUBERNETES, DNS, service("headless", "apps", "None", {"port": 1})], links=True)
    assert made == {
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
        "KUBERNETES_SERVICE_PORT_HTTPS": "443",
        "KUBERNETES_PORT": "tcp://10.96.0.1:443",
        "KUBERNETES_PORT_443_TCP": "tcp://10.96.0.1:443",
        "KUBERNETES_PORT_443_TCP_PROTO": "tcp",
        "KUBERNETES_PORT_443_TCP_PORT": "443",
        "KUBERNETES_PORT_443_TCP_ADDR": "10.96.0.1",
        "MY_DNS_SERVICE_HOST": "10.96.0.7",
        "MY_DNS_SERVICE_PORT": "53",
        "MY_DNS_SERVICE_PORT_DNS_UDP": "53",
        "MY_DNS_PORT": "udp://10.96.0.7:53",
        "MY_DNS_PORT_53_UDP": "udp://10.96.0.7:53",
        "MY_DNS_PORT_53_UDP_PROTO": "udp",
        "MY_DNS_PORT_53_UDP_PORT": "53",
        "MY_DNS_PORT_53_UDP_ADDR": "10.96.0.7",
        "MY_DNS_PORT_9153_TCP": "tcp://10.96.0.7:9153",
        "MY_DNS_PORT_9153_TCP_PROTO": "tcp",
        "MY_DNS_PORT_9153_TCP_PORT": "9153",
        "MY_DNS_PORT_9153_TCP_ADDR": "10.96.0.7",
    }


def test_without_links_only_the_api_server_is_named() -> None:
    made = service_variables("apps", [KUBERNETES, DNS], links=False)
    assert {name.partition("_")[0] for name in made} == {"KUBERNETES"}
