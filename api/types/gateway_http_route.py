"""Routes of HTTP requests from Gateways to Services (gateway.networking.k8s.io/v1, standard channel)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.gateway_references import (
    BackendObjectReference,
    LocalObjectReference,
    ParentReference,
    RouteParentStatus,
)
from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always, always_list
from api.types.scalars import Int32, Int64

PACKAGE = "gateway/v1"

_MATCH_TYPES = ("Exact", "RegularExpression")
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
_FILTERS = (
    "RequestHeaderModifier",
    "ResponseHeaderModifier",
    "RequestMirror",
    "RequestRedirect",
    "URLRewrite",
    "ExtensionRef",
)


class HTTPPathMatch(Record, frozen=True, kw_only=True):
    """Which paths match."""

    type: Annotated[str | None, Field(default="PathPrefix", enum=("Exact", "PathPrefix", "RegularExpression"))] = None
    value: Annotated[str | None, Field(default="/")] = None


class HTTPHeaderMatch(Record, frozen=True, kw_only=True):
    """Which values of a header match."""

    name: Annotated[str, Field(required=True)] = always("")
    type: Annotated[str | None, Field(default="Exact", enum=_MATCH_TYPES)] = None
    value: Annotated[str, Field(required=True)] = always("")


class HTTPQueryParamMatch(Record, frozen=True, kw_only=True):
    """Which values of a query parameter match."""

    name: Annotated[str, Field(required=True)] = always("")
    type: Annotated[str | None, Field(default="Exact", enum=_MATCH_TYPES)] = None
    value: Annotated[str, Field(required=True)] = always("")


class HTTPRouteMatch(Record, frozen=True, kw_only=True):
    """Which requests match: those of which all that is said here is true."""

    headers: Annotated[list[HTTPHeaderMatch], Field(list_type="map", list_map_keys=("name",))] = []
    method: Annotated[str | None, Field(enum=_METHODS)] = None
    path: HTTPPathMatch | None = None
    query_params: Annotated[list[HTTPQueryParamMatch], Field(list_type="map", list_map_keys=("name",))] = []


class HTTPHeader(Record, frozen=True, kw_only=True):
    """A header and its value."""

    name: Annotated[str, Field(required=True)] = always("")
    value: Annotated[str, Field(required=True)] = always("")


class HTTPHeaderFilter(Record, frozen=True, kw_only=True):
    """Changes of headers."""

    add: Annotated[list[HTTPHeader], Field(list_type="map", list_map_keys=("name",))] = []
    remove: Annotated[list[str], Field(list_type="set")] = []
    set: Annotated[list[HTTPHeader], Field(list_type="map", list_map_keys=("name",))] = []


class HTTPPathModifier(Record, frozen=True, kw_only=True):
    """A change of the path: all of it, or the prefix that matched."""

    replace_full_path: str | None = None
    replace_prefix_match: str | None = None
    type: Annotated[str, Field(required=True, enum=("ReplaceFullPath", "ReplacePrefixMatch"))] = always("")


class HTTPRequestRedirectFilter(Record, frozen=True, kw_only=True):
    """An answer that sends the client elsewhere."""

    hostname: str | None = None
    path: HTTPPathModifier | None = None
    port: Int32 | None = None
    scheme: Annotated[str | None, Field(enum=("http", "https"))] = None
    status_code: Annotated[Int64 | None, Field(default=302)] = None


class HTTPURLRewriteFilter(Record, frozen=True, kw_only=True):
    """A change of host and path before the backend sees them."""

    hostname: str | None = None
    path: HTTPPathModifier | None = None


class Fraction(Record, frozen=True, kw_only=True):
    """A part of all."""

    denominator: Annotated[Int32 | None, Field(default=100)] = None
    numerator: Annotated[Int32, Field(required=True)] = always(0)


class HTTPRequestMirrorFilter(Record, frozen=True, kw_only=True):
    """A backend that is sent copies of requests; its answers go nowhere."""

    backend_ref: Annotated[BackendObjectReference, Field(required=True)] = field(default_factory=BackendObjectReference)
    fraction: Fraction | None = None
    percent: Int32 | None = None


class HTTPRouteFilter(Record, frozen=True, kw_only=True):
    """Something done to a request or an answer."""

    extension_ref: LocalObjectReference | None = None
    request_header_modifier: HTTPHeaderFilter | None = None
    request_mirror: HTTPRequestMirrorFilter | None = None
    request_redirect: HTTPRequestRedirectFilter | None = None
    response_header_modifier: HTTPHeaderFilter | None = None
    type: Annotated[str, Field(required=True, enum=_FILTERS)] = always("")
    url_rewrite: HTTPURLRewriteFilter | None = None


class HTTPBackendRef(Record, frozen=True, kw_only=True):
    """A port of a Service and its share of the requests."""

    filters: Annotated[list[HTTPRouteFilter], Field(list_type="atomic")] = []
    group: Annotated[str | None, Field(default="")] = None
    kind: Annotated[str | None, Field(default="Service")] = None
    name: Annotated[str, Field(required=True)] = always("")
    namespace: str | None = None
    port: Int32 | None = None
    weight: Annotated[Int32 | None, Field(default=1)] = None


class HTTPRouteTimeouts(Record, frozen=True, kw_only=True):
    """How long requests may take, as Gateway API durations ("10s", "1m30s"); "0s" for ever."""

    backend_request: str | None = None
    request: str | None = None


class HTTPRouteRule(Record, frozen=True, kw_only=True):
    """What becomes of requests of which one of the matches is true."""

    backend_refs: Annotated[list[HTTPBackendRef], Field(list_type="atomic")] = []
    filters: Annotated[list[HTTPRouteFilter], Field(list_type="atomic")] = []
    matches: Annotated[list[HTTPRouteMatch], Field(list_type="atomic")] = []
    name: str | None = None
    timeouts: HTTPRouteTimeouts | None = None


class HTTPRouteSpec(Record, frozen=True, kw_only=True):
    """Rules for requests to some hosts, and the Gateways they hold at."""

    hostnames: Annotated[list[str], Field(list_type="atomic")] = []
    parent_refs: Annotated[list[ParentReference], Field(list_type="atomic")] = []
    rules: Annotated[list[HTTPRouteRule], Field(list_type="atomic")] = []


class HTTPRouteStatus(Record, frozen=True, kw_only=True):
    """What controllers have made of a route, by parent."""

    parents: Annotated[list[RouteParentStatus], Field(required=True, list_type="atomic")] = always_list()


class HTTPRoute(Record, frozen=True, kw_only=True):
    """Rules by which HTTP requests to Gateways find their Services."""

    api_version: str = always("gateway.networking.k8s.io/v1")
    kind: str = always("HTTPRoute")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[HTTPRouteSpec, Field(required=True)] = field(default_factory=HTTPRouteSpec)
    status: HTTPRouteStatus | None = None
