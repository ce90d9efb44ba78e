"""The statuses that Gateways, their classes and routes should have. Pure."""

from __future__ import annotations

from api.types import (
    Gateway,
    GatewayClass,
    GatewayClassStatus,
    GatewayStatus,
    GatewayStatusAddress,
    HTTPRoute,
    HTTPRouteStatus,
    ListenerStatus,
    RouteGroupKind,
    RouteParentStatus,
    SupportedFeature,
)
from api.types.gateway_references import GATEWAY_GROUP
from ingress.classes import CONTROLLER
from ingress.gateway.listeners import ROUTE
from ingress.gateway.reports import GatewayReport, ListenerReport, RouteReport, Verdict, conditions

FEATURES = (
    "Gateway",
    "GatewayHTTPListenerIsolation",
    "GatewayPort8080",
    "HTTPRoute",
    "HTTPRoute303RedirectStatusCode",
    "HTTPRoute307RedirectStatusCode",
    "HTTPRoute308RedirectStatusCode",
    "HTTPRouteBackendProtocolH2C",
    "HTTPRouteBackendProtocolWebSocket",
    "HTTPRouteBackendRequestHeaderModification",
    "HTTPRouteBackendTimeout",
    "HTTPRouteDestinationPortMatching",
    "HTTPRouteHostRewrite",
    "HTTPRouteMethodMatching",
    "HTTPRouteNamedRouteRule",
    "HTTPRouteParentRefPort",
    "HTTPRoutePathRedirect",
    "HTTPRoutePathRewrite",
    "HTTPRoutePortRedirect",
    "HTTPRouteQueryParamMatching",
    "HTTPRouteRequestMirror",
    "HTTPRouteRequestMultipleMirrors",
    "HTTPRouteRequestPercentageMirror",
    "HTTPRouteRequestTimeout",
    "HTTPRouteResponseHeaderModification",
    "HTTPRouteSchemeRedirect",
    "ReferenceGrant",
)
"""What can be done, by upstream's names (pkg/features)."""


def class_status(gateway_class: GatewayClass, now: float) -> GatewayClassStatus:
    """The status of a class of ours."""
    if gateway_class.spec.parameters_ref is None:
        accepted = Verdict("Accepted", True, "Accepted", "its Gateways are served by the cluster's ingress")
    else:
        accepted = Verdict("Accepted", False, "InvalidParameters", "classes of this controller take no parameters")
    metadata, before = gateway_class.metadata, gateway_class.status.conditions
    return GatewayClassStatus(
        conditions=conditions([accepted], before, metadata.generation, now),
        supported_features=[SupportedFeature(name=each) for each in FEATURES],
    )


def gateway_status(gateway: Gateway, report: GatewayReport, address: str, now: float) -> GatewayStatus:
    """The status of a Gateway of ours, which is reached at the address."""
    before = {each.name: each for each in gateway.status.listeners}
    return GatewayStatus(
        addresses=[GatewayStatusAddress(type="IPAddress", value=address)],
        conditions=conditions(report.verdicts, gateway.status.conditions, report.generation, now),
        listeners=[_listener(each, before.get(each.name), report.generation, now) for each in report.listeners],
    )


def _listener(report: ListenerReport, before: ListenerStatus | None, generation: int, now: float) -> ListenerStatus:
    kinds = [RouteGroupKind(group=GATEWAY_GROUP, kind=ROUTE)] if report.serves_routes else []
    return ListenerStatus(
        name=report.name,
        attached_routes=report.attached,
        supported_kinds=kinds,
        conditions=conditions(report.verdicts, before.conditions if before is not None else (), generation, now),
    )


def route_status(route: HTTPRoute, report: RouteReport | None, now: float) -> HTTPRouteStatus | None:
    """The status of a route: other controllers' parents stay. report: None when none of its parents is ours."""
    there = route.status.parents if route.status is not None else []
    others = [each for each in there if each.controller_name != CONTROLLER]
    before = [each for each in there if each.controller_name == CONTROLLER]
    ours = []
    for parent in report.parents if report is not None else ():
        known = next((each.conditions for each in before if each.parent_ref == parent.parent), [])
        told = conditions(parent.verdicts, known, report.generation if report is not None else 0, now)
        ours.append(RouteParentStatus(parent_ref=parent.parent, controller_name=CONTROLLER, conditions=told))
    if not ours and not there:
        return route.status
    return HTTPRouteStatus(parents=[*others, *ours])
