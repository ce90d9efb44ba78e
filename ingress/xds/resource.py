"""A resource as the protocol carries it, and the whole of what the proxy is to know at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage

from cluster.pb import xds_pb2 as pb

_PREFIX = "type.googleapis.com/"
CLUSTER = f"{_PREFIX}envoy.config.cluster.v3.Cluster"
ENDPOINTS = f"{_PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENER = f"{_PREFIX}envoy.config.listener.v3.Listener"
ROUTES = f"{_PREFIX}envoy.config.route.v3.RouteConfiguration"
SECRET = f"{_PREFIX}envoy.extensions.transport_sockets.tls.v3.Secret"


@dataclass(frozen=True, slots=True)
class Resource:
    """A named resource. version: tells contents apart, the same after a restart. body: the message, encoded."""

    name: str
    version: str
    body: bytes

    @classmethod
    def of(cls, name: str, message: Any) -> Resource:
        body = message.SerializeToString(deterministic=True)
        return cls(name, hashlib.blake2b(body, digest_size=12).hexdigest(), body)


Resources = Mapping[str, Resource]
"""Resources of one type, by name."""

Snapshot = Mapping[str, Resources]
"""Resources by type URL."""


def packed(type_name: str, message: Any) -> AnyMessage:
    """A message of another type inside a resource. type_name: Envoy's, not ours."""
    return AnyMessage(type_url=_PREFIX + type_name, value=message.SerializeToString(deterministic=True))


def aggregated() -> pb.ConfigSource:
    """Further resources come over the same stream."""
    return pb.ConfigSource(ads=pb.AggregatedConfigSource(), resource_api_version=pb.ConfigSource.V3)
