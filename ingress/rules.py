"""Ingresses compiled to a routing table (upstream: networking.k8s.io/v1 Ingress, its documented precedence). Pure.

The most specific host decides: a name, then a wildcard, then rules without a host. Within it the longest path wins,
exact before prefix. What no path of its host matches goes to the default backend. Where two Ingresses claim one path,
the older one has it, and the other is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from api.types import HTTPIngressPath, Ingress, IngressBackend
from ingress import settings as ingress_settings
from ingress.backends import ServiceOf, resolve
from ingress.model import (
    ANY_HOST,
    EVERYTHING,
    NEVER,
    WILDCARD,
    Answer,
    Forward,
    Host,
    Key,
    PathKind,
    PathMatch,
    Problem,
    Redirect,
    Route,
    Share,
    Table,
    in_order,
)
from ingress.settings import Settings

# Stands for itself in the path of a request (RFC 3986); anything else comes escaped, and is compared so.
_OF_A_PATH = "/%:@!$&'()*+,;=~"
NOT_FOUND_TEXT = "no Ingress has a route for this host and path"
NOT_FOUND = Route(EVERYTHING, Answer(404, NOT_FOUND_TEXT), "-", since=NEVER, is_fallback=True)
HTTPS_CODE = 308


@dataclass(slots=True)
class Compiled:
    """The table; what is wrong with which Ingress; the Services that are asked for, there or not."""

    table: Table
    problems: dict[Key, list[Problem]]
    services: set[Key]


@dataclass(slots=True)
class _HostRoutes:
    routes: dict[PathMatch, Route] = field(default_factory=dict)
    default: Route | None = None


def compile(ingresses: Iterable[Ingress], service_of: ServiceOf) -> Compiled:
    """The table of these Ingresses. service_of: a Service by namespace and name, None when there is none."""
    return _Compiler(service_of).run(sorted(ingresses, key=_age))


def _age(ingress: Ingress) -> tuple[str, str, str]:
    """Sorts the oldest to the front; of several equally old the first by name."""
    metadata = ingress.metadata
    return metadata.creation_timestamp or "", metadata.namespace, metadata.name


def path_match(path: HTTPIngressPath) -> PathMatch | None:
    """What a path matches; None for nothing: there is neither "?" nor "#" in the path of a request.

    ImplementationSpecific is Prefix here.
    """
    if "?" in path.path or "#" in path.path:
        return None
    text = quote(path.path, safe=_OF_A_PATH)
    if path.path_type == "Exact":
        return PathMatch(PathKind.EXACT, text)
    return PathMatch(PathKind.PREFIX, text.rstrip("/") or "/")


class _Compiler:
    def __init__(self, service_of: ServiceOf) -> None:
        self._service_of = service_of
        self._hosts: dict[str, _HostRoutes] = {ANY_HOST: _HostRoutes()}
        self._certificates: dict[str, Key] = {}
        self._certified_by: dict[str, str] = {}
        self._default: Route | None = None
        self._compiled = Compiled(Table(()), {}, set())

    def run(self, ingresses: list[Ingress]) -> Compiled:
        # Whether a host has a certificate must be known before its routes are made.
        for ingress in ingresses:
            self._add_certificates(ingress)
        for ingress in ingresses:
            self._add_rules(ingress)
        hosts = tuple(Host(name, self._ordered(name, found)) for name, found in sorted(self._hosts.items()))
        self._compiled.table = Table(hosts, self._certificates)
        return self._compiled

    def _ordered(self, host: str, found: _HostRoutes) -> tuple[Route, ...]:
        routes = list(found.routes.values())
        if EVERYTHING not in found.routes:
            routes.append(replace(found.default or self._default or NOT_FOUND, is_fallback=True))
        # A wildcard stands for one label, as documented.
        return in_order(replace(each, one_label=host.startswith(WILDCARD)) for each in routes)

    def _tell(self, ingress: Ingress, problem: Problem) -> None:
        told = self._compiled.problems.setdefault(_key(ingress), [])
        if problem not in told:
            told.append(problem)

    def _add_certificates(self, ingress: Ingress) -> None:
        for entry in ingress.spec.tls:
            if not entry.secret_name:
                continue
            secret = (ingress.metadata.namespace, entry.secret_name)
            for host in entry.hosts or _rule_hosts(ingress):
                if self._certificates.setdefault(host, secret) != secret:
                    shown = host or "every other host"
                    message = f"{shown} has its certificate from Ingress {self._certified_by[host]}, which is older"
                    self._tell(ingress, Problem("CertificateConflict", message))
                self._certified_by.setdefault(host, _name(ingress))

    def _add_rules(self, ingress: Ingress) -> None:
        settings = ingress_settings.read(ingress.metadata.annotations)
        for problem in settings.problems:
            self._tell(ingress, problem)
        default = None
        if ingress.spec.default_backend is not None:
            default = self._route(ingress, settings, ANY_HOST, EVERYTHING, ingress.spec.default_backend)
            self._default = self._default or default
        for rule in ingress.spec.rules:
            found = self._hosts.setdefault(rule.host, _HostRoutes())
            found.default = found.default or default
            for path in rule.http.paths if rule.http is not None else ():
                self._add_path(ingress, settings, rule.host, path)

    def _add_path(self, ingress: Ingress, settings: Settings, host: str, path: HTTPIngressPath) -> None:
        match = path_match(path)
        if match is None:
            message = f'path {path.path!r} matches no request: paths have neither "?" nor "#"'
            self._tell(ingress, Problem("InvalidPath", message))
            return
        there = self._hosts[host].routes.get(match)
        if there is not None:
            whose = "twice in this Ingress" if there.owner == _name(ingress) else f"that of Ingress {there.owner} too"
            message = f"path {path.path or '/'} of host {host or '*'} is {whose}: the first one has it"
            self._tell(ingress, Problem("PathConflict", message))
            return
        self._hosts[host].routes[match] = self._route(ingress, settings, host, match, path.backend)

    def _route(
        self, ingress: Ingress, settings: Settings, host: str, match: PathMatch, wanted: IngressBackend
    ) -> Route:
        action = settings.redirect or self._forward(ingress, settings, wanted)
        https_only = settings.https_redirect and host in self._certificates
        return Route(match, action, _name(ingress), https_only, since=ingress.metadata.creation_timestamp or "")

    def _forward(self, ingress: Ingress, settings: Settings, wanted: IngressBackend) -> Forward | Redirect | Answer:
        namespace = ingress.metadata.namespace
        if wanted.service is not None:
            self._compiled.services.add((namespace, wanted.service.name))
        backend = resolve(namespace, wanted, self._service_of, settings.protocol)
        if isinstance(backend, Problem):
            self._tell(ingress, backend)
            return Answer(503, f"the backend of Ingress {_name(ingress)} is not there")
        return Forward(
            (Share(backend),),
            timeout_seconds=settings.timeout_seconds,
            idle_seconds=settings.idle_seconds,
            retries=settings.retries,
            rewrite_prefix=settings.rewrite_prefix,
        )


def _rule_hosts(ingress: Ingress) -> list[str]:
    """The hosts a certificate is for when it names none: those of the rules, or else all that have none."""
    return [rule.host for rule in ingress.spec.rules] or [ANY_HOST]


def _key(ingress: Ingress) -> Key:
    return ingress.metadata.namespace, ingress.metadata.name


def _name(ingress: Ingress) -> str:
    return f"{ingress.metadata.namespace}/{ingress.metadata.name}"
