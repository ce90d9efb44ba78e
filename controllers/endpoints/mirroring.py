"""EndpointSlices for Endpoints written by hand, so that kube-proxy and DNS need look at slices only.

Source: upstream's endpointslicemirroring controller: Endpoints of services without a selector are mirrored, unless a
label says not to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from api.types import (
    Endpoint,
    EndpointAddress,
    EndpointConditions,
    Endpoints,
    EndpointSlice,
    EndpointSlicePort,
    EndpointSubset,
    ObjectMeta,
    Service,
)
from cluster.informer import ObjectKey
from controllers.context import SERVICE_NAME_LABEL, Context
from controllers.endpoints.backends import family_of
from controllers.endpoints.slices import MANAGED_BY_LABEL, TRIGGER_TIME_ANNOTATION, Changes, port_key
from controllers.mirror import key_of
from controllers.ownership import controller_reference

NAME = "endpoint_slice_mirroring"
MANAGER = "endpointslicemirroring-controller.k8s.io"
SKIP_LABEL = "endpointslice.kubernetes.io/skip-mirror"
LEADER_ANNOTATION = "control-plane.alpha.kubernetes.io/leader"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
MAX_ADDRESSES_PER_SUBSET = 1_000


def should_mirror(endpoints: Endpoints | None, service: Service | None) -> bool:
    """The Endpoints are somebody's own work for an existing service."""
    if endpoints is None or service is None or service.spec.selector:
        return False
    if endpoints.metadata.deletion_timestamp is not None or LEADER_ANNOTATION in endpoints.metadata.annotations:
        return False
    return endpoints.metadata.labels.get(SKIP_LABEL) != "true"


def plan(endpoints: Endpoints, existing: Sequence[EndpointSlice]) -> Changes:
    """The writes that make the mirrored slices, one per subset and address type, equal to the Endpoints."""
    changes = Changes()
    left = list(existing)
    for wanted in _wanted(endpoints):
        found = next((each for each in left if _same_place(each, wanted)), None)
        if found is None:
            changes.create.append(wanted)
            continue
        left.remove(found)
        if not _same(found, wanted):
            metadata = replace(found.metadata, labels=wanted.metadata.labels, annotations=wanted.metadata.annotations)
            changes.update.append(replace(wanted, metadata=metadata))
    changes.delete.extend(left)
    return changes


def _wanted(endpoints: Endpoints) -> Iterable[EndpointSlice]:
    slices: dict[tuple[str, object], EndpointSlice] = {}
    for subset in endpoints.subsets:
        ports = [
            EndpointSlicePort(name=p.name, port=p.port, protocol=p.protocol or "TCP", app_protocol=p.app_protocol)
            for p in subset.ports
        ]
        for family, entries in _by_family(subset).items():
            key = (family, port_key(ports))
            current = slices.get(key) or _empty_slice(endpoints, family, ports)
            slices[key] = replace(current, endpoints=[*current.endpoints, *entries])
    return slices.values()


def _by_family(subset: EndpointSubset) -> dict[str, list[Endpoint]]:
    families: dict[str, list[Endpoint]] = {}
    marked = [(address, True) for address in subset.addresses]
    marked += [(address, False) for address in subset.not_ready_addresses]
    for address, ready in marked[:MAX_ADDRESSES_PER_SUBSET]:
        families.setdefault(family_of(address.ip), []).append(_endpoint(address, ready))
    return families


def _endpoint(address: EndpointAddress, ready: bool) -> Endpoint:
    return Endpoint(
        addresses=[address.ip],
        conditions=EndpointConditions(ready=ready),
        hostname=address.hostname or None,
        node_name=address.node_name,
        target_ref=address.target_ref,
    )


def _empty_slice(endpoints: Endpoints, family: str, ports: list[EndpointSlicePort]) -> EndpointSlice:
    own = (LAST_APPLIED, TRIGGER_TIME_ANNOTATION)
    metadata = endpoints.metadata
    return EndpointSlice(
        metadata=ObjectMeta(
            generate_name=f"{metadata.name}-",
            namespace=metadata.namespace,
            labels={**metadata.labels, SERVICE_NAME_LABEL: metadata.name, MANAGED_BY_LABEL: MANAGER},
            annotations={key: value for key, value in metadata.annotations.items() if key not in own},
            owner_references=[controller_reference(endpoints)],
        ),
        address_type=family,
        ports=ports,
    )


def _same_place(one: EndpointSlice, other: EndpointSlice) -> bool:
    return one.address_type == other.address_type and port_key(one.ports) == port_key(other.ports)


def _same(found: EndpointSlice, wanted: EndpointSlice) -> bool:
    return (
        found.endpoints == wanted.endpoints
        and found.metadata.labels == wanted.metadata.labels
        and found.metadata.annotations == wanted.metadata.annotations
    )


class EndpointSliceMirroringController:
    """reconcile(key): mirror one Endpoints object."""

    def __init__(self, context: Context) -> None:
        self._services = context.mirror(Service)
        self._endpoints = context.mirror(Endpoints)
        self._slices = context.mirror(EndpointSlice)
        self._queue = context.controller(NAME, self.reconcile, workers=2)
        self._services.add_handler(self._changed)
        self._endpoints.add_handler(self._changed)

    async def reconcile(self, key: ObjectKey) -> None:
        endpoints = self._endpoints.get(*key)
        existing = [
            each
            for each in self._slices.by_index("service", key)
            if each.metadata.labels.get(MANAGED_BY_LABEL) == MANAGER and each.metadata.deletion_timestamp is None
        ]
        if endpoints is not None and should_mirror(endpoints, self._services.get(*key)):
            changes = plan(endpoints, existing)
        else:
            changes = Changes(delete=existing)
        for endpoint_slice in changes.create:
            await self._slices.create(endpoint_slice)
        for endpoint_slice in changes.update:
            await self._slices.update(endpoint_slice)
        for endpoint_slice in changes.delete:
            await self._slices.delete(endpoint_slice)

    def _changed(self, old: Service | Endpoints | None, new: Service | Endpoints | None) -> None:
        changed = new or old
        if changed is not None:
            self._queue.add(key_of(changed))
