"""Ingresses and their classes."""

from collections.abc import Callable, Iterable, Sequence

from api.tables.ingresses import addresses
from api.types import EndpointSlice, Event, Ingress, IngressBackend, IngressClass, IngressRule, Service
from podling.describe.common import NONE, annotations, events, labels
from podling.describe.page import Page
from podling.describe.services import endpoints

_SERVICE_NAME = "kubernetes.io/service-name"
_Show = Callable[[IngressBackend], str]


def describe_ingress(
    ingress: Ingress,
    services: Sequence[Service],
    slices: Sequence[EndpointSlice],
    found: Iterable[Event],
    now: float,
) -> str:
    """An Ingress: where it is reached, certificates, rules with what is behind them, and events."""
    spec, page = ingress.spec, Page()
    by_name = {each.metadata.name: each for each in services}

    def show(backend: IngressBackend) -> str:
        return _backend(backend, by_name.get(backend.service.name) if backend.service is not None else None, slices)

    page.field("Name", ingress.metadata.name)
    labels(page, "Labels", ingress.metadata.labels)
    page.field("Namespace", ingress.metadata.namespace)
    page.field("Address", addresses(ingress))
    page.field("Ingress Class", NONE if spec.ingress_class_name is None else spec.ingress_class_name)
    page.field("Default backend", "<default>" if spec.default_backend is None else show(spec.default_backend))
    if spec.tls:
        page.line("TLS:")
        for entry in spec.tls:
            what = entry.secret_name or "SNI routes"
            page.line(f"{what} terminates {','.join(entry.hosts)}", level=1)
    page.line("Rules:")
    page.line("Host", "Path", "Backends", level=1)
    page.line("----", "----", "--------", level=1)
    for rule in spec.rules or [IngressRule()]:
        _describe_rule(page, rule, spec.default_backend, show)
    annotations(page, ingress.metadata.annotations)
    events(page, found, now)
    return page.show()


def _describe_rule(page: Page, rule: IngressRule, default: IngressBackend | None, show: _Show) -> None:
    host = rule.host or "*"
    if rule.http is None:
        page.line(host, "*", "<default>" if default is None else show(default), level=1)
        return
    page.line(host, "", level=1)
    for path in rule.http.paths:
        page.line("", f"{path.path} ", show(path.backend), level=1)


def _backend(backend: IngressBackend, service: Service | None, slices: Sequence[EndpointSlice]) -> str:
    if backend.service is not None:
        name, port = backend.service.name, backend.service.port
        text = f"{name}:{port.name or port.number}"
        if service is None:
            return f'{text} (<error: services "{name}" not found>)'
        own = [each for each in slices if each.metadata.labels.get(_SERVICE_NAME) == name]
        for each in service.spec.ports:
            if each.name == port.name if port.name else each.port == port.number:
                return f"{text} ({endpoints(each, own)})"
        return f"{text} ()"
    if backend.resource is None:
        return NONE
    resource = backend.resource
    return f"APIGroup: {resource.api_group or NONE}, Kind: {resource.kind}, Name: {resource.name}"


def describe_ingress_class(ingress_class: IngressClass, found: Iterable[Event], now: float) -> str:
    """A class: its controller, and where that one's settings are."""
    page, parameters = Page(), ingress_class.spec.parameters
    page.field("Name", ingress_class.metadata.name)
    labels(page, "Labels", ingress_class.metadata.labels)
    annotations(page, ingress_class.metadata.annotations)
    page.field("Controller", ingress_class.spec.controller)
    if parameters is not None:
        page.line("Parameters:")
        if parameters.api_group is not None:
            page.field("APIGroup", parameters.api_group, level=1)
        page.field("Kind", parameters.kind, level=1)
        page.field("Name", parameters.name, level=1)
    events(page, found, now)
    return page.show()
