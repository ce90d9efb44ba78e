"""Backends as Envoy's clusters and endpoints, certificates as its secrets. Pure."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from cluster.pb import xds_pb2 as pb
from ingress.model import Backend, Certificate, Protocol
from ingress.xds.resource import Resource, aggregated, packed

CONNECT_SECONDS = 1
# Envoy's own limits (1,024 connections, 3 retries at a time) are for calls between services; here they would turn
# a rolling update under load into errors.
MOST_AT_ONCE = 1_000_000
MOST_RETRIES_AT_ONCE = 10_000
# A node that lost its power resets no connection: what it leaves unacknowledged so long ends the connection, and the
# request is tried again elsewhere. The kernel's own patience is a quarter of an hour.
UNACKNOWLEDGED_MS = 3_000
_GIVE_UP = pb.SocketOption(level=socket.IPPROTO_TCP, name=socket.TCP_USER_TIMEOUT, int_value=UNACKNOWLEDGED_MS)
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def cluster(backend: Backend) -> Resource:
    """All that is said of a backend but its endpoints; it follows from its name, so it never changes."""
    limits = pb.CircuitBreakers.Thresholds(
        max_connections=UInt32Value(value=MOST_AT_ONCE),
        max_pending_requests=UInt32Value(value=MOST_AT_ONCE),
        max_requests=UInt32Value(value=MOST_AT_ONCE),
        max_retries=UInt32Value(value=MOST_RETRIES_AT_ONCE),
    )
    message = pb.Cluster(
        name=backend.name,
        type=pb.Cluster.EDS,
        eds_cluster_config=pb.Cluster.EdsClusterConfig(eds_config=aggregated()),
        connect_timeout=Duration(seconds=CONNECT_SECONDS),
        circuit_breakers=pb.CircuitBreakers(thresholds=[limits]),
        upstream_bind_config=pb.BindConfig(socket_options=[_GIVE_UP]),
    )
    if backend.protocol is Protocol.H2C:
        explicit = pb.HttpProtocolOptions.ExplicitHttpConfig(http2_protocol_options=pb.Http2ProtocolOptions())
        options = pb.HttpProtocolOptions(explicit_http_config=explicit)
        message.typed_extension_protocol_options[_HTTP_OPTIONS].CopyFrom(packed(_HTTP_OPTIONS, options))
    if backend.protocol is Protocol.HTTPS:
        # Encrypted, not authenticated: pods' certificates are of no authority known here.
        context = packed("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", pb.UpstreamTlsContext())
        message.transport_socket.CopyFrom(pb.TransportSocket(name="envoy.transport_sockets.tls", typed_config=context))
    return Resource.of(backend.name, message)


def endpoints(name: str, addresses: Iterable[tuple[str, int]]) -> Resource:
    """Where a backend's requests go."""
    found = [pb.LbEndpoint(endpoint=pb.Endpoint(address=socket_address(address, port))) for address, port in addresses]
    localities = [pb.LocalityLbEndpoints(lb_endpoints=found)] if found else []
    return Resource.of(name, pb.ClusterLoadAssignment(cluster_name=name, endpoints=localities))


def secret(name: str, certificate: Certificate) -> Resource:
    tls = pb.TlsCertificate(
        certificate_chain=pb.DataSource(inline_bytes=certificate.chain),
        private_key=pb.DataSource(inline_bytes=certificate.key),
    )
    return Resource.of(name, pb.Secret(name=name, tls_certificate=tls))


def socket_address(address: str, port: int) -> pb.Address:
    return pb.Address(socket_address=pb.SocketAddress(address=address, port_value=port))
