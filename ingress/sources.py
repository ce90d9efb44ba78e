"""What the ingress follows in the cluster: local copies of ten collections."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from api.types import (
    EndpointSlice,
    Gateway,
    GatewayClass,
    HTTPRoute,
    Ingress,
    IngressClass,
    Namespace,
    ReferenceGrant,
    Secret,
    Service,
)
from cluster.client import Client
from cluster.daemon import Daemon
from cluster.informer import Informer, wait_synced
from ingress.certificates import TYPE
from ingress.model import Key

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
SERVICE_INDEX = "service"


@dataclass(frozen=True, slots=True)
class Sources:
    """slices are indexed by the Service they belong to (SERVICE_INDEX); secrets are those of certificates."""

    ingresses: Informer[Ingress]
    classes: Informer[IngressClass]
    services: Informer[Service]
    slices: Informer[EndpointSlice]
    secrets: Informer[Secret]
    gateway_classes: Informer[GatewayClass]
    gateways: Informer[Gateway]
    routes: Informer[HTTPRoute]
    grants: Informer[ReferenceGrant]
    namespaces: Informer[Namespace]


async def follow(daemon: Daemon, client: Client) -> Sources:
    """Follow them as long as the process lives; returns when all are known."""
    sources = Sources(
        Informer(client, Ingress),
        Informer(client, IngressClass),
        Informer(client, Service),
        Informer(client, EndpointSlice, indexes={SERVICE_INDEX: service_of}),
        Informer(client, Secret, field_selector=f"type={TYPE}"),
        Informer(client, GatewayClass),
        Informer(client, Gateway),
        Informer(client, HTTPRoute),
        Informer(client, ReferenceGrant),
        Informer(client, Namespace),
    )
    informers: dict[str, Informer[Any]] = {each.name: getattr(sources, each.name) for each in fields(sources)}
    for name, informer in informers.items():
        daemon.spawn(name, informer.run())
    await wait_synced(*informers.values())
    return sources


def service_of(endpoint_slice: EndpointSlice) -> list[Key]:
    """The Service a slice belongs to, for the informer's index."""
    name = endpoint_slice.metadata.labels.get(SERVICE_NAME_LABEL)
    return [(endpoint_slice.metadata.namespace, name)] if name else []
