"""What Endpoints object a Service should have.

Source: upstream's endpoints controller and subset repacking: addresses that share the same ports form one subset, in a
fixed order; more than 1,000 addresses are cut, which an annotation says.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from api.types import (
    EndpointAddress,
    EndpointPort,
    Endpoints,
    EndpointSubset,
    ObjectMeta,
    ObjectReference,
    Pod,
    Service,
)
from controllers.endpoints import backends
from controllers.endpoints.slices import HEADLESS_LABEL, TRIGGER_TIME_ANNOTATION
from controllers.pods import is_ready

MAX_ADDRESSES = 1_000
OVER_CAPACITY_ANNOTATION = "endpoints.kubernetes.io/over-capacity"
MANAGED_BY_LABEL = "endpoints.kubernetes.io/managed-by"
MANAGER = "endpoint-controller"


def plan(service: Service, pods: Iterable[Pod], existing: Endpoints | None, trigger_time: str) -> Endpoints | None:
    """The object to write; None when the existing one is right."""
    subsets, cut = _cut(_subsets(service, pods))
    labels = {key: value for key, value in service.metadata.labels.items() if key != HEADLESS_LABEL}
    labels[MANAGED_BY_LABEL] = MANAGER
    if backends.is_headless(service):
        labels[HEADLESS_LABEL] = ""
    before = existing.metadata.annotations if existing is not None else {}
    same = existing is not None and existing.metadata.labels == labels and existing.subsets == subsets
    if same and (OVER_CAPACITY_ANNOTATION in before) == cut:
        return None
    annotations = {k: v for k, v in before.items() if k not in (TRIGGER_TIME_ANNOTATION, OVER_CAPACITY_ANNOTATION)}
    if trigger_time:
        annotations[TRIGGER_TIME_ANNOTATION] = trigger_time
    if cut:
        annotations[OVER_CAPACITY_ANNOTATION] = "truncated"
    if existing is None:
        metadata = ObjectMeta(name=service.metadata.name, namespace=service.metadata.namespace)
        existing = Endpoints(metadata=metadata)
    metadata = replace(existing.metadata, labels=labels, annotations=annotations)
    return replace(existing, metadata=metadata, subsets=subsets)


def _subsets(service: Service, pods: Iterable[Pod]) -> list[EndpointSubset]:
    family = backends.families(service)[0]
    tolerant = service.spec.publish_not_ready_addresses
    grouped: dict[tuple[EndpointPort, ...], list[tuple[bool, EndpointAddress]]] = {}
    for pod in pods:
        if not backends.has_address(pod) or (pod.metadata.deletion_timestamp is not None and not tolerant):
            continue
        ips = backends.addresses(pod, family)
        ports = _ports(service, pod)
        if not ips or (service.spec.ports and not ports):
            continue
        entry = (tolerant or is_ready(pod), _address(service, pod, ips[0]))
        grouped.setdefault(tuple(ports), []).append(entry)
    ordered = sorted(grouped.items(), key=lambda item: [_port_order(port) for port in item[0]])
    return [
        EndpointSubset(
            addresses=_ordered(address for ready, address in entries if ready),
            not_ready_addresses=_ordered(address for ready, address in entries if not ready),
            ports=list(ports),
        )
        for ports, entries in ordered
    ]


def _ports(service: Service, pod: Pod) -> list[EndpointPort]:
    ports = []
    for port in service.spec.ports:
        number = backends.target_port(pod, port)
        if number is not None:
            ports.append(
                EndpointPort(
                    name=port.name, port=number, protocol=port.protocol or "TCP", app_protocol=port.app_protocol
                )
            )
    return sorted(ports, key=_port_order)


def _address(service: Service, pod: Pod, ip: str) -> EndpointAddress:
    return EndpointAddress(
        ip=ip,
        hostname=backends.published_hostname(service, pod),
        node_name=pod.spec.node_name or None,
        target_ref=ObjectReference(
            kind="Pod", namespace=pod.metadata.namespace, name=pod.metadata.name, uid=pod.metadata.uid
        ),
    )


def _ordered(addresses: Iterable[EndpointAddress]) -> list[EndpointAddress]:
    return sorted(addresses, key=lambda each: (each.ip, each.target_ref.uid if each.target_ref else ""))


def _port_order(port: EndpointPort) -> tuple[str, int, str]:
    return port.name, port.port, port.protocol


def _cut(subsets: list[EndpointSubset]) -> tuple[list[EndpointSubset], bool]:
    """At most 1,000 addresses in all, ready ones first; and whether some were left out."""
    total = sum(len(subset.addresses) + len(subset.not_ready_addresses) for subset in subsets)
    if total <= MAX_ADDRESSES:
        return subsets, False
    room = MAX_ADDRESSES
    ready = []
    for subset in subsets:
        ready.append(subset.addresses[:room])
        room -= len(ready[-1])
    kept = []
    for subset, addresses in zip(subsets, ready, strict=True):
        others = subset.not_ready_addresses[:room]
        room -= len(others)
        if addresses or others:
            kept.append(replace(subset, addresses=addresses, not_ready_addresses=others))
    return kept, True
