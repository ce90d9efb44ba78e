"""How services and endpoints are shown."""

from collections.abc import Iterable

from api.tables.layout import AGE, NAME, Cell, Column, Layout, wide
from api.tables.text import NONE, UNKNOWN, UNSET, age, first_three, labels, or_none
from api.types import Endpoints, EndpointSlice, EndpointSlicePort, Service, ServicePort


def ports(listed: Iterable[ServicePort]) -> str:
    """Service ports: "80/TCP,443:30443/TCP"."""
    return ",".join(
        f"{item.port}:{item.node_port}/{item.protocol}" if item.node_port else f"{item.port}/{item.protocol}"
        for item in listed
    )


def external_ip(service: Service) -> str:
    """Where the service can be reached from outside."""
    spec = service.spec
    if spec.type in ("ClusterIP", "NodePort"):
        return or_none(",".join(spec.external_ips))
    if spec.type == "LoadBalancer":
        ingress = {item.ip or item.hostname for item in service.status.load_balancer.ingress}
        return ",".join([*sorted(ingress - {""}), *spec.external_ips]) or "<pending>"
    return spec.external_name if spec.type == "ExternalName" else UNKNOWN


def _service_cells(service: Service, now: float) -> list[Cell]:
    return [
        service.metadata.name,
        service.spec.type,
        service.spec.cluster_ips[0] if service.spec.cluster_ips else NONE,
        external_ip(service),
        or_none(ports(service.spec.ports)),
        age(service.metadata, now),
        labels(service.spec.selector),
    ]


SERVICES = Layout(
    columns=(
        NAME,
        Column("Type", "How the service is exposed."),
        Column("Cluster-IP", "The service's virtual address within the cluster."),
        Column("External-IP", "Addresses outside of the cluster."),
        Column("Port(s)", "Ports, each with its node port if it has one."),
        AGE,
        wide("Selector", "The labels of the pods behind the service."),
    ),
    cells=_service_cells,
)


def endpoint_addresses(endpoints: Endpoints) -> str:
    """The first few ready address:port pairs."""
    pairs: list[str] = []
    for subset in endpoints.subsets:
        if not subset.ports:
            pairs += [address.ip for address in subset.addresses]
        for port in subset.ports:
            pairs += [_host_port(address.ip, port.port) for address in subset.addresses]
    return first_three(pairs) if endpoints.subsets else NONE


def _host_port(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


ENDPOINTS = Layout(
    columns=(NAME, Column("Endpoints", "The first ready addresses and ports."), AGE),
    cells=lambda endpoints, now: [
        endpoints.metadata.name,
        endpoint_addresses(endpoints),
        age(endpoints.metadata, now),
    ],
)


def _slice_port(port: EndpointSlicePort) -> str:
    if port.port is not None:
        return str(port.port)
    return port.name if port.name is not None else "*"


def _slice_cells(endpoint_slice: EndpointSlice, now: float) -> list[Cell]:
    addresses = [address for endpoint in endpoint_slice.endpoints for address in endpoint.addresses]
    return [
        endpoint_slice.metadata.name,
        endpoint_slice.address_type,
        first_three([_slice_port(port) for port in endpoint_slice.ports]) or UNSET,
        first_three(addresses) or UNSET,
        age(endpoint_slice.metadata, now),
    ]


ENDPOINT_SLICES = Layout(
    columns=(
        NAME,
        Column("AddressType", "What kind of addresses the slice holds."),
        Column("Ports", "The ports of all endpoints in the slice."),
        Column("Endpoints", "The first addresses in the slice."),
        AGE,
    ),
    cells=_slice_cells,
)
