"""Gateways and their classes (gateway.networking.k8s.io/v1, standard channel)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.gateway_references import RouteGroupKind, SecretObjectReference
from api.types.meta import Condition, LabelSelector, ObjectMeta
from api.types.record import Field, Record, always, always_list
from api.types.scalars import Int32

PACKAGE = "gateway/v1"


class ParametersReference(Record, frozen=True, kw_only=True):
    """An object with a controller's settings."""

    group: Annotated[str, Field(required=True)] = always("")
    kind: Annotated[str, Field(required=True)] = always("")
    name: Annotated[str, Field(required=True)] = always("")
    namespace: str | None = None


class LocalParametersReference(Record, frozen=True, kw_only=True):
    """An object with a controller's settings, in the Gateway's namespace."""

    group: Annotated[str, Field(required=True)] = always("")
    kind: Annotated[str, Field(required=True)] = always("")
    name: Annotated[str, Field(required=True)] = always("")


class GatewayClassSpec(Record, frozen=True, kw_only=True):
    """Which controller a class of Gateways belongs to."""

    controller_name: Annotated[str, Field(required=True)] = always("")
    description: str | None = None
    parameters_ref: ParametersReference | None = None


class SupportedFeature(Record, frozen=True, kw_only=True):
    """Something a controller can do, by upstream's name for it."""

    name: Annotated[str, Field(required=True)] = always("")


class GatewayClassStatus(Record, frozen=True, kw_only=True):
    """What the controller has made of a class."""

    conditions: Annotated[list[Condition], Field(list_type="map", list_map_keys=("type",))] = []
    supported_features: Annotated[list[SupportedFeature], Field(list_type="map", list_map_keys=("name",))] = []


class GatewayClass(Record, frozen=True, kw_only=True):
    """A class of Gateways, served by one controller."""

    api_version: str = always("gateway.networking.k8s.io/v1")
    kind: str = always("GatewayClass")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[GatewayClassSpec, Field(required=True)] = field(default_factory=GatewayClassSpec)
    status: GatewayClassStatus = field(default_factory=GatewayClassStatus)


class ListenerTLSConfig(Record, frozen=True, kw_only=True):
    """What becomes of TLS sessions, and which certificates they are shown."""

    certificate_refs: Annotated[list[SecretObjectReference], Field(list_type="atomic")] = []
    mode: Annotated[str | None, Field(default="Terminate", enum=("Terminate", "Passthrough"))] = None
    options: dict[str, str] = {}


class RouteNamespaces(Record, frozen=True, kw_only=True):
    """Namespaces that routes may come from."""

    from_: Annotated[str | None, Field(default="Same", enum=("All", "Selector", "Same"))] = field(
        name="from", default=None
    )
    selector: LabelSelector | None = None


class AllowedRoutes(Record, frozen=True, kw_only=True):
    """Routes that may be attached to a listener."""

    kinds: Annotated[list[RouteGroupKind], Field(list_type="atomic")] = []
    namespaces: RouteNamespaces | None = None


class Listener(Record, frozen=True, kw_only=True):
    """A port on which a Gateway takes connections, for a host or for all."""

    allowed_routes: AllowedRoutes | None = None
    hostname: str | None = None
    name: Annotated[str, Field(required=True)] = always("")
    port: Annotated[Int32, Field(required=True)] = always(0)
    protocol: Annotated[str, Field(required=True)] = always("")
    tls: ListenerTLSConfig | None = None


class GatewaySpecAddress(Record, frozen=True, kw_only=True):
    """An address that a Gateway is to have."""

    type: Annotated[str | None, Field(default="IPAddress")] = None
    value: str = ""


class GatewayInfrastructure(Record, frozen=True, kw_only=True):
    """What is to be said of whatever is made for a Gateway."""

    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    parameters_ref: LocalParametersReference | None = None


class GatewaySpec(Record, frozen=True, kw_only=True):
    """Where a Gateway listens, and for what."""

    addresses: Annotated[list[GatewaySpecAddress], Field(list_type="atomic")] = []
    gateway_class_name: Annotated[str, Field(required=True)] = always("")
    infrastructure: GatewayInfrastructure | None = None
    listeners: Annotated[list[Listener], Field(required=True, list_type="map", list_map_keys=("name",))] = always_list()


class GatewayStatusAddress(Record, frozen=True, kw_only=True):
    """An address that a Gateway has."""

    type: Annotated[str | None, Field(default="IPAddress")] = None
    value: Annotated[str, Field(required=True)] = always("")


class ListenerStatus(Record, frozen=True, kw_only=True):
    """What the controller has made of a listener."""

    attached_routes: Annotated[Int32, Field(required=True)] = always(0)
    conditions: Annotated[list[Condition], Field(required=True, list_type="map", list_map_keys=("type",))] = (
        always_list()
    )
    name: Annotated[str, Field(required=True)] = always("")
    supported_kinds: Annotated[list[RouteGroupKind], Field(required=True, list_type="atomic")] = always_list()


class GatewayStatus(Record, frozen=True, kw_only=True):
    """What the controller has made of a Gateway."""

    addresses: Annotated[list[GatewayStatusAddress], Field(list_type="atomic")] = []
    conditions: Annotated[list[Condition], Field(list_type="map", list_map_keys=("type",))] = []
    listeners: Annotated[list[ListenerStatus], Field(list_type="map", list_map_keys=("name",))] = []


class Gateway(Record, frozen=True, kw_only=True):
    """A way for requests into the cluster: listeners on addresses, to which routes are attached."""

    api_version: str = always("gateway.networking.k8s.io/v1")
    kind: str = always("Gateway")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[GatewaySpec, Field(required=True)] = field(default_factory=GatewaySpec)
    status: GatewayStatus = field(default_factory=GatewayStatus)
