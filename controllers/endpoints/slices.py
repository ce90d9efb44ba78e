"""What EndpointSlices a Service should have, changing as few of those it has as can be.

Source: upstream's endpointslice reconciler: at most 100 endpoints a slice, one set of ports a slice; changed endpoints
stay in their slice; new ones go to slices that are written anyway, then to the fullest that has room for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from api.types import (
    Endpoint,
    EndpointConditions,
    EndpointHints,
    EndpointSlice,
    EndpointSlicePort,
    ForNode,
    ForZone,
    Node,
    ObjectMeta,
    ObjectReference,
    Pod,
    Service,
)
from controllers.context import SERVICE_NAME_LABEL
from controllers.endpoints import backends
from controllers.ownership import controller_reference
from controllers.pods import is_ready

MAX_ENDPOINTS = 100
MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
HEADLESS_LABEL = "service.kubernetes.io/headless"
TRIGGER_TIME_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time"
ZONE_LABEL = "topology.kubernetes.io/zone"
SAME_NODE = "PreferSameNode"
DISTRIBUTIONS = frozenset({"PreferClose", "PreferSameZone", SAME_NODE})
HEAD_LABELS = frozenset({SERVICE_NAME_LABEL, MANAGED_BY_LABEL, HEADLESS_LABEL})

PortKey = tuple[tuple[str | None, int | None, str | None, str | None], ...]
Group = tuple[str, PortKey]
NodesByName = Mapping[str, Node]


@dataclass(slots=True)
class Changes:
    """The writes that make the slices right."""

    create: list[EndpointSlice] = field(default_factory=list)
    update: list[EndpointSlice] = field(default_factory=list)
    delete: list[EndpointSlice] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.create or self.update or self.delete)


@dataclass(slots=True)
class _Wanted:
    """One group of endpoints that share address type and ports, by target's uid."""

    ports: list[EndpointSlicePort]
    endpoints: dict[str, Endpoint] = field(default_factory=dict)


def plan(
    service: Service, pods: Iterable[Pod], nodes: NodesByName, existing: Sequence[EndpointSlice], trigger_time: str
) -> Changes:
    """Compare and pack. existing: the service's slices that are ours; trigger_time: annotation value, or empty."""
    wanted = _wanted(service, pods, nodes)
    by_group: dict[Group, list[EndpointSlice]] = {group: [] for group in wanted}
    changes = Changes()
    for endpoint_slice in existing:
        group = (endpoint_slice.address_type, port_key(endpoint_slice.ports))
        if group in by_group:
            by_group[group].append(endpoint_slice)
        else:
            changes.delete.append(endpoint_slice)
    for group, slices in by_group.items():
        _reconcile_group(service, group[0], wanted[group], slices, trigger_time, changes)
    _reuse_deleted(changes)
    return changes


def service_labels(service: Service) -> dict[str, str]:
    """The labels of a service's slices: its own, and those by which slices are found."""
    labels = {key: value for key, value in service.metadata.labels.items() if key not in HEAD_LABELS}
    labels[SERVICE_NAME_LABEL] = service.metadata.name
    labels[MANAGED_BY_LABEL] = MANAGER
    if backends.is_headless(service):
        labels[HEADLESS_LABEL] = ""
    return labels


def port_key(ports: Iterable[EndpointSlicePort]) -> PortKey:
    """What makes two lists of ports the same, whatever their order."""
    keys = ((port.name, port.port, port.protocol, port.app_protocol) for port in ports)
    return tuple(sorted(keys, key=repr))


def _wanted(service: Service, pods: Iterable[Pod], nodes: NodesByName) -> dict[Group, _Wanted]:
    wanted: dict[Group, _Wanted] = {}
    reachable = [pod for pod in pods if backends.has_address(pod)]
    for family in backends.families(service):
        for pod in reachable:
            ips = backends.addresses(pod, family)
            if not ips:
                continue
            ports = _ports(service, pod)
            group = wanted.setdefault((family, port_key(ports)), _Wanted(ports))
            group.endpoints[pod.metadata.uid] = _endpoint(service, pod, nodes, ips)
        if not any(group[0] == family for group in wanted):
            # A service without endpoints still shows that it was looked at.
            wanted[(family, ())] = _Wanted([])
    return wanted


def _ports(service: Service, pod: Pod) -> list[EndpointSlicePort]:
    ports = []
    for port in service.spec.ports:
        number = backends.target_port(pod, port)
        if number is not None:
            ports.append(
                EndpointSlicePort(
                    name=port.name, port=number, protocol=port.protocol or "TCP", app_protocol=port.app_protocol
                )
            )
    return ports


def _endpoint(service: Service, pod: Pod, nodes: NodesByName, ips: list[str]) -> Endpoint:
    serving = is_ready(pod)
    terminating = pod.metadata.deletion_timestamp is not None
    ready = service.spec.publish_not_ready_addresses or (serving and not terminating)
    node = nodes.get(pod.spec.node_name)
    zone = node.metadata.labels.get(ZONE_LABEL) if node is not None else None
    return Endpoint(
        addresses=ips,
        conditions=EndpointConditions(ready=ready, serving=serving, terminating=terminating),
        hostname=backends.published_hostname(service, pod) or None,
        node_name=pod.spec.node_name or None,
        zone=zone,
        hints=_hints(service, pod, zone) if ready else None,
        target_ref=ObjectReference(
            kind="Pod", namespace=pod.metadata.namespace, name=pod.metadata.name, uid=pod.metadata.uid
        ),
    )


