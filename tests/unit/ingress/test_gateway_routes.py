"""HTTPRoutes compiled to the routing table: precedence, hosts, filters, backends."""

from __future__ import annotations

from typing import Any

import pytest

from ingress.entries import entries
from ingress.gateway.compile import Compiled
from ingress.gateway.hostnames import intersection
from ingress.model import Answer, Forward, PathKind, Redirect, Table
from ingress.rules import compile as compile_ingresses
from tests.support import ingresses
from tests.support.gateways import a_gateway, a_route, compiled, listener, path, route_for, rule
from tests.support.ingresses import AnyService, service_of


def where(made: Compiled, host: str, asked: str, **more: Any) -> str:
    return service_of(route_for(made.entries, host, asked, **more).action)


def test_the_most_specific_match_has_the_request() -> None:
    rules = [
        rule(path("/"), to="all"),
        rule(path("/a"), to="prefix"),
        rule(path("/a/b"), to="longer"),
        rule(path("/a", "Exact"), to="exact"),
        rule(path("/a", method="POST"), to="method"),
        rule(path("/a", headers=[{"name": "V", "value": "1"}]), to="header"),
        rule(path("/a", headers=[{"name": "v", "value": "1"}, {"name": "w", "value": "1"}]), to="headers"),
        rule(path("/a", queryParams=[{"name": "q", "value": "1"}]), to="query"),
    ]
    made = compiled(a_gateway(), a_route(*rules))
    asked = {
        "/a": "exact",
        "/a/": "prefix",
        "/a/x": "prefix",
        "/a/b/c": "longer",
        "/ab": "all",
        "/a/x?q=1": "query",
    }
    assert {each: where(made, "h.org", each) for each in asked} == asked
    assert where(made, "h.org", "/a/x", method="POST") == "method"
    assert where(made, "h.org", "/a/x", method="POST", v="1", w="1") == "method"
    assert where(made, "h.org", "/a/x?q=1", v="1") == "header"
    assert where(made, "h.org", "/a/x", v="1", w="1") == "headers"


def test_of_equal_matches_the_oldest_route_then_the_first_by_name_then_the_first_rule() -> None:
    young, old = a_route(rule(to="young"), name="a"), a_route(rule(to="old"), name="b", age=5)
    assert where(compiled(a_gateway(), young, old), "h", "/") == "old"
    first, second = a_route(rule(to="one"), rule(to="two"), name="a"), a_route(rule(to="three"), name="b")
    assert where(compiled(a_gateway(), second, first), "h", "/") == "one"


@pytest.mark.parametrize(
    ("of_listener", "of_route", "both"),
    [
        ("", "", ""),
        ("", "a.org", "a.org"),
        ("a.org", "", "a.org"),
        ("a.org", "a.org", "a.org"),
        ("a.org", "b.org", None),
        ("*.org", "a.b.org", "a.b.org"),
        ("*.org", "org", None),
        ("*.org", "*.b.org", "*.b.org"),
        ("a.b.org", "*.org", "a.b.org"),
        ("*.b.org", "*.org", "*.b.org"),
        ("*.a.org", "*.b.org", None),
    ],
)
def test_hosts_of_listener_and_route_intersect(of_listener: str, of_route: str, both: str | None) -> None:
    assert intersection(of_listener, of_route) == both


def test_the_narrowest_listener_has_the_request_even_without_a_route() -> None:
    gateway = a_gateway(listener("all"), listener("wild", hostname="*.org"), listener("one", hostname="a.org"))
    general = a_route(rule(to="general"), parents=[{"name": "g", "sectionName": "all"}])
    wild = a_route(rule(to="wild"), name="w", parents=[{"name": "g", "sectionName": "wild"}], hosts=["a.org", "*.org"])
    made = compiled(gateway, general, wild)
    asked = {"x.com": "general", "b.org": "wild", "c.b.org": "wild", "a.org": ingresses.NOTHING}
    assert {host: where(made, host, "/") for host in asked} == asked
    assert route_for(made.entries, "a.org", "/").action == Answer(404, "no HTTPRoute has a rule for this request")


def test_a_route_is_only_at_the_ports_of_its_listeners() -> None:
    gateway = a_gateway(listener("a", 80), listener("b", 8080), listener("c", 8081))
    parents = [{"name": "g", "sectionName": "b"}, {"name": "g", "sectionName": "c", "port": 8081}]
    made = compiled(gateway, a_route(parents=parents))
    found = {entry.port: where(made, "h", "/", port=entry.port) for entry in made.entries}
    assert found == {80: ingresses.NOTHING, 8080: "web", 8081: "web"}
    assert [entry.name for entry in made.entries] == ["http-80", "http-8080", "http-8081"]


def test_ingresses_and_gateways_share_their_ports() -> None:
    of_ingress = ingresses.ingress(
        ingresses.rule("a.org", ingresses.path("/i", "ingress"), ingresses.path("/both", "ingress")),
        ingresses.rule("*.org", ingresses.path("/", "one-label")),
        age=3,
    )
    table = compile_ingresses([of_ingress], AnyService()).table
    route = a_route(rule(path("/g"), path("/both"), to="gateway"), hosts=["a.org", "*.org"])
    found = entries(80, 443, table, compiled(a_gateway(), route).entries)
    assert [(each.name, each.port, each.tls) for each in found] == [("http", 80, False), ("https", 443, True)]
    asked = {"/i": "ingress", "/g": "gateway", "/both": "ingress"}
    assert {each: service_of(route_for(found, "a.org", each).action) for each in asked} == asked
    assert service_of(route_for(found, "a.org", "/g", port=443).action) == ingresses.NOTHING
    wild = next(host for host in found[0].table.hosts if host.name == "*.org")
    assert {(service_of(each.action), each.one_label) for each in wild.routes if not each.is_fallback} == {
        ("one-label", True),
        ("gateway", False),
    }


