"""The routing table as Envoy's route configurations: one for plain HTTP, one for HTTPS. Pure.

Envoy takes the first route that matches, and of several virtual hosts the most specific: so does the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from cluster.pb import xds_pb2 as pb
from ingress.model import ANY_HOST, WILDCARD, Answer, Forward, Host, PathKind, PathMatch, Redirect, Route, Table
from ingress.rules import HTTPS_CODE
from ingress.xds.resource import Resource, packed

HTTP = "http"
HTTPS = "https"
HTTPS_PORT = 443

# Nothing of such a request has reached a server: any may be tried again.
_RETRY_UNSENT = "connect-failure,refused-stream,reset-before-request"
# These may be repeated even if one was (RFC 9110, idempotent methods): a server that ends hangs up on some.
_RETRY_IDEMPOTENT = f"reset,{_RETRY_UNSENT}"
_IDEMPOTENT_METHODS = "GET|HEAD|OPTIONS|PUT|DELETE|TRACE"
_HOST_PICKS = 5
_FIRST_BACKOFF_MS, _MOST_BACKOFF_MS = 20, 250
_PREVIOUS_HOSTS = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
_CODES = {
    301: pb.RedirectAction.MOVED_PERMANENTLY,
    302: pb.RedirectAction.FOUND,
    303: pb.RedirectAction.SEE_OTHER,
    307: pb.RedirectAction.TEMPORARY_REDIRECT,
    308: pb.RedirectAction.PERMANENT_REDIRECT,
}


def configurations(table: Table) -> list[Resource]:
    """The two route configurations."""
    return [_configuration(table, name) for name in (HTTP, HTTPS)]


def _configuration(table: Table, name: str) -> Resource:
    any_routes = [
        each
        for host in table.hosts
        if host.name == ANY_HOST
        for route in host.routes
        for each in _routes(route, name, "")
    ]
    hosts = [_virtual_host(host, name, any_routes) for host in table.hosts]
    message = pb.RouteConfiguration(name=name, virtual_hosts=hosts, ignore_port_in_host_matching=True)
    return Resource.of(name, message)


def _virtual_host(host: Host, name: str, any_routes: Iterable[pb.Route]) -> pb.VirtualHost:
    domain = host.name or "*"
    if host.name == ANY_HOST:
        return pb.VirtualHost(name=domain, domains=[domain], routes=any_routes)
    # Envoy's wildcard stands for any number of labels, ours for one: others have the routes of hosts nobody names.
    wildcard = host.name.startswith(WILDCARD)
    pattern = _one_label_more(host.name) if wildcard else ""
    routes = [each for route in host.routes for each in _routes(route, name, pattern)]
    return pb.VirtualHost(name=domain, domains=[domain], routes=[*routes, *(any_routes if wildcard else ())])


def _one_label_more(wildcard: str) -> str:
    return rf"(?i)[^.:]+{re.escape(wildcard.removeprefix('*'))}\.?(:\d+)?"


def _routes(route: Route, name: str, host_pattern: str) -> Iterator[pb.Route]:
    """A route; one that forwards is two: requests that may be repeated, and others."""
    match = _match(route.match)
    if host_pattern:
        match.headers.append(_header(":authority", host_pattern))
    action = route.action
    if route.https_only and name == HTTP:
        redirect = pb.RedirectAction(https_redirect=True, response_code=_CODES[HTTPS_CODE])
        yield pb.Route(name=route.owner, match=match, redirect=redirect)
    elif isinstance(action, Redirect):
        yield pb.Route(name=route.owner, match=match, redirect=_redirect(action))
    elif isinstance(action, Answer):
        answer = pb.DirectResponseAction(status=action.status, body=pb.DataSource(inline_string=f"{action.text}\n"))
        yield pb.Route(name=route.owner, match=match, direct_response=answer)
    else:
        if action.retries:
            idempotent = pb.RouteMatch()
            idempotent.CopyFrom(match)
            idempotent.headers.append(_header(":method", _IDEMPOTENT_METHODS))
            forward = _forward(action, route.match, _RETRY_IDEMPOTENT)
            yield pb.Route(name=route.owner, match=idempotent, route=forward)
        yield pb.Route(name=route.owner, match=match, route=_forward(action, route.match, _RETRY_UNSENT))


def _match(match: PathMatch) -> pb.RouteMatch:
    if match.kind is PathKind.EXACT:
        return pb.RouteMatch(path=match.path)
    if match.path == "/":
        return pb.RouteMatch(prefix="/")
    return pb.RouteMatch(path_separated_prefix=match.path)


def _header(name: str, pattern: str) -> pb.HeaderMatcher:
    return pb.HeaderMatcher(name=name, string_match=pb.StringMatcher(safe_regex=pb.RegexMatcher(regex=pattern)))


def _forward(action: Forward, match: PathMatch, retry_on: str) -> pb.RouteAction:
    forward = pb.RouteAction(
        cluster=action.backend.name,
        timeout=_duration(action.timeout_seconds),
        idle_timeout=_duration(action.idle_seconds),
    )
    if action.retries:
        forward.retry_policy.CopyFrom(_retry_policy(action.retries, retry_on))
    if action.rewrite_prefix is not None:
        _rewrite(forward, match, action.rewrite_prefix)
    return forward


def _retry_policy(retries: int, retry_on: str) -> pb.RetryPolicy:
    other_host = pb.RetryHostPredicate(
        name="envoy.retry_host_predicates.previous_hosts",
        typed_config=packed(_PREVIOUS_HOSTS, pb.PreviousHostsPredicate()),
    )
    return pb.RetryPolicy(
        retry_on=retry_on,
        num_retries=UInt32Value(value=retries),
        retry_host_predicate=[other_host],
        host_selection_retry_max_attempts=_HOST_PICKS,
        retry_back_off=pb.RetryPolicy.RetryBackOff(
            base_interval=_duration(_FIRST_BACKOFF_MS / 1000), max_interval=_duration(_MOST_BACKOFF_MS / 1000)
        ),
    )


def _rewrite(forward: pb.RouteAction, match: PathMatch, target: str) -> None:
    """Replace the matched prefix (of an exact path: all of it), with one slash where the two meet."""
    prefix = match.path.rstrip("/")
    if match.kind is PathKind.EXACT:
        forward.prefix_rewrite = target
    elif target.rstrip("/"):
        forward.prefix_rewrite = target.rstrip("/") if prefix else f"{target.rstrip('/')}/"
    elif prefix:
        forward.regex_rewrite.pattern.regex = f"^{re.escape(prefix)}/*"
        forward.regex_rewrite.substitution = "/"


def _redirect(action: Redirect) -> pb.RedirectAction:
    redirect = pb.RedirectAction(
        response_code=_CODES[action.code],
        host_redirect=action.host,
        path_redirect=action.path,
        port_redirect=action.port,
    )
    if action.scheme:
        redirect.scheme_redirect = action.scheme
    return redirect


def _duration(seconds: float) -> Duration:
    whole = int(seconds)
    return Duration(seconds=whole, nanos=round((seconds - whole) * 1_000_000_000))
