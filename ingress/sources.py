"""What the ingress follows in the cluster: local copies of five collections."""

from __future__ import annotations

from dataclasses import dataclass

from api.types import EndpointSlice, Ingress, IngressClass, Secret, Service
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


async def follow(daemon: Daemon, client: Client) -> Sources:
    """Follow them as long as the process lives; returns when all are known."""
    sources = Sources(
        Informer(client, Ingress),
        Informer(client, IngressClass),
        Informer(client, Service),
        Informer(client, EndpointSlice, indexes={SERVICE_INDEX: service_of}),
        Informer(client, Secret, field_selector=f"type={TYPE}"),
    )
    daemon.spawn("ingresses", sources.ingresses.run())
    daemon.spawn("ingress-classes", sources.classes.run())
    daemon.spawn("services", sources.services.run())
    daemon.spawn("endpoint-slices", sources.slices.run())
    daemon.spawn("secrets", sources.secrets.run())
    await wait_synced(sources.ingresses, sources.classes, sources.services, sources.slices, sources.secrets)
    return sources


def service_of(endpoint_slice: EndpointSlice) -> list[Key]:
    """The Service a slice belongs to, for the informer's index."""
    name = endpoint_slice.metadata.labels.get(SERVICE_NAME_LABEL)
    return [(endpoint_slice.metadata.namespace, name)] if name else []
