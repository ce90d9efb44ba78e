"""Gateways and HTTPRoutes compiled: tables by port, and what there is to tell. Pure.

listeners: which can be served ── attachment: which routes go where ── rules: what the routes say
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from api.types import Gateway, HTTPRoute, ObjectMeta
from ingress.backends import ServiceOf
from ingress.gateway.attachment import Attachment, LabelsOf, attach, gateway_of
from ingress.gateway.listeners import CertificateOf, ListenerState, Ports, examine
from ingress.gateway.references import Grants
from ingress.gateway.reports import GatewayReport, ParentReport, Reports, RouteReport, Verdict
from ingress.gateway.rules import RouteCompiler, Rule, owner
from ingress.model import ANY_HOST, EVERYTHING, NEVER, Answer, Entry, Host, Key, Route, Table, in_order

NOT_FOUND_TEXT = "no HTTPRoute has a rule for this request"
NOT_FOUND = Route(EVERYTHING, Answer(404, NOT_FOUND_TEXT), "-", since=NEVER, is_fallback=True)
RESOLVED = Verdict("ResolvedRefs", True, "ResolvedRefs", "all it refers to is there")


@dataclass(frozen=True, slots=True)
class World:
    """What there is in the cluster. certificate_of: by a Secret's namespace and name. labels_of: of a namespace.

    address: where Gateways are reached. is_free: whether a port there can be had.
    """

    gateways: Sequence[Gateway]
    routes: Sequence[HTTPRoute]
    grants: Grants
    service_of: ServiceOf
    certificate_of: CertificateOf
    labels_of: LabelsOf
    address: str
    is_free: Callable[[int], bool]


@dataclass(slots=True)
class Compiled:
    """Entries by port; reports; the Services that are asked for, there or not."""

    entries: list[Entry] = field(default_factory=list)
    reports: Reports = field(default_factory=Reports)
    services: set[Key] = field(default_factory=set)


@dataclass(slots=True)
class _Port:
    """What is known of a port: routes by host, certificates by host."""

    tls: bool
    hosts: dict[str, list[Route]] = field(default_factory=dict)
    certificates: dict[str, Key] = field(default_factory=dict)


def compile(world: World, reserved: Mapping[int, bool]) -> Compiled:
    """reserved: ports that Ingresses have, to whether they are for HTTPS."""
    compiled = Compiled()
    ports: dict[int, _Port] = {}
    known = Ports(dict(reserved), world.is_free)
    states: dict[Key, list[ListenerState]] = {}
    for gateway in sorted(world.gateways, key=lambda each: age(each.metadata)):
        refused = _refused(gateway, world.address)
        examined = examine(gateway, known, world.certificate_of, world.grants) if refused is None else []
        states[_key(gateway.metadata)] = examined
        for state in examined:
            if state.programmed:
                _open(ports, state)
    for route in sorted(world.routes, key=lambda each: age(each.metadata)):
        _add_route(route, world, states, ports, compiled)
    for gateway in world.gateways:
        found = states[_key(gateway.metadata)]
        compiled.reports.gateways[_key(gateway.metadata)] = _report(gateway, found, world.address)
    compiled.entries = [_entry(number, port) for number, port in sorted(ports.items())]
    return compiled


def age(metadata: ObjectMeta) -> tuple[str, str, str]:
    """Sorts the oldest to the front; of several equally old the first by name."""
    return metadata.creation_timestamp or "", metadata.namespace, metadata.name


def entry_name(port: int, tls: bool) -> str:
    """What the proxy calls a port; those of Ingresses are just "http" and "https"."""
    return f"{'https' if tls else 'http'}-{port}"


def _open(ports: dict[int, _Port], state: ListenerState) -> None:
    """A listener that has no route yet has its host all the same: requests to it are no other's."""
    port = ports.setdefault(state.listener.port, _Port(state.tls))
    port.hosts.setdefault(state.hostname, []).append(NOT_FOUND)
    if state.secret is not None:
        port.certificates.setdefault(state.hostname, state.secret)


