"""Ingresses and their classes (networking.k8s.io/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_reference import TypedLocalObjectReference
from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always, always_list
from api.types.scalars import Int32

PACKAGE = "networking/v1"


class ServiceBackendPort(Record, frozen=True, kw_only=True):
    """A port of a Service, by name or number."""

    name: str = ""
    number: Int32 = 0


class IngressServiceBackend(Record, frozen=True, kw_only=True):
    """A port of a Service."""

    name: Annotated[str, Field(required=True)] = always("")
    port: ServiceBackendPort = field(default_factory=ServiceBackendPort)


class IngressBackend(Record, frozen=True, kw_only=True):
    """Where requests go: a Service's port, or a resource."""

    resource: TypedLocalObjectReference | None = None
    service: IngressServiceBackend | None = None


class HTTPIngressPath(Record, frozen=True, kw_only=True):
    """A path and its backend."""

    backend: Annotated[IngressBackend, Field(required=True)] = field(default_factory=IngressBackend)
    path: str = ""
    path_type: Annotated[str | None, Field(required=True)] = always(None)


class HTTPIngressRuleValue(Record, frozen=True, kw_only=True):
    """Paths and their backends."""

    paths: Annotated[list[HTTPIngressPath], Field(required=True, list_type="atomic")] = always_list()


class IngressRule(Record, frozen=True, kw_only=True):
    """The paths of a host."""

    host: str = ""
    http: HTTPIngressRuleValue | None = None


class IngressTLS(Record, frozen=True, kw_only=True):
    """Hosts served with a certificate from a Secret."""

    hosts: Annotated[list[str], Field(list_type="atomic")] = []
    secret_name: str = ""


class IngressSpec(Record, frozen=True, kw_only=True):
    """Rules by which requests find their backend."""

    default_backend: IngressBackend | None = None
    ingress_class_name: str | None = None
    rules: Annotated[list[IngressRule], Field(list_type="atomic")] = []
    tls: Annotated[list[IngressTLS], Field(list_type="atomic")] = []


class IngressPortStatus(Record, frozen=True, kw_only=True):
    """What became of a load balancer's port."""

    error: str | None = None
    port: Annotated[Int32, Field(required=True)] = always(0)
    protocol: Annotated[str, Field(required=True, enum=("TCP", "UDP", "SCTP"))] = always("")


class IngressLoadBalancerIngress(Record, frozen=True, kw_only=True):
    """An address an Ingress is reached at."""

    hostname: str = ""
    ip: str = ""
    ports: Annotated[list[IngressPortStatus], Field(list_type="atomic")] = []


class IngressLoadBalancerStatus(Record, frozen=True, kw_only=True):
    """The addresses an Ingress is reached at."""

    ingress: Annotated[list[IngressLoadBalancerIngress], Field(list_type="atomic")] = []


class IngressStatus(Record, frozen=True, kw_only=True):
    """Where an Ingress is reached."""

    load_balancer: IngressLoadBalancerStatus = field(default_factory=IngressLoadBalancerStatus)


class Ingress(Record, frozen=True, kw_only=True):
    """HTTP routing to Services, by host and path."""

    api_version: str = always("networking.k8s.io/v1")
    kind: str = always("Ingress")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: IngressSpec = field(default_factory=IngressSpec)
    status: IngressStatus = field(default_factory=IngressStatus)


class IngressClassParametersReference(Record, frozen=True, kw_only=True):
    """An object with a controller's settings."""

    api_group: str | None = None
    kind: Annotated[str, Field(required=True)] = always("")
    name: Annotated[str, Field(required=True)] = always("")
    namespace: str | None = None
    scope: str | None = always(None)


class IngressClassSpec(Record, frozen=True, kw_only=True):
    """Which controller a class of Ingresses belongs to."""

    controller: str = ""
    parameters: IngressClassParametersReference | None = None


class IngressClass(Record, frozen=True, kw_only=True):
    """A class of Ingresses, served by one controller."""

    api_version: str = always("networking.k8s.io/v1")
    kind: str = always("IngressClass")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: IngressClassSpec = field(default_factory=IngressClassSpec)
