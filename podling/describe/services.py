"""Services."""

from collections.abc import Iterable, Sequence

from api.tables.text import labels as label_text
from api.types import EndpointSlice, Event, Service, ServicePort
from podling.describe.common import NONE, UNSET, annotations, events, head, labels
from podling.describe.page import Page

_MOST_ENDPOINTS = 3


def describe_service(service: Service, slices: Sequence[EndpointSlice], found: Iterable[Event], now: float) -> str:
    """A service with the endpoints behind each of its ports, and events."""
    spec, page = service.spec, Page()
    head(page, service.metadata)
    labels(page, "Labels", service.metadata.labels)
    annotations(page, service.metadata.annotations)
    page.field("Selector", label_text(spec.selector))
    page.field("Type", spec.type)
    if spec.ip_family_policy is not None:
        page.field("IP Family Policy", spec.ip_family_policy)
    page.field("IP Families", ",".join(spec.ip_families) or NONE)
    page.field("IP", spec.cluster_ip or NONE)
    if spec.cluster_ips:
        page.field("IPs", ",".join(spec.cluster_ips))
    _describe_outside(page, service)
    for port in spec.ports:
        name = port.name or UNSET
        page.field("Port", f"{name}\t{port.port}/{port.protocol}")
        page.field("TargetPort", f"{port.target_port}/{port.protocol}")
        if port.node_port:
            page.field("NodePort", f"{name}\t{port.node_port}/{port.protocol}")
        page.field("Endpoints", endpoints(port, slices))
    page.field("Session Affinity", spec.session_affinity)
    if spec.external_traffic_policy:
        page.field("External Traffic Policy", spec.external_traffic_policy)
    if spec.internal_traffic_policy:
        page.field("Internal Traffic Policy", spec.internal_traffic_policy)
    events(page, found, now)
    return page.show()


def _describe_outside(page: Page, service: Service) -> None:
    spec = service.spec
    if spec.external_ips:
        page.field("External IPs", ",".join(spec.external_ips))
    if spec.load_balancer_ip:
        page.field("Desired LoadBalancer IP", spec.load_balancer_ip)
    if spec.external_name:
        page.field("External Name", spec.external_name)
    ingress = [item.ip or item.hostname for item in service.status.load_balancer.ingress]
    if ingress:
        page.field("LoadBalancer Ingress", ", ".join(ingress))


def endpoints(port: ServicePort, slices: Sequence[EndpointSlice]) -> str:
    """The first few addresses that are ready for a port, each once; <none> before there are any slices."""
    if not slices:
        return NONE
    found: dict[str, None] = {}
    for endpoint_slice in slices:
        numbers = [item.port for item in endpoint_slice.ports if (item.name or "") == port.name]
        for endpoint in endpoint_slice.endpoints:
            if endpoint.conditions.ready is False:
                continue
            for number in numbers:
                found |= dict.fromkeys(_host_port(address, number) for address in endpoint.addresses)
    texts = list(found)
    more = f" + {len(texts) - _MOST_ENDPOINTS} more..." if len(texts) > _MOST_ENDPOINTS else ""
    return ",".join(texts[:_MOST_ENDPOINTS]) + more


def _host_port(address: str, number: int | None) -> str:
    if number is None:
        return address
    return f"[{address}]:{number}" if ":" in address else f"{address}:{number}"