def _hints(service: Service, pod: Pod, zone: str | None) -> EndpointHints | None:
    """From where an endpoint is to be preferred, by `spec.trafficDistribution` (KEP-4444, KEP-3015)."""
    distribution = service.spec.traffic_distribution
    if distribution not in DISTRIBUTIONS:
        return None
    zones = [ForZone(name=zone)] if zone else []
    nodes = [ForNode(name=pod.spec.node_name)] if distribution == SAME_NODE and pod.spec.node_name else []
    return EndpointHints(for_zones=zones, for_nodes=nodes) if zones or nodes else None


def _reconcile_group(
    service: Service,
    family: str,
    wanted: _Wanted,
    existing: Sequence[EndpointSlice],
    trigger_time: str,
    changes: Changes,
) -> None:
    labels = service_labels(service)
    left = dict(wanted.endpoints)
    kept: dict[str, EndpointSlice] = {}
    changed: dict[str, EndpointSlice] = {}
    for endpoint_slice in existing:
        current = _with_current_endpoints(endpoint_slice, left)
        if current.endpoints != endpoint_slice.endpoints or endpoint_slice.metadata.labels != labels:
            changed[endpoint_slice.metadata.name] = current
        else:
            kept[endpoint_slice.metadata.name] = current
    remaining = _fill(changed, list(left.values()))
    if remaining:
        remaining = _fill_one(kept, changed, remaining)
    for start in range(0, len(remaining), MAX_ENDPOINTS):
        part = remaining[start : start + MAX_ENDPOINTS]
        changes.create.append(_new_slice(service, family, wanted.ports, part, trigger_time))
    if not (wanted.endpoints or kept or changed):
        changes.create.append(_new_slice(service, family, wanted.ports, [], trigger_time))
    spare = _empty_ones(changed, keep_one=not wanted.endpoints and not kept)
    for name, endpoint_slice in changed.items():
        if name in spare:
            changes.delete.append(endpoint_slice)
        else:
            changes.update.append(_stamped(endpoint_slice, labels, trigger_time))


def _with_current_endpoints(endpoint_slice: EndpointSlice, left: dict[str, Endpoint]) -> EndpointSlice:
    """The slice with what is still wanted of it, as it is now; takes that out of `left`."""
    endpoints = []
    for endpoint in endpoint_slice.endpoints:
        uid = endpoint.target_ref.uid if endpoint.target_ref is not None else ""
        current = left.pop(uid, None)
        if current is not None:
            endpoints.append(endpoint if endpoint == current else current)
    return replace(endpoint_slice, endpoints=endpoints)


def _fill(slices: dict[str, EndpointSlice], endpoints: list[Endpoint]) -> list[Endpoint]:
    """Put endpoints where there is room; returns those for which there is none."""
    for name, endpoint_slice in slices.items():
        room = MAX_ENDPOINTS - len(endpoint_slice.endpoints)
        if room > 0 and endpoints:
            slices[name] = replace(endpoint_slice, endpoints=[*endpoint_slice.endpoints, *endpoints[:room]])
            endpoints = endpoints[room:]
    return endpoints


def _fill_one(
    kept: dict[str, EndpointSlice], changed: dict[str, EndpointSlice], endpoints: list[Endpoint]
) -> list[Endpoint]:
    """Put a last part slice's worth of endpoints into the fullest untouched slice that holds them all."""
    whole = len(endpoints) // MAX_ENDPOINTS * MAX_ENDPOINTS
    part = endpoints[whole:]
    fitting = [name for name, each in kept.items() if len(each.endpoints) + len(part) <= MAX_ENDPOINTS]
    if not part or not fitting:
        return endpoints
    name = max(fitting, key=lambda each: len(kept[each].endpoints))
    endpoint_slice = kept.pop(name)
    changed[name] = replace(endpoint_slice, endpoints=[*endpoint_slice.endpoints, *part])
    return endpoints[:whole]


def _empty_ones(changed: Mapping[str, EndpointSlice], *, keep_one: bool) -> set[str]:
    empty = [name for name, endpoint_slice in changed.items() if not endpoint_slice.endpoints]
    return set(empty[1:] if keep_one else empty)


def _reuse_deleted(changes: Changes) -> None:
    """Rewrite a slice that would be deleted rather than create one: watchers then see one change, not two."""
    for new in list(changes.create):
        old = next((each for each in changes.delete if each.address_type == new.address_type), None)
        if old is None:
            continue
        changes.create.remove(new)
        changes.delete.remove(old)
        metadata = replace(
            old.metadata,
            labels=new.metadata.labels,
            annotations=new.metadata.annotations,
            owner_references=new.metadata.owner_references,
        )
        changes.update.append(replace(new, metadata=metadata))


def _new_slice(
    service: Service, family: str, ports: list[EndpointSlicePort], endpoints: list[Endpoint], trigger_time: str
) -> EndpointSlice:
    return EndpointSlice(
        metadata=ObjectMeta(
            generate_name=f"{service.metadata.name}-",
            namespace=service.metadata.namespace,
            labels=service_labels(service),
            annotations={TRIGGER_TIME_ANNOTATION: trigger_time} if trigger_time else {},
            owner_references=[controller_reference(service)],
        ),
        address_type=family,
        endpoints=endpoints,
        ports=ports,
    )


def _stamped(endpoint_slice: EndpointSlice, labels: dict[str, str], trigger_time: str) -> EndpointSlice:
    annotations = {k: v for k, v in endpoint_slice.metadata.annotations.items() if k != TRIGGER_TIME_ANNOTATION}
    if trigger_time:
        annotations[TRIGGER_TIME_ANNOTATION] = trigger_time
    return replace(endpoint_slice, metadata=replace(endpoint_slice.metadata, labels=labels, annotations=annotations))
