"""An HTTPRoute's rules, as the routing table has them (upstream: HTTPRouteRule, its filters and backends). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from api.types import (
    BackendObjectReference,
    HTTPBackendRef,
    HTTPHeaderFilter,
    HTTPPathModifier,
    HTTPRequestMirrorFilter,
    HTTPRequestRedirectFilter,
    HTTPRoute,
    HTTPRouteFilter,
    HTTPRouteRule,
)
from ingress import backends
from ingress.backends import ServiceOf
from ingress.gateway.matches import Unsupported, printable, read
from ingress.gateway.references import CORE, Grants
from ingress.gateway.reports import Verdict
from ingress.model import (
    EVERYTHING,
    NO_CHANGES,
    NO_CONDITIONS,
    Answer,
    Backend,
    Conditions,
    Forward,
    HeaderChanges,
    Key,
    Mirror,
    PathMatch,
    Problem,
    Redirect,
    Route,
    Share,
)
from ingress.settings import duration_seconds

_MILLION = 1_000_000
_WELL_KNOWN = {"http": 80, "https": 443}
_HOST = "host"

# A listener's port and whether it is for HTTPS, to what becomes of requests there.
Act = Callable[[int, bool], Forward | Redirect | Answer]


@dataclass(slots=True)
class RouteCompiler:
    """Compiles one route. What is wrong with its references and rules is found on the way.

    services: those it asks for, there or not.
    """

    route: HTTPRoute
    service_of: ServiceOf
    grants: Grants
    services: set[Key] = field(default_factory=set)
    unresolved: Verdict | None = None
    dropped: list[str] = field(default_factory=list)

    def run(self) -> list[Rule]:
        """The rules that can be carried out."""
        rules = []
        for number, rule in enumerate(self.route.spec.rules):
            try:
                rules.append(self._rule(rule))
            except (Unsupported, ValueError) as error:
                self.dropped.append(f"rule {rule.name or number}: {error}")
        return rules

    def _rule(self, rule: HTTPRouteRule) -> Rule:
        matches = [read(match) for match in rule.matches] or [(EVERYTHING, NO_CONDITIONS)]
        filters = {each.type: each for each in rule.filters}
        request, host = _request_changes(filters.get("RequestHeaderModifier"))
        response = _response_changes(filters.get("ResponseHeaderModifier"))
        if "ExtensionRef" in filters:
            # What a filter would have done must not be left out: such requests fail.
            self._tell("InvalidKind", "filters of type ExtensionRef are not supported here: requests answer 500")
            return Rule(matches, lambda port, tls: Answer(500, "a filter is missing"), NO_CHANGES, NO_CHANGES)
        redirect = filters.get("RequestRedirect")
        if redirect is not None and redirect.request_redirect is not None:
            return Rule(matches, _redirecting(redirect.request_redirect), request, response)
        forward = self._forward(rule, host)
        return Rule(matches, lambda port, tls: forward, request, response)

    def _forward(self, rule: HTTPRouteRule, host: str) -> Forward | Answer:
        shares = tuple(self._share(each) for each in rule.backend_refs if each.weight != 0)
        mirrors = tuple(self._mirrors(rule))
        if not any(share.backend is not None for share in shares):
            return Answer(500, "no backend of the HTTPRoute's rule is there")
        timeouts = rule.timeouts
        forward = Forward(
            shares,
            timeout_seconds=_seconds(timeouts.request if timeouts is not None else None),
            attempt_seconds=_seconds(timeouts.backend_request if timeouts is not None else None),
            rewrite_host=host,
            mirrors=mirrors,
        )
        rewrite = next((each.url_rewrite for each in rule.filters if each.url_rewrite is not None), None)
        if rewrite is None:
            return forward
        full, prefix = _path_change(rewrite.path)
        return replace(forward, rewrite_host=rewrite.hostname or host, rewrite_path=full, rewrite_prefix=prefix)

    def _share(self, reference: HTTPBackendRef) -> Share:
        filters = {each.type: each for each in reference.filters}
        strange = sorted(filters.keys() - {"RequestHeaderModifier", "ResponseHeaderModifier"})
        if strange:
            raise Unsupported(f"filters of type {', '.join(strange)} are for whole rules here, not for backends")
        request, host = _request_changes(filters.get("RequestHeaderModifier"))
        if host:
            raise Unsupported("the header Host can be changed for whole rules here, not for backends")
        plain = BackendObjectReference(
            group=reference.group,
            kind=reference.kind,
            name=reference.name,
            namespace=reference.namespace,
            port=reference.port,
        )
        weight = 1 if reference.weight is None else reference.weight
        return Share(self._backend(plain), weight, request, _response_changes(filters.get("ResponseHeaderModifier")))

    def _mirrors(self, rule: HTTPRouteRule) -> Iterator[Mirror]:
        for each in rule.filters:
            if each.request_mirror is not None:
                backend = self._backend(each.request_mirror.backend_ref)
                if backend is not None:
                    yield Mirror(backend, _millionths(each.request_mirror))

    def _backend(self, reference: BackendObjectReference) -> Backend | None:
        """The backend; None, and it is told, when it cannot be had."""
        here = self.route.metadata.namespace
        key = (reference.namespace or here, reference.name)
        if (reference.group or CORE, reference.kind or "Service") != (CORE, "Service"):
            self._tell("InvalidKind", f"a backend must be a Service; {reference.kind} is not supported here")
            return None
        if not self.grants.allow("HTTPRoute", here, "Service", *key):
            message = f"no ReferenceGrant in namespace {key[0]} lets HTTPRoutes of {here} use Service {key[1]}"
            self._tell("RefNotPermitted", message)
            return None
        self.services.add(key)
        found = backends.find(key, reference.port or 0, "", self.service_of, answer=500)
        if isinstance(found, Problem):
            self._tell("BackendNotFound", found.message)
            return None
        return found

    def _tell(self, reason: str, message: str) -> None:
        self.unresolved = self.unresolved or Verdict("ResolvedRefs", False, reason, message)


@dataclass(frozen=True, slots=True)
class Rule:
    matches: list[tuple[PathMatch, Conditions]]
    act: Act
    request: HeaderChanges
    response: HeaderChanges

    def routes(self, name: str, since: str, port: int, tls: bool) -> Iterator[Route]:
        """The rule at a listener."""
        action = self.act(port, tls)
        for path, conditions in self.matches:
            yield Route(
                path,
                action,
                name,
                conditions=conditions,
                request_headers=self.request,
                response_headers=self.response,
                since=since,
            )


def owner(route: HTTPRoute) -> str:
    """What its routes are called in the proxy's log."""
    return f"httproute/{route.metadata.namespace}/{route.metadata.name}"


