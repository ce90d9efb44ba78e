"""The Gateway API's kinds: defaults, validation, columns, as upstream's definitions have them."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, defaults, scheme, tables, validation
from api.types import Gateway, GatewayClass, HTTPRoute, ReferenceGrant


def a_gateway(*listeners: dict[str, Any], **spec: Any) -> Gateway:
    given = list(listeners) or [{"name": "http", "port": 80, "protocol": "HTTP"}]
    tree = {"metadata": {"name": "g", "namespace": "n"}, "spec": {"gatewayClassName": "c", "listeners": given, **spec}}
    return defaults.apply(codec.from_tree(Gateway, tree))


def a_route(*rules: dict[str, Any], **spec: Any) -> HTTPRoute:
    given = {"parentRefs": [{"name": "g"}], **spec}
    if rules:
        given["rules"] = list(rules)
    tree = {"metadata": {"name": "r", "namespace": "n"}, "spec": given}
    return defaults.apply(codec.from_tree(HTTPRoute, tree))


def told(record: Any) -> list[str]:
    return [str(error) for error in validation.create(record)]


def test_defaults_of_a_gateway() -> None:
    tls = {"certificateRefs": [{"name": "cert"}]}
    made = a_gateway({"name": "https", "port": 443, "protocol": "HTTPS", "tls": tls}, addresses=[{"value": "10.0.0.1"}])
    [listener] = codec.to_tree(made)["spec"]["listeners"]
    assert listener["allowedRoutes"] == {"namespaces": {"from": "Same"}}
    assert listener["tls"] == {
        "mode": "Terminate",
        "certificateRefs": [{"group": "", "kind": "Secret", "name": "cert"}],
    }
    assert made.spec.addresses[0].type == "IPAddress"
    assert [(each.type, each.status, each.reason) for each in made.status.conditions] == [
        ("Accepted", "Unknown", "Pending"),
        ("Programmed", "Unknown", "Pending"),
    ]
    assert defaults.apply(made) is made or defaults.apply(made) == made
    assert told(made) == []


def test_defaults_of_a_route() -> None:
    everything = {"path": {"type": "PathPrefix", "value": "/"}}
    tree = codec.to_tree(a_route())
    assert tree["spec"]["rules"] == [{"matches": [everything]}]
    assert tree["spec"]["parentRefs"] == [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "g"}]
    made = a_route(
        {
            "matches": [{"path": {"value": "/a"}, "headers": [{"name": "v", "value": "1"}]}, {"method": "GET"}],
            "filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "m", "port": 1}}}],
            "backendRefs": [{"name": "web", "port": 80}],
        }
    )
    [rule] = codec.to_tree(made)["spec"]["rules"]
    assert rule["matches"][0]["path"] == {"type": "PathPrefix", "value": "/a"}
    assert rule["matches"][0]["headers"] == [{"name": "v", "type": "Exact", "value": "1"}]
    assert rule["matches"][1] == {"method": "GET", **everything}
    assert rule["backendRefs"] == [{"group": "", "kind": "Service", "name": "web", "port": 80, "weight": 1}]
    assert rule["filters"][0]["requestMirror"]["backendRef"] == {"group": "", "kind": "Service", "name": "m", "port": 1}
    assert told(made) == []


HTTP = {"name": "a", "port": 80, "protocol": "HTTP"}
GATEWAYS: list[tuple[list[dict[str, Any]], str]] = [
    ([{**HTTP, "tls": {"certificateRefs": [{"name": "x"}]}}], "tls must not be specified for protocols"),
    ([{**HTTP, "protocol": "HTTPS", "tls": {"mode": "Passthrough"}}], "tls mode must be Terminate for protocol HTTPS"),
    ([{**HTTP, "protocol": "HTTPS", "tls": {}}], "certificateRefs or options must be specified when mode is Terminate"),
    ([{**HTTP, "protocol": "TCP", "hostname": "h.org"}], "hostname must not be specified for protocols ['TCP', 'UDP']"),
    ([HTTP, {**HTTP, "port": 81}], 'spec.listeners[1]: Duplicate value: {"name":"a"}'),
    ([HTTP, {**HTTP, "name": "b"}], "Combination of port, protocol and hostname must be unique for each listener"),
    ([{**HTTP, "port": 0}], "spec.listeners[0].port in body should be greater than or equal to 1"),
    ([{**HTTP, "hostname": "*.*.org"}], "spec.listeners[0].hostname in body should match '^(\\*\\.)?"),
    ([{**HTTP, "name": "A"}], "spec.listeners[0].name in body should match"),
    ([{**HTTP, "allowedRoutes": {"namespaces": {"from": "None"}}}], 'supported values: "All", "Selector", "Same"'),
]


@pytest.mark.parametrize(("listeners", "message"), GATEWAYS)
def test_gateways_that_are_refused(listeners: list[dict[str, Any]], message: str) -> None:
    assert any(message in each for each in told(a_gateway(*listeners))), told(a_gateway(*listeners))


def test_listeners_may_share_a_port() -> None:
    listeners = [HTTP, {**HTTP, "name": "b", "hostname": "*.org"}, {**HTTP, "name": "c", "hostname": "a.org"}]
    assert told(a_gateway(*listeners)) == []


def path(value: str, kind: str = "PathPrefix") -> dict[str, Any]:
    return {"path": {"type": kind, "value": value}}


def modifier(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, kind[0].lower() + kind[1:]: more}


PREFIX = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/b"}
REDIRECT = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}
BACKEND = {"name": "web", "port": 80}
ROUTES: list[tuple[dict[str, Any], str]] = [
    ({"matches": [path("a")]}, "value must be an absolute path and start with '/'"),
    ({"matches": [path("/a//b")]}, "must not contain '//' when type one of"),
    ({"matches": [path("/a/..", "Exact")]}, "must not end with '/..' when type one of"),
    ({"matches": [path("/a?b")]}, "must only contain valid characters"),
    ({"matches": [path("/a", "Glob")]}, 'spec.rules[0].matches[0].path.type: Unsupported value: "Glob"'),
    ({"matches": [{"headers": [{"name": "a b", "value": "1"}]}]}, "matches[0].headers[0].name in body should match"),
    ({"matches": [{"method": "get"}]}, 'Unsupported value: "get"'),
    ({"backendRefs": [{"name": "web"}]}, "Must have port for Service reference"),
    ({"backendRefs": [{**BACKEND, "weight": -1}]}, "weight in body should be greater than or equal to 0"),
    ({"filters": [{"type": "RequestRedirect"}]}, "filter.requestRedirect must be specified for RequestRedirect"),
    ({"filters": [{**REDIRECT, "type": "URLRewrite"}]}, "filter.requestRedirect must be nil if the filter.type is not"),
    ({"filters": [REDIRECT, REDIRECT]}, "RequestRedirect filter cannot be repeated"),
    ({"filters": [REDIRECT, {"type": "URLRewrite", "urlRewrite": {}}]}, "but not both"),
    (
        {"filters": [REDIRECT], "backendRefs": [BACKEND]},
        "RequestRedirect filter must not be used together with backend",
    ),
    (
        {"filters": [{"type": "URLRewrite", "urlRewrite": {"path": PREFIX}}], "matches": [path("/a", "Exact")]},
        "When using URLRewrite filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified",
    ),
    (
        {"filters": [{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath"}}}]},
        "replaceFullPath must be specified when type is set to 'ReplaceFullPath'",
    ),
    ({"timeouts": {"request": "1 s"}}, "spec.rules[0].timeouts.request in body should match"),
    (
        {"timeouts": {"request": "1s", "backendRequest": "1001ms"}},
        "backendRequest timeout cannot be longer than request",
    ),
]


@pytest.mark.parametrize(("rule", "message"), ROUTES)
def test_routes_that_are_refused(rule: dict[str, Any], message: str) -> None:
    assert any(message in each for each in told(a_route(rule))), told(a_route(rule))


def test_expressions_are_no_paths_to_the_schema() -> None:
    assert told(a_route({"matches": [path("^/a(b|c)?$", "RegularExpression")]})) == []


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        (
            [{"name": "g"}, {"name": "g", "sectionName": "a"}],
            "sectionName must be specified when parentRefs includes 2",
        ),
        ([{"name": "g", "sectionName": "a"}] * 2, "sectionName must be unique when parentRefs includes 2"),
        ([{"name": "g", "sectionName": "a"}, {"name": "g", "sectionName": "b"}, {"name": "h"}], ""),
    ],
)
def test_parents(parents: list[dict[str, Any]], message: str) -> None:
    found = told(a_route(parentRefs=parents))
    assert any(message in each for each in found) if message else found == []


def test_a_class_keeps_its_controller() -> None:
    def a_class(controller: str) -> GatewayClass:
        tree = {"metadata": {"name": "c", "resourceVersion": "1"}, "spec": {"controllerName": controller}}
        return defaults.apply(codec.from_tree(GatewayClass, tree))

    assert told(a_class("example.com/one")) == []
    assert "should match" in told(a_class("example.com"))[0]
    [error] = validation.update(a_class("example.com/two"), a_class("example.com/one"))
    assert str(error) == 'spec.controllerName: Invalid value: "example.com/two": Value is immutable'


def test_grants() -> None:
    spec: dict[str, Any] = {"from": [{"group": "", "kind": "Gateway", "namespace": "n"}], "to": [{"kind": "Secret"}]}
    made = codec.from_tree(ReferenceGrant, {"metadata": {"name": "g", "namespace": "n"}, "spec": spec})
    assert told(made) == []
    empty = codec.from_tree(ReferenceGrant, {"metadata": {"name": "g", "namespace": "n"}, "spec": {}})
    assert told(empty) == ["spec.from: Required value", "spec.to: Required value"]


def test_columns_are_those_of_upstreams_definitions() -> None:
    def shown(record: Any) -> dict[str, Any]:
        table = tables.render(scheme.of(record), [record], 0.0)
        names = [each["name"] for each in table["columnDefinitions"]]
        return dict(zip(names, table["rows"][0]["cells"], strict=True))

    gateway = shown(a_gateway())
    assert list(gateway) == ["Name", "Class", "Address", "Programmed", "Age"]
    assert (gateway["Class"], gateway["Programmed"]) == ("c", "Unknown")
    assert shown(a_route(hostnames=["a.org", "b.org"]))["Hostnames"] == '["a.org","b.org"]'
    made = defaults.apply(codec.from_tree(GatewayClass, {"metadata": {"name": "c"}, "spec": {"controllerName": "e/c"}}))
    assert list(shown(made)) == ["Name", "Controller", "Accepted", "Age", "Description"]


def test_names_people_type() -> None:
    assert [scheme.find(word).plural for word in ("gc", "gtw", "httproute", "refgrant")] == [
        "gatewayclasses",
        "gateways",
        "httproutes",
        "referencegrants",
    ]
