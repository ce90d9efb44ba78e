"""What people are told of Gateways and routes: conditions with upstream's reasons."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from api.types import Condition, Gateway, HTTPRoute, HTTPRouteStatus, RouteParentStatus
from ingress.gateway.compile import Compiled
from ingress.gateway.wanted import gateway_status, route_status
from tests.support.gateways import ADDRESS, a_gateway, a_route, allowed, compiled, grant, listener, path, rule, secure
from tests.support.ingresses import AnyService

NOON = 1_767_268_800.0


def reasons(verdicts: Any) -> dict[str, str]:
    """By type; a "!" before the reason of what does not hold."""
    return {each.type: ("" if each.holds else "!") + each.reason for each in verdicts}


def of_route(made: Compiled, name: str = "r", namespace: str = "default") -> dict[str, str]:
    [parent] = made.reports.routes[namespace, name].parents
    return reasons(parent.verdicts)


def of_listener(made: Compiled, index: int = 0, name: str = "g") -> dict[str, str]:
    return reasons(made.reports.gateways["default", name].listeners[index].verdicts)


def of_gateway(made: Compiled, name: str = "g") -> dict[str, str]:
    return reasons(made.reports.gateways["default", name].verdicts)


WELL = {
    "Accepted": "Accepted",
    "Programmed": "Programmed",
    "ResolvedRefs": "ResolvedRefs",
    "Conflicted": "!NoConflicts",
}


def test_all_is_well() -> None:
    made = compiled(a_gateway(), a_route())
    assert of_gateway(made) == {"Accepted": "Accepted", "Programmed": "Programmed"}
    assert of_listener(made) == WELL
    assert made.reports.gateways["default", "g"].listeners[0].attached == 1
    assert of_route(made) == {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"}


PARENTS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"parents": [{"name": "g", "sectionName": "other"}]}, {}, "NoMatchingParent"),
    ({"parents": [{"name": "g", "port": 81}]}, {}, "NoMatchingParent"),
    ({"parents": [{"name": "g", "namespace": "default"}], "namespace": "x"}, {}, "NotAllowedByListeners"),
    ({}, {"allowedRoutes": {"kinds": [{"kind": "GRPCRoute"}]}}, "NotAllowedByListeners"),
    ({"hosts": ["a.com"]}, {"hostname": "*.org"}, "NoMatchingListenerHostname"),
]


@pytest.mark.parametrize(("of", "at", "reason"), PARENTS)
def test_why_routes_are_not_attached(of: dict[str, Any], at: dict[str, Any], reason: str) -> None:
    made = compiled(a_gateway(listener(**at)), a_route(**of))
    assert of_route(made, namespace=of.get("namespace", "default"))["Accepted"] == f"!{reason}"
    assert made.reports.gateways["default", "g"].listeners[0].attached == 0
    assert all(entry.table.backends() == {} for entry in made.entries)


def test_namespaces_that_may_attach_routes() -> None:
    selector = {"selector": {"matchLabels": {"team": "a"}}}
    gateway = a_gateway(listener("all", **allowed("All")), listener("some", 81, **allowed("Selector", **selector)))
    parents = [{"name": "g", "namespace": "default"}]
    routes = [a_route(namespace=each, parents=parents) for each in ("a", "b")]
    made = compiled(gateway, *routes, labels={"a": {"team": "a"}, "b": {"team": "b"}})
    assert [each.attached for each in made.reports.gateways["default", "g"].listeners] == [2, 1]


def test_routes_of_other_gateways_are_nobodys_business() -> None:
    made = compiled(a_gateway(), a_route(parents=[{"name": "other"}, {"group": "", "kind": "Service", "name": "g"}]))
    assert made.reports.routes == {}


BACKENDS: list[tuple[dict[str, Any], str]] = [
    ({"name": "gone", "port": 80}, "BackendNotFound"),
    ({"name": "web", "port": 81}, "BackendNotFound"),
    ({"name": "web", "kind": "Queue", "group": "example.com"}, "InvalidKind"),
    ({"name": "web", "namespace": "other", "port": 80}, "RefNotPermitted"),
]


@pytest.mark.parametrize(("backend", "reason"), BACKENDS)
def test_why_backends_cannot_be_had(backend: dict[str, Any], reason: str) -> None:
    made = compiled(a_gateway(), a_route(rule(backendRefs=[backend])), services=AnyService("gone"))
    assert of_route(made) == {"Accepted": "Accepted", "ResolvedRefs": f"!{reason}"}


@pytest.mark.parametrize(
    ("given", "granted"),
    [
        (grant("HTTPRoute", "Service"), True),
        (grant("HTTPRoute", "Service", name="web"), True),
        (grant("HTTPRoute", "Service", name="api"), False),
        (grant("HTTPRoute", "Secret"), False),
        (grant("Gateway", "Service"), False),
        (grant("HTTPRoute", "Service", whence="third"), False),
        (grant("HTTPRoute", "Service", namespace="third"), False),
    ],
)
def test_a_grant_lets_routes_use_services_elsewhere(given: Any, granted: bool) -> None:
    route = a_route(rule(backendRefs=[{"name": "web", "namespace": "other", "port": 80}]))
    made = compiled(a_gateway(), route, given)
    assert of_route(made)["ResolvedRefs"] == ("ResolvedRefs" if granted else "!RefNotPermitted")
    assert bool(made.entries[0].table.backends()) == granted


def test_rules_that_cannot_be_carried_out_are_dropped() -> None:
    unknown = ("(?=a)", "(", r"(a)\1", "a{1001}", "a++", "((a{100}){100}){10}")
    bad = [rule(path(each, "RegularExpression")) for each in unknown]
    made = compiled(a_gateway(), a_route(*bad, rule(path("/a.*", "RegularExpression"))))
    assert of_route(made)["PartiallyInvalid"] == "UnsupportedValue"
    assert of_route(made)["Accepted"] == "Accepted"
    made = compiled(a_gateway(), a_route(*bad))
    assert of_route(made)["Accepted"] == "!UnsupportedValue"
    assert "PartiallyInvalid" not in of_route(made)


HTTPS = listener("https", 443, "HTTPS", **secure("cert"))


def test_certificates() -> None:
    made = compiled(a_gateway(HTTPS))
    assert of_listener(made) == WELL
    assert made.entries[0].table.certificates == {"": ("default", "cert")}
    missing = compiled(a_gateway(HTTPS), broken=[("default", "cert")])
    assert of_listener(missing)["ResolvedRefs"] == "!InvalidCertificateRef"
    assert of_listener(missing)["Programmed"] == "!Invalid"
    assert of_gateway(missing) == {"Accepted": "!ListenersNotValid", "Programmed": "!Invalid"}
    assert missing.entries == []


@pytest.mark.parametrize("granted", [False, True])
def test_a_grant_lets_gateways_use_certificates_elsewhere(granted: bool) -> None:
    gateway = a_gateway(listener("https", 443, "HTTPS", **secure("cert", namespace="other")))
    made = compiled(gateway, *([grant("Gateway", "Secret")] if granted else []))
    assert of_listener(made)["ResolvedRefs"] == ("ResolvedRefs" if granted else "!RefNotPermitted")


LISTENERS: list[tuple[list[dict[str, Any]], dict[str, str]]] = [
    ([listener(protocol="TCP")], {"Accepted": "!UnsupportedProtocol", "Programmed": "!Invalid"}),
    ([listener("https", 80, "HTTPS", **secure("c"))], {"Accepted": "!PortUnavailable"}),
    ([listener(port=443)], {"Accepted": "!PortUnavailable"}),
    ([listener("https", 443, "HTTPS")], {"ResolvedRefs": "!InvalidCertificateRef"}),
    ([listener(port=8080), listener("s", 8080, "HTTPS", **secure("c"))], {"Conflicted": "ProtocolConflict"}),
    ([listener(allowedRoutes={"kinds": [{"kind": "TCPRoute"}]})], {"ResolvedRefs": "!InvalidRouteKinds"}),
]


@pytest.mark.parametrize(("listeners", "wanted"), LISTENERS)
def test_listeners_that_cannot_be_served(listeners: list[dict[str, Any]], wanted: dict[str, str]) -> None:
    made = compiled(a_gateway(*listeners))
    assert wanted.items() <= of_listener(made).items()
    assert of_listener(made)["Programmed"] == "!Invalid"


def test_some_of_a_gateways_listeners_may_be_served() -> None:
    kinds = {"allowedRoutes": {"kinds": [{"kind": "TCPRoute"}, {"kind": "HTTPRoute"}]}}
    made = compiled(a_gateway(listener("a", **kinds), listener("b", 81, "TCP")), a_route())
    assert of_gateway(made) == {"Accepted": "ListenersNotValid", "Programmed": "Programmed"}
    assert of_listener(made) == {**WELL, "ResolvedRefs": "!InvalidRouteKinds"}
    report = made.reports.gateways["default", "g"]
    assert [(each.serves_routes, each.attached) for each in report.listeners] == [(True, 1), (False, 0)]


def test_a_port_that_others_on_the_host_have() -> None:
    made = compiled(a_gateway(listener("a", 80), listener("b", 8080)), in_use=[80, 8080])
    # The ingress itself listens at 80.
    assert [of_listener(made, index)["Accepted"] for index in range(2)] == ["Accepted", "!PortUnavailable"]
    assert [entry.port for entry in made.entries] == [80]


def test_listeners_with_hosts_of_each_other_are_told() -> None:
    hosts = {"a": "a.org", "b": "*.org", "c": "c.com"}
    listeners = [listener(name, 443, "HTTPS", hostname=host, **secure("c")) for name, host in hosts.items()]
    made = compiled(a_gateway(*listeners, listener("d", 80, hostname="a.org"), listener("e", 80)))
    told = [of_listener(made, index).get("OverlappingTLSConfig") for index in range(5)]
    assert told == ["OverlappingHostnames", "OverlappingHostnames", None, None, None]


def test_a_port_is_the_oldest_gateways() -> None:
    young = a_gateway(listener(port=8443), name="young")
    old = a_gateway(listener("https", 8443, "HTTPS", **secure("c")), name="old", age=5)
    made = compiled(young, old)
    assert of_listener(made, name="old")["Accepted"] == "Accepted"
    assert of_listener(made, name="young")["Accepted"] == "!PortUnavailable"


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"addresses": [{"value": ADDRESS}]}, {"Accepted": "Accepted", "Programmed": "Programmed"}),
        ({"addresses": [{"value": "192.0.2.1"}]}, {"Accepted": "Accepted", "Programmed": "!AddressNotUsable"}),
        (
            {"addresses": [{"type": "Hostname", "value": "a"}]},
            {"Accepted": "!UnsupportedAddress", "Programmed": "!Invalid"},
        ),
        (
            {"infrastructure": {"parametersRef": {"group": "g", "kind": "K", "name": "n"}}},
            {"Accepted": "!InvalidParameters", "Programmed": "!Invalid"},
        ),
    ],
)
def test_what_gateways_may_ask_for(spec: dict[str, Any], wanted: dict[str, str]) -> None:
    assert of_gateway(compiled(a_gateway(**spec))) == wanted


def written(gateway: Gateway, made: Compiled, now: float = NOON) -> Gateway:
    report = made.reports.gateways[gateway.metadata.namespace, gateway.metadata.name]
    return replace(gateway, status=gateway_status(gateway, report, ADDRESS, now))


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    gateway = a_gateway()
    first = written(gateway, compiled(gateway))
    assert [each.value for each in first.status.addresses] == [ADDRESS]
    assert {each.last_transition_time for each in first.status.conditions} == {"2026-01-01T12:00:00Z"}
    again = written(first, compiled(first), NOON + 60)
    assert again == first
    broken = replace(first, spec=a_gateway(listener(protocol="TCP")).spec)
    after = {
        each.type: each.last_transition_time for each in written(broken, compiled(broken), NOON + 60).status.conditions
    }
    assert after == {"Accepted": "2026-01-01T12:01:00Z", "Programmed": "2026-01-01T12:01:00Z"}


def test_conditions_of_others_stay() -> None:
    gateway = a_gateway()
    other = Condition(
        type="example.com/Checked", status="True", reason="Fine", last_transition_time="2026-01-01T00:00:00Z"
    )
    marked = replace(gateway, status=replace(gateway.status, conditions=[other]))
    assert other in written(marked, compiled(marked)).status.conditions


def test_parents_of_other_controllers_stay() -> None:
    other = RouteParentStatus(controller_name="example.com/other")
    route: HTTPRoute = replace(a_route(), status=HTTPRouteStatus(parents=[other]))
    report = compiled(a_gateway(), route).reports.routes["default", "r"]
    status = route_status(route, report, NOON)
    assert status is not None
    assert [each.controller_name for each in status.parents] == ["example.com/other", "podling.io/ingress"]
    gone = route_status(replace(route, status=status), None, NOON)
    assert gone == HTTPRouteStatus(parents=[other])


def test_a_route_of_nobody_has_no_status() -> None:
    assert route_status(a_route(), None, NOON) is None
