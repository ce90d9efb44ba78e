"""Gateways' listeners: which can be served, why others cannot (upstream: Gateway, ListenerConditionReason). Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from api.types import Gateway, Listener, SecretObjectReference
from api.types.gateway_references import GATEWAY_GROUP
from ingress.gateway.hostnames import covers
from ingress.gateway.references import CORE, Grants
from ingress.gateway.reports import ListenerReport, Verdict
from ingress.model import Certificate, Key, Problem

HTTP, HTTPS = "HTTP", "HTTPS"
ROUTE = "HTTPRoute"

CertificateOf = Callable[[Key], Certificate | Problem]


@dataclass(slots=True)
class Ports:
    """Ports and what they are for. taken: whether for HTTPS. is_free: whether one that is nobody's here can be had."""

    taken: dict[int, bool]
    is_free: Callable[[int], bool]

    def refused(self, port: int, protocol: str) -> str:
        """Why a port cannot be had for HTTP or HTTPS; "" if it can."""
        wanted = protocol == HTTPS
        if self.taken.get(port, wanted) != wanted:
            other = HTTPS if self.taken[port] else HTTP
            return f"port {port} is taken for {other}, by Ingresses or an older Gateway: choose another for {protocol}"
        if port not in self.taken and not self.is_free(port):
            return f"something else on the cluster's host listens at port {port}: choose another, or end that"
        return ""


@dataclass(slots=True)
class ListenerState:
    """A listener and what was found about it. secret: its certificate's, when that can be used.

    attached: the routes that are attached, by namespace and name.
    """

    gateway: Gateway
    listener: Listener
    accepted: Verdict
    resolved: Verdict
    conflicted: Verdict
    serves_routes: bool
    secret: Key | None
    overlapping: tuple[Verdict, ...]
    attached: set[Key] = field(default_factory=set)

    @property
    def tls(self) -> bool:
        return self.listener.protocol == HTTPS

    @property
    def hostname(self) -> str:
        return self.listener.hostname or ""

    @property
    def programmed(self) -> bool:
        return self.accepted.holds and self.serves_routes and (not self.tls or self.secret is not None)

    def report(self) -> ListenerReport:
        if self.programmed:
            programmed = Verdict("Programmed", True, "Programmed", "it is served")
        else:
            wrong = next((each for each in (self.accepted, self.resolved) if not each.holds), self.resolved)
            programmed = Verdict("Programmed", False, "Invalid", f"it is not served: {wrong.message}")
        verdicts = (self.accepted, programmed, self.resolved, self.conflicted, *self.overlapping)
        return ListenerReport(self.listener.name, self.serves_routes, len(self.attached), verdicts)


def examine(gateway: Gateway, ports: Ports, certificate_of: CertificateOf, grants: Grants) -> list[ListenerState]:
    """The listeners of a Gateway, examined. Its ports are taken from now on."""
    states = [_examined(gateway, each, ports, certificate_of, grants) for each in gateway.spec.listeners]
    for state in states:
        if state.accepted.holds:
            ports.taken.setdefault(state.listener.port, state.tls)
    return states


def _examined(
    gateway: Gateway, listener: Listener, ports: Ports, certificate_of: CertificateOf, grants: Grants
) -> ListenerState:
    conflicted = _conflicted(gateway, listener)
    kinds = listener.allowed_routes.kinds if listener.allowed_routes is not None else []
    strange = [each.kind for each in kinds if (each.group, each.kind) != (GATEWAY_GROUP, ROUTE)]
    served = listener.protocol in (HTTP, HTTPS)
    secret, wrong = (
        _certificate(gateway, listener, certificate_of, grants) if listener.protocol == HTTPS else (None, None)
    )
    if wrong is None and served and strange:
        message = f"routes of kind {', '.join(strange)} cannot be attached: {ROUTE} can"
        wrong = Verdict("ResolvedRefs", False, "InvalidRouteKinds", message)
    return ListenerState(
        gateway,
        listener,
        accepted=_accepted(listener, ports, conflicted),
        resolved=wrong or Verdict("ResolvedRefs", True, "ResolvedRefs", "all it refers to is there"),
        conflicted=conflicted,
        serves_routes=served and (not kinds or len(strange) < len(kinds)),
        secret=secret,
        overlapping=_overlapping(gateway, listener),
    )


