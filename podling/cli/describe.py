"""`podling describe`: everything about an object, and what has to do with it."""

from __future__ import annotations

import sys
import time
from typing import TypeVar

from api import codec, scheme
from api.scheme import Resource
from api.types import (
    DaemonSet,
    Deployment,
    EndpointSlice,
    Event,
    Ingress,
    Lease,
    LimitRange,
    Node,
    PersistentVolumeClaim,
    Pod,
    ReplicaSet,
    ReplicationController,
    ResourceQuota,
    Service,
    StatefulSet,
)
from api.types import Namespace as NamespaceRecord
from api.types.record import Record
from podling.cli import targets
from podling.cli.each import each
from podling.cli.options import DEFAULT_NAMESPACE, AllNamespaces, Dir, Labels, Namespace
from podling.cli.output import note
from podling.cli.rpc import Api, ServerError, api
from podling.describe import Related
from podling.describe import describe as describe_record

T = TypeVar("T", bound=Record)
LEASE_NAMESPACE = "kube-node-lease"
SERVICE_NAME_LABEL = "kubernetes.io/service-name"


def describe(
    *what: str,
    selector: Labels = "",
    namespace: Namespace = DEFAULT_NAMESPACE,
    all_namespaces: AllNamespaces = False,
    dir: Dir = None,
) -> None:
    """Describe objects in full: `describe pod web-1`, `describe deployment/web`, `describe nodes`."""
    where = "" if all_namespaces else namespace
    with api(dir) as server:
        texts: list[str] = []

        def add(target: targets.Target) -> None:
            for raw in _fetch(server, target, where, selector):
                record = codec.decode(target.resource.record, raw)
                texts.append(describe_record(record, _related(server, target.resource, record), time.time()))

        try:
            each(targets.parse(what), add)
        finally:
            sys.stdout.write("\n\n".join(texts))
            sys.stdout.flush()
        if not texts:
            note(f"No resources found{f' in {where} namespace' if where else ''}.")


def _fetch(server: Api, target: targets.Target, namespace: str, selector: str) -> list[bytes]:
    if target.names:
        return [server.get_raw(target.resource, namespace, name) for name in target.names]
    return server.list(target.resource, namespace, label_selector=selector).items


def _related(server: Api, resource: Resource, record: Record) -> Related:
    """What the description of this kind of object tells about."""
    namespace, name = record.metadata.namespace, record.metadata.name  # type: ignore[attr-defined]
    events = _events(server, resource, record)
    match record:
        case Node():
            return Related(
                events=events,
                pods=_list(server, Pod, fields=f"spec.nodeName={name}"),
                lease=_lease(server, name),
            )
        case Deployment():
            return Related(events=events, replica_sets=_owned(server, ReplicaSet, namespace, record.metadata.uid))
        case ReplicaSet() | ReplicationController() | StatefulSet() | DaemonSet():
            return Related(events=events, pods=_owned(server, Pod, namespace, record.metadata.uid))
        case NamespaceRecord():
            return Related(quotas=_list(server, ResourceQuota, name), limit_ranges=_list(server, LimitRange, name))
        case PersistentVolumeClaim():
            return Related(events=events, pods=_list(server, Pod, namespace))
        case Service():
            slices = _list(server, EndpointSlice, namespace, labels=f"{SERVICE_NAME_LABEL}={name}")
            return Related(events=events, endpoint_slices=slices)
        case Ingress():
            slices = _list(server, EndpointSlice, namespace)
            return Related(events=events, services=_list(server, Service, namespace), endpoint_slices=slices)
        case _:
            return Related(events=events)


def _events(server: Api, resource: Resource, record: Record) -> tuple[Event, ...]:
    metadata = record.metadata  # type: ignore[attr-defined]
    # Events about nodes name the node as its own uid, as upstream's kubelet does.
    about = {"involvedObject.kind": resource.kind, "involvedObject.name": metadata.name}
    if not isinstance(record, Node):
        about["involvedObject.uid"] = metadata.uid
    fields = ",".join(f"{key}={value}" for key, value in about.items())
    return _list(server, Event, metadata.namespace, fields=fields)


def _owned(server: Api, record_type: type[T], namespace: str, uid: str) -> tuple[T, ...]:
    return tuple(
        record
        for record in _list(server, record_type, namespace)
        if any(owner.uid == uid and owner.controller for owner in record.metadata.owner_references)  # type: ignore[attr-defined]
    )


def _list(
    server: Api, record_type: type[T], namespace: str = "", *, labels: str = "", fields: str = ""
) -> tuple[T, ...]:
    page = server.list(scheme.of(record_type), namespace, label_selector=labels, field_selector=fields)
    return tuple(codec.decode(record_type, raw) for raw in page.items)


def _lease(server: Api, node: str) -> Lease | None:
    try:
        return codec.decode(Lease, server.get_raw(scheme.of(Lease), LEASE_NAMESPACE, node))
    except ServerError as error:
        if error.not_found:
            return None
        raise
