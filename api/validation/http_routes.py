"""HTTPRoutes (upstream: the definition of httproutes.gateway.networking.k8s.io, standard channel)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from api.errors import FieldError
from api.types import (
    BackendObjectReference,
    GatewayHTTPHeader,
    GatewayLocalObjectReference,
    GatewayParentReference,
    HTTPBackendRef,
    HTTPHeaderFilter,
    HTTPHeaderMatch,
    HTTPPathMatch,
    HTTPPathModifier,
    HTTPQueryParamMatch,
    HTTPRequestMirrorFilter,
    HTTPRequestRedirectFilter,
    HTTPRoute,
    HTTPRouteFilter,
    HTTPRouteMatch,
    HTTPRouteRule,
    HTTPRouteTimeouts,
    HTTPURLRewriteFilter,
)
from api.validation import gateway_schema as schema
from api.validation.checks import Errors

_PATH_TYPES = ("Exact", "PathPrefix", "RegularExpression")
_VALUE_TYPES = ("Exact", "RegularExpression")
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
_CODES = (301, 302, 303, 307, 308)
_MOST_WEIGHT = 1_000_000
_MOST_MATCHES = 128
_PATH = r"^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$"
_NOT_IN_PATHS = ("//", "/./", "/../", "%2f", "%2F", "#")
_NOT_AT_ENDS = ("/..", "/.")
_FILTERS = {
    "RequestHeaderModifier": "requestHeaderModifier",
    "ResponseHeaderModifier": "responseHeaderModifier",
    "RequestMirror": "requestMirror",
    "RequestRedirect": "requestRedirect",
    "URLRewrite": "urlRewrite",
    "ExtensionRef": "extensionRef",
}
_ONCE = ("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite")
_UNIT_MS = {"h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}


def http_route(route: HTTPRoute) -> Errors:
    spec = route.spec
    yield from _parents(spec.parent_refs)
    yield from schema.at_most(spec.hostnames, "spec.hostnames", 16)
    for index, host in enumerate(spec.hostnames):
        yield from schema.text(host, f"spec.hostnames[{index}]", pattern=schema.HOSTNAME, most=253)
    yield from schema.at_most(spec.rules, "spec.rules", 16)
    for index, rule in enumerate(spec.rules):
        yield from _rule(rule, f"spec.rules[{index}]")
    names = [rule.name for rule in spec.rules if rule.name is not None]
    unique = len(set(names)) == len(names)
    yield from schema.rule(unique, "spec.rules", "Rule name must be unique within the route", value="array")
    message = (
        "While 16 rules and 64 matches per rule are allowed, the total number of matches across all rules in a route"
        f" must be less than {_MOST_MATCHES}"
    )
    few = sum(len(rule.matches) for rule in spec.rules) <= _MOST_MATCHES
    yield from schema.rule(few, "spec.rules", message, value="array")


def http_route_status(new: HTTPRoute, old: HTTPRoute) -> Errors:
    parents = new.status.parents if new.status is not None else []
    yield from schema.at_most(parents, "status.parents", 32)
    for index, each in enumerate(parents):
        path = f"status.parents[{index}]"
        yield from schema.parent(each.parent_ref, f"{path}.parentRef")
        yield from schema.text(each.controller_name, f"{path}.controllerName", pattern=schema.CONTROLLER, most=253)
        yield from schema.conditions(each.conditions, f"{path}.conditions")


def _parents(references: Sequence[GatewayParentReference]) -> Errors:
    path = "spec.parentRefs"
    yield from schema.at_most(references, path, 32)
    for index, reference in enumerate(references):
        yield from schema.parent(reference, f"{path}[{index}]")
    sections: dict[tuple[str | None, ...], list[str]] = {}
    for each in references:
        parent = (each.group, each.kind, each.name, each.namespace or "")
        sections.setdefault(parent, []).append(each.section_name or "")
    what = "when parentRefs includes 2 or more references to the same parent"
    alike = all(all(found) or not any(found) for found in sections.values())
    yield from schema.rule(alike, path, f"sectionName must be specified {what}", value="array")
    unique = all(len(set(found)) == len(found) for found in sections.values())
    yield from schema.rule(unique, path, f"sectionName must be unique {what}", value="array")


def _rule(rule: HTTPRouteRule, path: str) -> Errors:
    yield from schema.section(rule.name, f"{path}.name")
    yield from schema.at_most(rule.matches, f"{path}.matches", 64)
    for index, match in enumerate(rule.matches):
        yield from _match(match, f"{path}.matches[{index}]")
    yield from _filters(rule.filters, f"{path}.filters")
    yield from schema.at_most(rule.backend_refs, f"{path}.backendRefs", 16)
    for index, backend in enumerate(rule.backend_refs):
        yield from _backend(backend, f"{path}.backendRefs[{index}]")
    if rule.timeouts is not None:
        yield from _timeouts(rule.timeouts, f"{path}.timeouts")
    redirects = any(each.request_redirect is not None for each in rule.filters)
    message = "RequestRedirect filter must not be used together with backendRefs"
    yield from schema.rule(not (redirects and rule.backend_refs), path, message)
    yield from _prefixes(rule, path)


def _prefixes(rule: HTTPRouteRule, path: str) -> Errors:
    """A prefix can only be replaced where there is one."""
    matches = rule.matches
    one_prefix = len(matches) == 1 and matches[0].path is not None and matches[0].path.type == "PathPrefix"
    rest = "filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified"
    within = [each for backend in rule.backend_refs for each in backend.filters]
    for filters, beginnings in (
        (rule.filters, ("When using RequestRedirect", "When using URLRewrite")),
        (within, ("Within backendRefs, when using RequestRedirect", "Within backendRefs, When using URLRewrite")),
    ):
        redirects = [each.request_redirect.path for each in filters if each.request_redirect is not None]
        rewrites = [each.url_rewrite.path for each in filters if each.url_rewrite is not None]
        for beginning, changes in zip(beginnings, (redirects, rewrites), strict=True):
            replaces = any(each is not None and each.replace_prefix_match is not None for each in changes)
            yield from schema.rule(one_prefix or not replaces, path, f"{beginning} {rest}")


def _match(match: HTTPRouteMatch, path: str) -> Errors:
    if match.path is not None:
        yield from _path_match(match.path, f"{path}.path")
    yield from _values(match.headers, f"{path}.headers", 4096)
    yield from _values(match.query_params, f"{path}.queryParams", 1024)
    yield from schema.enumerated(match.method, f"{path}.method", _METHODS)


def _values(given: Sequence[HTTPHeaderMatch | HTTPQueryParamMatch], path: str, most: int) -> Errors:
    yield from schema.at_most(given, path, 16)
    yield from schema.keyed((each.name for each in given), path, "name")
    for index, each in enumerate(given):
        place = f"{path}[{index}]"
        yield from schema.text(each.name, f"{place}.name", pattern=schema.HEADER, most=256)
        yield from schema.enumerated(each.type, f"{place}.type", _VALUE_TYPES)
        yield from schema.text(each.value, f"{place}.value", most=most)


def _path_match(match: HTTPPathMatch, path: str) -> Errors:
    value = match.value or ""
    yield from schema.enumerated(match.type, f"{path}.type", _PATH_TYPES)
    yield from schema.text(value, f"{path}.value", most=1024, needed=False)
    if match.type not in ("Exact", "PathPrefix"):
        return
    when = "when type one of ['Exact', 'PathPrefix']"
    starts = value.startswith("/")
    yield from schema.rule(starts, path, f"value must be an absolute path and start with '/' {when}")
    for sequence in _NOT_IN_PATHS:
        yield from schema.rule(sequence not in value, path, f"must not contain '{sequence}' {when}")
    for end in _NOT_AT_ENDS:
        yield from schema.rule(not value.endswith(end), path, f"must not end with '{end}' {when}")
    message = f"must only contain valid characters (matching {_PATH}) for types ['Exact', 'PathPrefix']"
    yield from schema.rule(re.fullmatch(_PATH.strip("^$"), value) is not None, path, message)


def _filters(filters: Sequence[HTTPRouteFilter], path: str) -> Errors:
    yield from schema.at_most(filters, path, 16)
    for index, each in enumerate(filters):
        yield from _filter(each, f"{path}[{index}]")
    types = [each.type for each in filters]
    message = "May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both"
    both = "RequestRedirect" in types and "URLRewrite" in types
    yield from schema.rule(not both, path, message, value="array")
    for once in _ONCE:
        yield from schema.rule(types.count(once) <= 1, path, f"{once} filter cannot be repeated", value="array")


def _filter(given: HTTPRouteFilter, path: str) -> Errors:
    if not given.type:
        yield FieldError.required(f"{path}.type")
    else:
        yield from schema.enumerated(given.type, f"{path}.type", tuple(_FILTERS))
    yield from _headers(given.request_header_modifier, f"{path}.requestHeaderModifier")
    yield from _headers(given.response_header_modifier, f"{path}.responseHeaderModifier")
    yield from _mirror(given.request_mirror, f"{path}.requestMirror")
    yield from _redirect(given.request_redirect, f"{path}.requestRedirect")
    yield from _rewrite(given.url_rewrite, f"{path}.urlRewrite")
    yield from _extension(given.extension_ref, f"{path}.extensionRef")
    parts = {
        "RequestHeaderModifier": given.request_header_modifier,
        "ResponseHeaderModifier": given.response_header_modifier,
        "RequestMirror": given.request_mirror,
        "RequestRedirect": given.request_redirect,
        "URLRewrite": given.url_rewrite,
        "ExtensionRef": given.extension_ref,
    }
    for kind, part in parts.items():
        message = f"filter.{_FILTERS[kind]} must be nil if the filter.type is not {kind}"
        yield from schema.rule(part is None or given.type == kind, path, message)
        message = f"filter.{_FILTERS[kind]} must be specified for {kind} filter.type"
        yield from schema.rule(part is not None or given.type != kind, path, message)


def _headers(given: HTTPHeaderFilter | None, path: str) -> Errors:
    if given is None:
        return
    for where, headers in (("set", given.set), ("add", given.add)):
        yield from schema.at_most(headers, f"{path}.{where}", 16)
        yield from schema.keyed((each.name for each in headers), f"{path}.{where}", "name")
        for index, header in enumerate(headers):
            yield from _header(header, f"{path}.{where}[{index}]")
    yield from schema.at_most(given.remove, f"{path}.remove", 16)
    seen: set[str] = set()
    for index, name in enumerate(given.remove):
        if name in seen:
            yield FieldError.duplicate(f"{path}.remove[{index}]", name)
        seen.add(name)


def _header(header: GatewayHTTPHeader, path: str) -> Errors:
    yield from schema.text(header.name, f"{path}.name", pattern=schema.HEADER, most=256)
    yield from schema.text(header.value, f"{path}.value", most=4096)


def _mirror(mirror: HTTPRequestMirrorFilter | None, path: str) -> Errors:
    if mirror is None:
        return
    yield from _backend_object(mirror.backend_ref, f"{path}.backendRef")
    yield from schema.between(mirror.percent, f"{path}.percent", 0, 100)
    if mirror.fraction is not None:
        fraction = mirror.fraction
        yield from schema.between(fraction.numerator, f"{path}.fraction.numerator", 0, None)
        yield from schema.between(fraction.denominator, f"{path}.fraction.denominator", 1, None)
        part = fraction.denominator is None or fraction.numerator <= fraction.denominator
        yield from schema.rule(part, f"{path}.fraction", "numerator must be less than or equal to denominator")
    one = mirror.percent is None or mirror.fraction is None
    yield from schema.rule(one, path, "Only one of percent or fraction may be specified in HTTPRequestMirrorFilter")


def _redirect(redirect: HTTPRequestRedirectFilter | None, path: str) -> Errors:
    if redirect is None:
        return
    yield from schema.enumerated(redirect.scheme, f"{path}.scheme", ("http", "https"))
    yield from schema.hostname(redirect.hostname, f"{path}.hostname", pattern=schema.SUBDOMAIN)
    yield from _modifier(redirect.path, f"{path}.path")
    yield from schema.port(redirect.port, f"{path}.port")
    if redirect.status_code is not None and redirect.status_code not in _CODES:
        codes = [str(code) for code in _CODES]
        yield FieldError.not_supported(f"{path}.statusCode", redirect.status_code, codes)


def _rewrite(rewrite: HTTPURLRewriteFilter | None, path: str) -> Errors:
    if rewrite is not None:
        yield from schema.hostname(rewrite.hostname, f"{path}.hostname", pattern=schema.SUBDOMAIN)
        yield from _modifier(rewrite.path, f"{path}.path")


def _extension(reference: GatewayLocalObjectReference | None, path: str) -> Errors:
    if reference is not None:
        yield from schema.object_name(reference.group, reference.kind, reference.name, path)


def _modifier(modifier: HTTPPathModifier | None, path: str) -> Errors:
    if modifier is None:
        return
    if not modifier.type:
        yield FieldError.required(f"{path}.type")
    else:
        yield from schema.enumerated(modifier.type, f"{path}.type", ("ReplaceFullPath", "ReplacePrefixMatch"))
    for kind, field, value in (
        ("ReplaceFullPath", "replaceFullPath", modifier.replace_full_path),
        ("ReplacePrefixMatch", "replacePrefixMatch", modifier.replace_prefix_match),
    ):
        if value is not None:
            yield from schema.text(value, f"{path}.{field}", most=1024, needed=False)
        message = f"{field} must be specified when type is set to '{kind}'"
        yield from schema.rule(modifier.type != kind or value is not None, path, message)
        message = f"type must be '{kind}' when {field} is set"
        yield from schema.rule(value is None or modifier.type == kind, path, message)


def _backend(backend: HTTPBackendRef, path: str) -> Errors:
    plain = BackendObjectReference(
        group=backend.group, kind=backend.kind, name=backend.name, namespace=backend.namespace, port=backend.port
    )
    yield from _backend_object(plain, path)
    yield from schema.between(backend.weight, f"{path}.weight", 0, _MOST_WEIGHT)
    yield from _filters(backend.filters, f"{path}.filters")


def _backend_object(reference: BackendObjectReference, path: str) -> Errors:
    yield from schema.group(reference.group, f"{path}.group")
    yield from schema.kind(reference.kind, f"{path}.kind")
    yield from schema.name(reference.name, f"{path}.name")
    yield from schema.namespace(reference.namespace, f"{path}.namespace")
    yield from schema.port(reference.port, f"{path}.port")
    service = not reference.group and reference.kind == "Service"
    yield from schema.rule(not service or reference.port is not None, path, "Must have port for Service reference")


def _timeouts(timeouts: HTTPRouteTimeouts, path: str) -> Errors:
    well_formed = True
    for where, value in (("backendRequest", timeouts.backend_request), ("request", timeouts.request)):
        if value is not None:
            for error in schema.text(value, f"{path}.{where}", pattern=schema.DURATION, needed=False):
                well_formed = False
                yield error
    if not well_formed or timeouts.request is None or timeouts.backend_request is None:
        return
    whole, attempt = _milliseconds(timeouts.request), _milliseconds(timeouts.backend_request)
    message = "backendRequest timeout cannot be longer than request timeout"
    yield from schema.rule(whole == 0 or attempt <= whole, path, message)


def _milliseconds(duration: str) -> int:
    return sum(int(number) * _UNIT_MS[unit] for number, unit in re.findall(r"(\d+)(ms|h|m|s)", duration))
