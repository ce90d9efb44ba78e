"""Ingress and IngressClass: what is refused, filled in and shown."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, defaults, scheme, tables, validation
from api.types import Ingress, IngressClass

BACKEND = {"service": {"name": "web", "port": {"number": 80}}}


def ingress(metadata: dict[str, Any] | None = None, **spec: Any) -> Ingress:
    tree = {"metadata": {"name": "it", "namespace": "d", **(metadata or {})}, "spec": spec}
    return defaults.apply(codec.from_tree(Ingress, tree))


def with_path(**path: Any) -> Ingress:
    return ingress(rules=[{"host": "h.org", "http": {"paths": [{"pathType": "Prefix", "backend": BACKEND, **path}]}}])


def with_backend(**backend: Any) -> Ingress:
    return ingress(defaultBackend=backend)


def ingress_class(controller: str = "example.com/it", **parameters: Any) -> IngressClass:
    spec = {"controller": controller, **({"parameters": parameters} if parameters else {})}
    return defaults.apply(codec.from_tree(IngressClass, {"metadata": {"name": "it"}, "spec": spec}))


def causes(record: Any) -> list[tuple[str, str]]:
    return [(error.field, error.detail) for error in validation.create(record)]


PATH = "spec.rules[0].http.paths[0]"
WILDCARD = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower"
    " case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used"
    r" for validation is '\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
REFUSED = [
    (ingress(), "spec", "either `defaultBackend` or `rules` must be specified"),
    (ingress(rules=[{"host": "1.2.3.4"}]), "spec.rules[0].host", "must be a DNS name, not an IP address"),
    (ingress(rules=[{"host": "*"}]), "spec.rules[0].host", WILDCARD),
    (ingress(rules=[{"host": "a.*.org"}]), "spec.rules[0].host", WILDCARD),
    (ingress(rules=[{"host": "h", "http": {"paths": []}}]), "spec.rules[0].http.paths", ""),
    (with_path(path="/", pathType=None), f"{PATH}.pathType", "pathType must be specified"),
    (with_path(path="x"), f"{PATH}.path", "must be an absolute path"),
    (with_path(path=""), f"{PATH}.path", "must be an absolute path"),
    (with_path(path="/a//b"), f"{PATH}.path", "must not contain '//'"),
    (with_path(path="/a/../b"), f"{PATH}.path", "must not contain '/../'"),
    (with_path(path="/a%2fb"), f"{PATH}.path", "must not contain '%2f'"),
    (with_path(path="/a/.."), f"{PATH}.path", "cannot end with '/..'"),
    (with_path(path="x", pathType="ImplementationSpecific"), f"{PATH}.path", "must be an absolute path"),
    (
        with_path(path="/", pathType="Regex"),
        f"{PATH}.pathType",
        'supported values: "Exact", "ImplementationSpecific", "Prefix"',
    ),
    (with_backend(), "spec.defaultBackend", "resource or service backend is required"),
    (
        with_backend(**BACKEND, resource={"kind": "K", "name": "n"}),
        "spec.defaultBackend",
        "cannot set both resource and service backends",
    ),
    (with_backend(resource={"kind": "", "name": "n"}), "spec.defaultBackend.resource.kind", "kind is required"),
    (with_backend(service={"name": "", "port": {"number": 1}}), "spec.defaultBackend.service.name", ""),
    (with_backend(service={"name": "a"}), "spec.defaultBackend", "port name or number is required"),
    (
        with_backend(service={"name": "a", "port": {"number": 1, "name": "x"}}),
        "spec.defaultBackend",
        "cannot set both port name & port number",
    ),
    (
        with_backend(service={"name": "a", "port": {"number": 70000}}),
        "spec.defaultBackend.service.port.number",
        "must be between 1 and 65535, inclusive",
    ),
    (
        ingress({"annotations": {"kubernetes.io/ingress.class": "a"}}, defaultBackend=BACKEND, ingressClassName="b"),
        "annotations.kubernetes.io/ingress.class",
        "must match `ingressClassName` when both are specified",
    ),
]


@pytest.mark.parametrize(("record", "field", "detail"), REFUSED)
def test_what_is_wrong_is_refused_in_upstreams_words(record: Ingress, field: str, detail: str) -> None:
    assert causes(record) == [(field, detail)]


@pytest.mark.parametrize(
    "record",
    [
        with_path(path="/a/b"),
        with_path(path="", pathType="ImplementationSpecific"),
        with_path(path="/a//b", pathType="ImplementationSpecific"),
        with_backend(resource={"apiGroup": "a.b", "kind": "K", "name": "n"}),
        ingress(rules=[{"host": "*.example.com"}], tls=[{"hosts": ["*.example.com"], "secretName": "s"}, {}]),
    ],
)
def test_what_is_right_passes(record: Ingress) -> None:
    assert causes(record) == []


def test_tls_names_must_be_names() -> None:
    record = ingress(defaultBackend=BACKEND, tls=[{"hosts": ["A"], "secretName": "A"}])
    assert [field for field, _ in causes(record)] == ["spec.tls[0].hosts[0]", "spec.tls[0].secretName"]


def test_a_status_holds_addresses_and_names() -> None:
    old = ingress(defaultBackend=BACKEND)
    tree = {**codec.to_tree(old), "status": {"loadBalancer": {"ingress": [{"ip": "x"}, {"hostname": "1.2.3.4"}]}}}
    errors = validation.update_status(codec.from_tree(Ingress, tree), old)
    path = "status.loadBalancer.ingress"
    fields = [error.field for error in errors if error.field.startswith(path)]
    assert fields == [f"{path}[0].ip", f"{path}[1].hostname"]


CLASSES = [
    (ingress_class(""), "spec.controller", ""),
    (ingress_class("x"), "spec.controller", 'must be a domain-prefixed path (such as "acme.io/foo")'),
    (
        ingress_class("a.b/c", kind="K", name="n", scope="Namespace"),
        "spec.parameters.namespace",
        "`parameters.scope` is set to 'Namespace'",
    ),
    (
        ingress_class("a.b/c", kind="K", name="n", namespace="d"),
        "spec.parameters.namespace",
        "`parameters.scope` is set to 'Cluster'",
    ),
    (
        ingress_class("a.b/c", kind="K", name="n", scope="World"),
        "spec.parameters.scope",
        'supported values: "Cluster", "Namespace"',
    ),
    (ingress_class("a.b/c", kind="K"), "spec.parameters.name", "name is required"),
]


@pytest.mark.parametrize(("record", "field", "detail"), CLASSES)
def test_classes_are_checked(record: IngressClass, field: str, detail: str) -> None:
    assert causes(record) == [(field, detail)]


def test_a_class_keeps_its_controller() -> None:
    [error] = [
        error
        for error in validation.update(ingress_class("a.b/new"), ingress_class("a.b/old"))
        if error.field.startswith("spec")
    ]
    assert (error.field, error.detail) == ("spec.controller", "field is immutable")


def test_parameters_are_the_clusters_unless_said_otherwise() -> None:
    parameters = ingress_class("a.b/c", kind="K", name="n").spec.parameters
    assert parameters is not None
    assert parameters.scope == "Cluster"


def cells(word: str, record: Any) -> list[Any]:
    rows = tables.render(scheme.find(word), [record], 0.0)["rows"]
    shown: list[Any] = rows[0]["cells"][:-1]
    return shown


def test_how_an_ingress_is_shown() -> None:
    hosts = [{"host": f"{name}.org"} for name in "abcde"]
    plain = ingress(defaultBackend=BACKEND)
    assert cells("ingresses", plain) == ["it", "<none>", "*", "", "80"]
    record = ingress(rules=hosts, tls=[{}], ingressClassName="podling")
    tree = {**codec.to_tree(record), "status": {"loadBalancer": {"ingress": [{"ip": "2.2.2.2"}, {"hostname": "1"}]}}}
    shown = cells("ing", codec.from_tree(Ingress, tree))
    assert shown == ["it", "podling", "a.org,b.org,c.org + 2 more...", "1,2.2.2.2", "80, 443"]


def test_how_a_class_is_shown() -> None:
    assert cells("ingressclasses", ingress_class()) == ["it", "example.com/it", "<none>"]
    record = ingress_class("a.b/c", apiGroup="x.y", kind="K", name="n")
    assert cells("ingressclasses", record) == ["it", "a.b/c", "K.x.y/n"]
