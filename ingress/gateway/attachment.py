"""Which listeners a route is attached to (upstream: ParentReference, AllowedRoutes, RouteConditionReason). Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from api import selectors
from api.errors import BadRequest
from api.types import GatewayParentReference, HTTPRoute, LabelSelector
from api.types.gateway_references import GATEWAY_GROUP
from ingress.gateway.hostnames import belongs, shared
from ingress.gateway.listeners import ListenerState
from ingress.gateway.reports import Verdict
from ingress.model import Key

LabelsOf = Callable[[str], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A listener, and the hosts for which it has the route's rules."""

    state: ListenerState
    hosts: tuple[str, ...]


def gateway_of(route: HTTPRoute, parent: GatewayParentReference) -> Key | None:
    """The Gateway a route means; None for a parent of another kind."""
    if (parent.group, parent.kind) != (GATEWAY_GROUP, "Gateway"):
        return None
    return parent.namespace or route.metadata.namespace, parent.name


def attach(
    route: HTTPRoute, parent: GatewayParentReference, states: Sequence[ListenerState], labels_of: LabelsOf
) -> tuple[Verdict, list[Attachment]]:
    """Where a route is attached at a Gateway, and whether it is accepted there. labels_of: those of a namespace."""
    named = [each for each in states if _is_named(parent, each)]
    if not named:
        what = f"listener {parent.section_name}" if parent.section_name else "listener"
        port = f" at port {parent.port}" if parent.port else ""
        return _refused("NoMatchingParent", f"Gateway {parent.name} has no {what}{port}"), []
    allowed = [each for each in named if each.serves_routes and _is_allowed(route, each, labels_of)]
    if not allowed:
        message = f"no listener it names takes HTTPRoutes from namespace {route.metadata.namespace} (allowedRoutes)"
        return _refused("NotAllowedByListeners", message), []
    found = [Attachment(each, tuple(shared(each.hostname, route.spec.hostnames))) for each in allowed]
    matching = [each for each in found if each.hosts]
    if not matching:
        theirs = ", ".join(each.hostname for each in allowed)
        message = f"none of its hostnames is among those of the listeners ({theirs})"
        return _refused("NoMatchingListenerHostname", message), []
    accepted = Verdict("Accepted", True, "Accepted", "it is attached")
    return accepted, [Attachment(each.state, _own(each, states)) for each in matching]


def _refused(reason: str, message: str) -> Verdict:
    return Verdict("Accepted", False, reason, message)


def _is_named(parent: GatewayParentReference, state: ListenerState) -> bool:
    listener = state.listener
    return parent.section_name in (None, "", listener.name) and parent.port in (None, listener.port)


def _is_allowed(route: HTTPRoute, state: ListenerState, labels_of: LabelsOf) -> bool:
    allowed = state.listener.allowed_routes
    namespaces = allowed.namespaces if allowed is not None else None
    whence = namespaces.from_ if namespaces is not None else "Same"
    if whence == "All":
        return True
    if whence == "Selector":
        if namespaces is None or namespaces.selector is None:
            return False
        return _selects(namespaces.selector, labels_of(route.metadata.namespace))
    return route.metadata.namespace == state.gateway.metadata.namespace


def _selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    try:
        return selectors.from_record(selector).matches(labels)
    except BadRequest:
        # The schema lets any operator in; one that nobody knows selects nothing.
        return False


def _own(attachment: Attachment, states: Sequence[ListenerState]) -> tuple[str, ...]:
    """Without the hosts that a narrower listener of the Gateway has at the same port (listener isolation)."""
    state = attachment.state
    others = [each.hostname for each in states if each.listener.port == state.listener.port and each.programmed]
    return tuple(host for host in attachment.hosts if belongs(host, state.hostname, others))