def test_what_no_rule_matches_goes_to_the_ingresses_default_backend() -> None:
    of_ingress = ingresses.ingress(defaultBackend=ingresses.backend("default"))
    table = compile_ingresses([of_ingress], AnyService()).table
    found = entries(80, 443, table, compiled(a_gateway(), a_route(rule(path("/g"), to="gateway"))).entries)
    asked = {"/g": "gateway", "/other": "default"}
    assert {each: service_of(route_for(found, "h", each).action) for each in asked} == asked


def test_without_gateways_all_is_as_ingresses_say() -> None:
    table = compile_ingresses([ingresses.ingress(ingresses.rule("h", ingresses.path("/", "web")))], AnyService()).table
    assert {each.name: each.table for each in entries(80, 443, table, [])} == {"http": table, "https": table}
    assert entries(80, 443, Table(()), []) == entries(80, 443, Table(()), compiled().entries)


def only(*filters: dict[str, Any], **more: Any) -> Any:
    """What becomes of requests under a rule with these filters."""
    made = compiled(a_gateway(listener(port=8080)), a_route(rule(path("/a/"), filters=filters, **more)))
    return route_for(made.entries, "h", "/a/b", port=8080)


def headers(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, kind[0].lower() + kind[1:]: more}


def test_headers_are_changed() -> None:
    request = headers("RequestHeaderModifier", set=[{"name": "A", "value": "1"}], remove=["b", "Host"])
    response = headers("ResponseHeaderModifier", add=[{"name": "C", "value": "2"}])
    route = only(request, response)
    assert (route.request_headers.overwrite, route.request_headers.remove) == ((("A", "1"),), ("b",))
    assert route.response_headers.add == (("C", "2"),)
    host = only(headers("RequestHeaderModifier", set=[{"name": "Host", "value": "b.org"}])).action
    assert isinstance(host, Forward)
    assert host.rewrite_host == "b.org"


REDIRECTS: list[tuple[dict[str, Any], Redirect]] = [
    ({"hostname": "b.org"}, Redirect(302, host="b.org", port=8080)),
    ({"scheme": "https", "statusCode": 301}, Redirect(301, scheme="https")),
    ({"scheme": "https", "port": 8443}, Redirect(302, scheme="https", port=8443)),
    ({"port": 80}, Redirect(302)),
    ({"path": {"type": "ReplaceFullPath", "replaceFullPath": "/x"}}, Redirect(302, path="/x", port=8080)),
    ({"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": ""}}, Redirect(302, prefix="", port=8080)),
]


@pytest.mark.parametrize(("given", "wanted"), REDIRECTS)
def test_redirects(given: dict[str, Any], wanted: Redirect) -> None:
    assert only({"type": "RequestRedirect", "requestRedirect": given}).action == wanted


def test_paths_hosts_and_mirrors() -> None:
    rewrite = {"hostname": "b.org", "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/b"}}
    mirror = {"backendRef": {"name": "copy", "port": 80}, "percent": 25}
    filters = [{"type": "URLRewrite", "urlRewrite": rewrite}, {"type": "RequestMirror", "requestMirror": mirror}]
    route = only(*filters, timeouts={"request": "1m", "backendRequest": "500ms"})
    assert (route.match.kind, route.match.path) == (PathKind.PREFIX, "/a")
    action = route.action
    assert (action.rewrite_host, action.rewrite_prefix, action.rewrite_path) == ("b.org", "/b", None)
    assert [(each.backend.service, each.millionths) for each in action.mirrors] == [("copy", 250_000)]
    assert (action.timeout_seconds, action.attempt_seconds) == (60.0, 0.5)
    assert {backend.service for backend in action.backends()} == {"web", "copy"}


def test_backends_have_their_share_and_what_is_missing_answers_500() -> None:
    backends = [
        {"name": "web", "port": 80, "weight": 9},
        {"name": "gone", "port": 80},
        {"name": "off", "port": 80, "weight": 0},
    ]
    route = a_route(rule(backendRefs=backends))
    made = compiled(a_gateway(), route, services=AnyService("gone"))
    action = route_for(made.entries, "h", "/").action
    assert isinstance(action, Forward)
    assert [(share.backend and share.backend.service, share.weight) for share in action.shares] == [
        ("web", 9),
        (None, 1),
    ]
    assert made.services == {("default", "web"), ("default", "gone")}


@pytest.mark.parametrize(
    "given",
    [
        {"backendRefs": [{"name": "gone", "port": 80}]},
        {"backendRefs": [{"name": "web", "port": 81}]},
        {"backendRefs": [{"name": "web", "port": 80, "weight": 0}]},
        {"backendRefs": []},
        {"filters": [{"type": "ExtensionRef", "extensionRef": {"group": "g", "kind": "K", "name": "n"}}]},
    ],
)
def test_rules_without_any_backend_answer_500(given: dict[str, Any]) -> None:
    made = compiled(a_gateway(), a_route(rule(**given)), services=AnyService("gone"))
    action = route_for(made.entries, "h", "/").action
    assert isinstance(action, Answer)
    assert action.status == 500
