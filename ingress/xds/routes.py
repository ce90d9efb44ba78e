"""The routing table as Envoy's route configurations: one for each entry. Pure.

Envoy takes the first route that matches, and of several virtual hosts the most specific: so does the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from cluster.pb import xds_pb2 as pb
from ingress.model import (
    ANY_HOST,
    WILDCARD,
    Answer,
    Conditions,
    Entry,
    Host,
    PathKind,
    PathMatch,
    Redirect,
    Route,
    ValueMatch,
)
from ingress.xds.actions import HTTPS_ONLY, IDEMPOTENT_METHODS, RETRY_IDEMPOTENT, RETRY_UNSENT, forward, redirect
from ingress.xds.headers import change_headers
from ingress.xds.resource import Resource

_METHOD = ":method"
_AUTHORITY = ":authority"


def configurations(entries: Iterable[Entry]) -> list[Resource]:
    """A route configuration for each entry, of its name."""
    return [_configuration(entry) for entry in entries]


def _configuration(entry: Entry) -> Resource:
    any_routes = [
        each
        for host in entry.table.hosts
        if host.name == ANY_HOST
        for route in host.routes
        for each in _routes(route, entry, "")
    ]
    hosts = [_virtual_host(host, entry, any_routes) for host in entry.table.hosts]
    message = pb.RouteConfiguration(name=entry.name, virtual_hosts=hosts, ignore_port_in_host_matching=True)
    return Resource.of(entry.name, message)


def _virtual_host(host: Host, entry: Entry, any_routes: Iterable[pb.Route]) -> pb.VirtualHost:
    domain = host.name or "*"
    if host.name == ANY_HOST:
        return pb.VirtualHost(name=domain, domains=[domain], routes=any_routes)
    # Envoy's wildcard stands for any number of labels, an Ingress' for one: others have the routes of hosts nobody
    # names.
    wildcard = host.name.startswith(WILDCARD)
    pattern = _one_label_more(host.name) if wildcard else ""
    routes = [each for route in host.routes for each in _routes(route, entry, pattern if route.one_label else "")]
    return pb.VirtualHost(name=domain, domains=[domain], routes=[*routes, *(any_routes if wildcard else ())])


def _one_label_more(wildcard: str) -> str:
    return rf"(?i)[^.:]+{re.escape(wildcard.removeprefix('*'))}\.?(:\d+)?"


def _routes(route: Route, entry: Entry, host_pattern: str) -> Iterator[pb.Route]:
    """A route; one that forwards is two: requests that may be repeated, and others."""
    match = _match(route.match, route.conditions)
    if host_pattern:
        match.headers.append(_header(ValueMatch(_AUTHORITY, host_pattern, is_regex=True)))
    action = route.action
    if route.https_only and not entry.tls:
        yield _named(route, match, redirect=redirect(HTTPS_ONLY, route.match))
    elif isinstance(action, Redirect):
        yield _named(route, match, redirect=redirect(action, route.match))
    elif isinstance(action, Answer):
        answer = pb.DirectResponseAction(status=action.status, body=pb.DataSource(inline_string=f"{action.text}\n"))
        yield _named(route, match, direct_response=answer)
    else:
        if action.retries:
            idempotent = pb.RouteMatch()
            idempotent.CopyFrom(match)
            idempotent.headers.append(_header(ValueMatch(_METHOD, IDEMPOTENT_METHODS, is_regex=True)))
            yield _named(route, idempotent, route=forward(action, route.match, RETRY_IDEMPOTENT))
        yield _named(route, match, route=forward(action, route.match, RETRY_UNSENT))


def _named(owned: Route, match: pb.RouteMatch, **action: object) -> pb.Route:
    made = pb.Route(name=owned.owner, match=match, **action)
    change_headers(made, owned.request_headers, owned.response_headers)
    return made


def _match(match: PathMatch, conditions: Conditions) -> pb.RouteMatch:
    made = _path_match(match)
    if conditions.method:
        made.headers.append(_header(ValueMatch(_METHOD, conditions.method)))
    made.headers.extend(_header(each) for each in conditions.headers)
    made.query_parameters.extend(
        pb.QueryParameterMatcher(name=each.name, string_match=_value(each)) for each in conditions.parameters
    )
    return made


def _path_match(match: PathMatch) -> pb.RouteMatch:
    if match.kind is PathKind.EXACT:
        return pb.RouteMatch(path=match.path)
    if match.kind is PathKind.REGEX:
        return pb.RouteMatch(safe_regex=pb.RegexMatcher(regex=match.path))
    if match.path == "/":
        return pb.RouteMatch(prefix="/")
    return pb.RouteMatch(path_separated_prefix=match.path)


def _header(match: ValueMatch) -> pb.HeaderMatcher:
    return pb.HeaderMatcher(name=match.name, string_match=_value(match))


def _value(match: ValueMatch) -> pb.StringMatcher:
    if match.is_regex:
        return pb.StringMatcher(safe_regex=pb.RegexMatcher(regex=match.value))
    return pb.StringMatcher(exact=match.value)
