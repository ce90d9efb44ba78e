"""Defaults of the Gateway API: those of its schemas (gateway.networking.k8s.io, standard channel)."""

from __future__ import annotations

from msgspec.structs import replace

from api import types as t
from api.defaults.fill import fill, put, within
from api.types.gateway_references import GATEWAY_GROUP

PENDING_SINCE = "1970-01-01T00:00:00Z"
EVERY_PATH = "/"


def pending(*types: str) -> list[t.Condition]:
    """The conditions of what no controller has looked at yet."""
    return [
        t.Condition(
            type=each,
            status="Unknown",
            reason="Pending",
            message="Waiting for controller",
            last_transition_time=PENDING_SINCE,
        )
        for each in types
    ]


def gateway_class(gateway_class: t.GatewayClass) -> t.GatewayClass:
    return within(gateway_class, status=_class_status)


def _class_status(status: t.GatewayClassStatus) -> t.GatewayClassStatus:
    return status if status.conditions else replace(status, conditions=pending("Accepted"))


def gateway(gateway: t.Gateway) -> t.Gateway:
    return within(gateway, spec=_gateway_spec, status=_gateway_status)


def _gateway_spec(spec: t.GatewaySpec) -> t.GatewaySpec:
    return within(spec, addresses=_address, listeners=_listener)


def _address(address: t.GatewaySpecAddress) -> t.GatewaySpecAddress:
    return fill(address, type="IPAddress")


def _listener(listener: t.Listener) -> t.Listener:
    return within(fill(listener, allowed_routes=t.AllowedRoutes()), allowed_routes=_allowed_routes, tls=_tls)


def _allowed_routes(allowed: t.AllowedRoutes) -> t.AllowedRoutes:
    return within(fill(allowed, namespaces=t.RouteNamespaces()), namespaces=_route_namespaces, kinds=_kind)


def _route_namespaces(namespaces: t.RouteNamespaces) -> t.RouteNamespaces:
    return fill(namespaces, from_="Same")


def _kind(kind: t.RouteGroupKind) -> t.RouteGroupKind:
    return fill(kind, group=GATEWAY_GROUP)


def _tls(tls: t.ListenerTLSConfig) -> t.ListenerTLSConfig:
    return within(fill(tls, mode="Terminate"), certificate_refs=_certificate)


def _certificate(reference: t.SecretObjectReference) -> t.SecretObjectReference:
    return fill(reference, group="", kind="Secret")


def _gateway_status(status: t.GatewayStatus) -> t.GatewayStatus:
    if not status.conditions:
        status = replace(status, conditions=pending("Accepted", "Programmed"))
    return within(status, addresses=_status_address, listeners=_listener_status)


def _status_address(address: t.GatewayStatusAddress) -> t.GatewayStatusAddress:
    return fill(address, type="IPAddress")


def _listener_status(status: t.ListenerStatus) -> t.ListenerStatus:
    return within(status, supported_kinds=_kind)


def http_route(route: t.HTTPRoute) -> t.HTTPRoute:
    return within(route, spec=_route_spec, status=_route_status)


def _route_spec(spec: t.HTTPRouteSpec) -> t.HTTPRouteSpec:
    spec = within(spec, parent_refs=_parent)
    return within(spec if spec.rules else put(spec, rules=[t.HTTPRouteRule()]), rules=_rule)


def _parent(reference: t.GatewayParentReference) -> t.GatewayParentReference:
    return fill(reference, group=GATEWAY_GROUP, kind="Gateway")


def _route_status(status: t.HTTPRouteStatus) -> t.HTTPRouteStatus:
    return within(status, parents=_route_parent)


def _route_parent(status: t.RouteParentStatus) -> t.RouteParentStatus:
    return within(status, parent_ref=_parent)


def _rule(rule: t.HTTPRouteRule) -> t.HTTPRouteRule:
    rule = rule if rule.matches else put(rule, matches=[t.HTTPRouteMatch()])
    return within(rule, matches=_match, filters=_filter, backend_refs=_backend)


def _match(match: t.HTTPRouteMatch) -> t.HTTPRouteMatch:
    return within(fill(match, path=t.HTTPPathMatch()), path=_path, headers=_exact_header, query_params=_exact_param)


def _path(path: t.HTTPPathMatch) -> t.HTTPPathMatch:
    return fill(path, type="PathPrefix", value=EVERY_PATH)


def _exact_header(match: t.HTTPHeaderMatch) -> t.HTTPHeaderMatch:
    return fill(match, type="Exact")


def _exact_param(match: t.HTTPQueryParamMatch) -> t.HTTPQueryParamMatch:
    return fill(match, type="Exact")


def _backend(backend: t.HTTPBackendRef) -> t.HTTPBackendRef:
    return within(fill(backend, group="", kind="Service", weight=1), filters=_filter)


def _filter(each: t.HTTPRouteFilter) -> t.HTTPRouteFilter:
    return within(each, request_redirect=_redirect, request_mirror=_mirror)


def _redirect(redirect: t.HTTPRequestRedirectFilter) -> t.HTTPRequestRedirectFilter:
    return fill(redirect, status_code=302)


def _mirror(mirror: t.HTTPRequestMirrorFilter) -> t.HTTPRequestMirrorFilter:
    return within(mirror, backend_ref=_mirror_backend, fraction=_fraction)


def _mirror_backend(reference: t.BackendObjectReference) -> t.BackendObjectReference:
    return fill(reference, group="", kind="Service")


def _fraction(fraction: t.Fraction) -> t.Fraction:
    return fill(fraction, denominator=100)