def _accepted(listener: Listener, ports: Ports, conflicted: Verdict) -> Verdict:
    protocol = listener.protocol
    if protocol not in (HTTP, HTTPS):
        message = f"protocol {protocol} is not served here: {HTTP} and {HTTPS} are"
        return Verdict("Accepted", False, "UnsupportedProtocol", message)
    if conflicted.holds:
        return Verdict("Accepted", False, conflicted.reason, conflicted.message)
    refused = ports.refused(listener.port, protocol)
    if refused:
        return Verdict("Accepted", False, "PortUnavailable", refused)
    return Verdict("Accepted", True, "Accepted", "it can be served")


def _conflicted(gateway: Gateway, listener: Listener) -> Verdict:
    """Listeners of a Gateway that could not be told apart; none of them is served."""
    for other in gateway.spec.listeners:
        if other.name == listener.name or other.port != listener.port:
            continue
        if other.protocol != listener.protocol:
            message = f"port {listener.port} is for {other.protocol} by listener {other.name}"
            return Verdict("Conflicted", True, "ProtocolConflict", message)
        if (other.hostname or "") == (listener.hostname or ""):
            message = f"listener {other.name} has the same port and hostname"
            return Verdict("Conflicted", True, "HostnameConflict", message)
    return Verdict("Conflicted", False, "NoConflicts", "no other listener is in its way")


def _overlapping(gateway: Gateway, listener: Listener) -> tuple[Verdict, ...]:
    """Listeners for HTTPS whose hosts are another's, too: a client may use a connection to one for the other."""
    if listener.protocol != HTTPS:
        return ()
    own = listener.hostname or ""
    others = [
        each.name
        for each in gateway.spec.listeners
        if each.name != listener.name and (each.port, each.protocol) == (listener.port, HTTPS)
        if covers(own, each.hostname or "") or covers(each.hostname or "", own)
    ]
    if not others:
        return ()
    message = f"hosts of listener {', '.join(others)} at the same port are among its own, or the reverse"
    return (Verdict("OverlappingTLSConfig", True, "OverlappingHostnames", message),)


def _certificate(
    gateway: Gateway, listener: Listener, certificate_of: CertificateOf, grants: Grants
) -> tuple[Key | None, Verdict | None]:
    """The first certificate that can be used, and what is wrong with the first that cannot."""
    references = listener.tls.certificate_refs if listener.tls is not None else []
    found: Key | None = None
    wrong: Verdict | None = None
    if not references:
        wrong = Verdict("ResolvedRefs", False, "InvalidCertificateRef", "it names no certificate (tls.certificateRefs)")
    for reference in references:
        key = (reference.namespace or gateway.metadata.namespace, reference.name)
        reason, message = _refused(gateway, reference, key, certificate_of, grants)
        if reason:
            wrong = wrong or Verdict("ResolvedRefs", False, reason, message)
        else:
            found = found or key
    return found, wrong


def _refused(
    gateway: Gateway, reference: SecretObjectReference, key: Key, certificate_of: CertificateOf, grants: Grants
) -> tuple[str, str]:
    if (reference.group or CORE, reference.kind or "Secret") != (CORE, "Secret"):
        return "InvalidCertificateRef", f"a certificate must be in a Secret; {reference.kind} is not supported here"
    if not grants.allow("Gateway", gateway.metadata.namespace, "Secret", *key):
        message = (
            f"no ReferenceGrant in namespace {key[0]} lets Gateways of {gateway.metadata.namespace} use Secret {key[1]}"
        )
        return "RefNotPermitted", message
    certificate = certificate_of(key)
    return ("InvalidCertificateRef", certificate.message) if isinstance(certificate, Problem) else ("", "")