def _add_route(
    route: HTTPRoute, world: World, states: Mapping[Key, list[ListenerState]], ports: dict[int, _Port], into: Compiled
) -> None:
    parents = [(each, gateway_of(route, each)) for each in route.spec.parent_refs]
    ours = [(parent, states[key]) for parent, key in parents if key is not None and key in states]
    if not ours:
        return
    compiler = RouteCompiler(route, world.service_of, world.grants)
    rules = compiler.run()
    into.services |= compiler.services
    reports = []
    for parent, found in ours:
        accepted, attachments = attach(route, parent, found, world.labels_of)
        if accepted.holds and compiler.dropped and not rules:
            accepted, attachments = Verdict("Accepted", False, "UnsupportedValue", "; ".join(compiler.dropped)), []
        for attachment in attachments:
            # Several parents may lead to one listener.
            known = _key(route.metadata) in attachment.state.attached
            attachment.state.attached.add(_key(route.metadata))
            if attachment.state.programmed and not known:
                _place(ports[attachment.state.listener.port], attachment, rules, route)
        reports.append(ParentReport(parent, tuple(_verdicts(accepted, compiler, bool(rules)))))
    into.reports.routes[_key(route.metadata)] = RouteReport(route.metadata.generation, tuple(reports))


def _place(port: _Port, attachment: Attachment, rules: Iterable[Rule], route: HTTPRoute) -> None:
    since = route.metadata.creation_timestamp or ""
    made = [
        each for rule in rules for each in rule.routes(owner(route), since, attachment.state.listener.port, port.tls)
    ]
    for host in attachment.hosts:
        port.hosts.setdefault(host, []).extend(made)


def _verdicts(accepted: Verdict, compiler: RouteCompiler, some: bool) -> Iterable[Verdict]:
    yield accepted
    yield compiler.unresolved or RESOLVED
    if compiler.dropped and some:
        yield Verdict("PartiallyInvalid", True, "UnsupportedValue", f"Dropped Rule: {'; '.join(compiler.dropped)}")


def _refused(gateway: Gateway, address: str) -> Verdict | None:
    """Why a Gateway cannot be had at all."""
    infrastructure = gateway.spec.infrastructure
    if infrastructure is not None and infrastructure.parameters_ref is not None:
        return Verdict("Accepted", False, "InvalidParameters", "Gateways of this class take no parameters")
    for each in gateway.spec.addresses:
        if each.type != "IPAddress":
            message = f"addresses of type {each.type} cannot be had: leave them out, or ask for IPAddress {address}"
            return Verdict("Accepted", False, "UnsupportedAddress", message)
    return None


def _report(gateway: Gateway, states: Sequence[ListenerState], address: str) -> GatewayReport:
    listeners = tuple(each.report() for each in states)
    refused = _refused(gateway, address)
    if refused is not None:
        programmed = Verdict("Programmed", False, "Invalid", f"it is not served: {refused.message}")
        return GatewayReport(gateway.metadata.generation, (refused, programmed), listeners)
    wrong = [each.listener.name for each in states if not each.programmed]
    served = len(wrong) < len(states)
    if wrong:
        message = f"listeners that cannot be served: {', '.join(wrong)}; their conditions say why"
        accepted = Verdict("Accepted", served, "ListenersNotValid", message)
    else:
        accepted = Verdict("Accepted", True, "Accepted", "it is served by the cluster's ingress")
    unusable = [each.value for each in gateway.spec.addresses if each.value not in ("", address)]
    if unusable:
        message = f"{', '.join(unusable)} cannot be had here: Gateways are reached at {address}"
        programmed = Verdict("Programmed", False, "AddressNotUsable", message)
    elif served:
        programmed = Verdict("Programmed", True, "Programmed", f"it is reached at {address}")
    else:
        programmed = Verdict("Programmed", False, "Invalid", "none of its listeners can be served")
    return GatewayReport(gateway.metadata.generation, (accepted, programmed), listeners)


def _entry(number: int, port: _Port) -> Entry:
    port.hosts.setdefault(ANY_HOST, [NOT_FOUND])
    hosts = tuple(Host(name, _once(found)) for name, found in sorted(port.hosts.items()))
    return Entry(entry_name(number, port.tls), number, port.tls, Table(hosts, port.certificates))


def _once(routes: list[Route]) -> tuple[Route, ...]:
    """In order; what listeners of several Gateways, or several parents, say twice just once."""
    return in_order([*dict.fromkeys(each for each in routes if each is not NOT_FOUND), NOT_FOUND])


def _key(metadata: ObjectMeta) -> Key:
    return metadata.namespace, metadata.name