def _request_changes(given: HTTPRouteFilter | None) -> tuple[HeaderChanges, str]:
    """The changes, and the host that backends are to see: to the proxy that is no header."""
    if given is None or given.request_header_modifier is None:
        return NO_CHANGES, ""
    changes = _changes(given.request_header_modifier)
    hosts = [value for name, value in changes.overwrite + changes.add if name.lower() == _HOST]
    without = HeaderChanges(
        tuple(each for each in changes.overwrite if each[0].lower() != _HOST),
        tuple(each for each in changes.add if each[0].lower() != _HOST),
        tuple(each for each in changes.remove if each.lower() != _HOST),
    )
    return without, hosts[0] if hosts else ""


def _response_changes(given: HTTPRouteFilter | None) -> HeaderChanges:
    return (
        _changes(given.response_header_modifier) if given is not None and given.response_header_modifier else NO_CHANGES
    )


def _changes(given: HTTPHeaderFilter) -> HeaderChanges:
    return HeaderChanges(
        tuple((each.name, printable(each.value)) for each in given.set),
        tuple((each.name, printable(each.value)) for each in given.add),
        tuple(given.remove),
    )


def _path_change(given: HTTPPathModifier | None) -> tuple[str | None, str | None]:
    """What takes the place of the whole path, and of the prefix that matched."""
    if given is None:
        return None, None
    printable((given.replace_full_path or "") + (given.replace_prefix_match or ""))
    return given.replace_full_path, given.replace_prefix_match


def _redirecting(given: HTTPRequestRedirectFilter) -> Act:
    full, prefix = _path_change(given.path)

    def act(port: int, tls: bool) -> Redirect:
        scheme = given.scheme or ("https" if tls else "http")
        wanted = given.port or (_WELL_KNOWN[scheme] if given.scheme else port)
        return Redirect(
            given.status_code or 302,
            scheme=given.scheme or "",
            host=given.hostname or "",
            # A scheme's own port is left out.
            port=0 if _WELL_KNOWN[scheme] == wanted else wanted,
            path="" if full is None else full or "/",
            prefix=prefix,
        )

    return act


def _millionths(mirror: HTTPRequestMirrorFilter) -> int:
    if mirror.percent is not None:
        return mirror.percent * _MILLION // 100
    if mirror.fraction is not None:
        return mirror.fraction.numerator * _MILLION // (mirror.fraction.denominator or 100)
    return _MILLION


def _seconds(duration: str | None) -> float:
    return duration_seconds(duration) if duration else 0.0
