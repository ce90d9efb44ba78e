"""Gateways, HTTPRoutes and grants as tests write them, and the small world they are compiled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api import codec, defaults
from api.types import Gateway, HTTPRoute, ReferenceGrant
from ingress.gateway import compile as gateways
from ingress.gateway.compile import Compiled, World
from ingress.gateway.references import Grants
from ingress.model import ANY_HOST, Certificate, Conditions, Entry, Key, PathKind, Problem, Route
from tests.support.ingresses import AnyService

ADDRESS = "10.0.0.254"
RESERVED = {80: False, 443: True}


def metadata(name: str, namespace: str, age: int) -> dict[str, Any]:
    """Of an object made `age` minutes before noon."""
    created = f"2026-01-01T11:{59 - age:02}:00Z"
    return {"name": name, "namespace": namespace, "creationTimestamp": created, "generation": 1}


def listener(name: str = "http", port: int = 80, protocol: str = "HTTP", **more: Any) -> dict[str, Any]:
    return {"name": name, "port": port, "protocol": protocol, **more}


def allowed(whence: str, **more: Any) -> dict[str, Any]:
    """allowedRoutes of a listener, for routes of some namespaces."""
    return {"allowedRoutes": {"namespaces": {"from": whence, **more}}}


def secure(*names: str, namespace: str | None = None) -> dict[str, Any]:
    """tls of a listener, with certificates from these Secrets."""
    where = {"namespace": namespace} if namespace else {}
    return {"tls": {"certificateRefs": [{"name": each, **where} for each in names]}}


def a_gateway(
    *listeners: dict[str, Any], name: str = "g", namespace: str = "default", age: int = 0, **spec: Any
) -> Gateway:
    given = {"gatewayClassName": "podling", "listeners": list(listeners) or [listener()], **spec}
    return defaults.apply(codec.from_tree(Gateway, {"metadata": metadata(name, namespace, age), "spec": given}))


def a_route(
    *rules: dict[str, Any],
    name: str = "r",
    namespace: str = "default",
    age: int = 0,
    parents: Sequence[dict[str, Any]] = ({"name": "g"},),
    hosts: Sequence[str] = (),
) -> HTTPRoute:
    spec = {"parentRefs": list(parents), "hostnames": list(hosts), "rules": list(rules) or [rule()]}
    return defaults.apply(codec.from_tree(HTTPRoute, {"metadata": metadata(name, namespace, age), "spec": spec}))


def rule(
    *matches: dict[str, Any], to: str = "web", filters: Sequence[dict[str, Any]] = (), **more: Any
) -> dict[str, Any]:
    """A rule that sends requests to a Service's port 80, unless `backendRefs` says where or a filter redirects."""
    redirects = any(each["type"] == "RequestRedirect" for each in filters)
    backends = {} if redirects else {"backendRefs": [{"name": to, "port": 80}]}
    return {"matches": list(matches), "filters": list(filters), **backends, **more}


def path(value: str, kind: str = "PathPrefix", **more: Any) -> dict[str, Any]:
    return {"path": {"type": kind, "value": value}, **more}


def grant(kind: str, to: str, *, whence: str = "default", namespace: str = "other", name: str = "") -> ReferenceGrant:
    """Leave for a kind in one namespace to refer to Services or Secrets in another."""
    target = {"group": "", "kind": to, **({"name": name} if name else {})}
    source = {"group": "gateway.networking.k8s.io", "kind": kind, "namespace": whence}
    tree = {"metadata": metadata("grant", namespace, 0), "spec": {"from": [source], "to": [target]}}
    return codec.from_tree(ReferenceGrant, tree)


def compiled(
    *records: Gateway | HTTPRoute | ReferenceGrant,
    services: AnyService | None = None,
    broken: Sequence[Key] = (),
    labels: Mapping[str, Mapping[str, str]] | None = None,
    reserved: Mapping[int, bool] | None = None,
    in_use: Sequence[int] = (),
) -> Compiled:
    """What becomes of them. broken: Secrets without a usable certificate; labels: of namespaces; in_use: ports."""

    def certificate_of(key: Key) -> Certificate | Problem:
        return (
            Problem("SecretNotFound", f"Secret {'/'.join(key)} does not exist")
            if key in broken
            else Certificate(b"", b"")
        )

    world = World(
        gateways=[each for each in records if isinstance(each, Gateway)],
        routes=[each for each in records if isinstance(each, HTTPRoute)],
        grants=Grants(each for each in records if isinstance(each, ReferenceGrant)),
        service_of=services or AnyService(),
        certificate_of=certificate_of,
        labels_of=lambda namespace: (labels or {}).get(namespace, {}),
        address=ADDRESS,
        is_free=lambda port: port not in in_use,
    )
    return gateways.compile(world, RESERVED if reserved is None else reserved)


def route_for(
    entries: Sequence[Entry], host: str, asked: str, *, port: int = 80, method: str = "GET", **headers: str
) -> Route:
    """The route that a request gets: of the narrowest host the first that matches. Parameters stand in the path."""
    [entry] = [each for each in entries if each.port == port]
    hosts = {each.name: each for each in entry.table.hosts}
    labels = host.split(".")
    wildcards = ["*." + ".".join(labels[count:]) for count in range(1, len(labels))]
    chosen = next(hosts[name] for name in (host, *wildcards, ANY_HOST) if name in hosts)
    wanted, _, query = asked.partition("?")
    parameters = dict(each.split("=", 1) for each in query.split("&") if each)
    return next(
        each
        for each in chosen.routes
        if _matches_path(each, wanted) and _matches(each.conditions, method, headers, parameters)
    )


def _matches_path(route: Route, asked: str) -> bool:
    if route.match.kind is PathKind.EXACT:
        return asked == route.match.path
    return f"{asked}/".startswith(f"{route.match.path.rstrip('/')}/")


def _matches(conditions: Conditions, method: str, headers: Mapping[str, str], parameters: Mapping[str, str]) -> bool:
    return (
        conditions.method in ("", method)
        and all(headers.get(each.name) == each.value for each in conditions.headers)
        and all(parameters.get(each.name) == each.value for each in conditions.parameters)
    )
