"""Where the proxy listens: plain HTTP, and HTTPS with a certificate by the name the client asks for (SNI). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue

from cluster.pb import xds_pb2 as pb
from ingress.model import ANY_HOST, Entry
from ingress.xds.clusters import socket_address
from ingress.xds.resource import Resource, aggregated, packed

HEADERS_SECONDS = 30
DRAIN_SECONDS = 5
_TLS = "envoy.extensions.transport_sockets.tls.v3"
ACCESS_LOG = (
    "%START_TIME% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
    ' "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%"'
    " %RESPONSE_CODE% %RESPONSE_FLAGS% in=%BYTES_RECEIVED% out=%BYTES_SENT% ms=%DURATION% host=%REQ(:AUTHORITY)%"
    " ingress=%ROUTE_NAME% backend=%UPSTREAM_CLUSTER% endpoint=%UPSTREAM_HOST%"
    " attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT%\n"
)


@dataclass(frozen=True, slots=True)
class Bind:
    """Addresses and ports to listen on for Ingresses, and the file that requests are logged to ("" for none).

    Gateways' other ports are on the address for plain HTTP, too.
    """

    http: tuple[str, int]
    https: tuple[str, int]
    access_log: str


def listeners(bind: Bind, entries: Iterable[Entry], secrets: Mapping[str, Mapping[str, str]]) -> list[Resource]:
    """A listener for each entry, of its name. secrets: a secret's name by entry and host; ANY_HOST's is for others.

    Where there is no secret at all nothing listens for HTTPS.
    """
    found = []
    for entry in entries:
        address = (bind.http[0], entry.port)
        if not entry.tls:
            found.append(_http(entry.name, address, bind.access_log))
        elif secrets.get(entry.name):
            found.append(_https(entry.name, address, bind.access_log, secrets[entry.name]))
    return found


def _http(name: str, address: tuple[str, int], access_log: str) -> Resource:
    chain = pb.FilterChain(name=name, filters=[_connection_manager(name, access_log)])
    return Resource.of(name, _listener(name, address, filter_chains=[chain]))


def _https(name: str, address: tuple[str, int], access_log: str, secrets: Mapping[str, str]) -> Resource:
    hosts_of: dict[str, list[str]] = {}
    for host, secret in sorted(secrets.items()):
        if host != ANY_HOST:
            hosts_of.setdefault(secret, []).append(host)
    chains = [_tls_chain(name, secret, hosts, access_log) for secret, hosts in sorted(hosts_of.items())]
    inspector = pb.ListenerFilter(
        name="envoy.filters.listener.tls_inspector",
        typed_config=packed("envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector", pb.TlsInspector()),
    )
    listener = _listener(name, address, filter_chains=chains, listener_filters=[inspector])
    if ANY_HOST in secrets:
        listener.default_filter_chain.CopyFrom(_tls_chain(name, secrets[ANY_HOST], [], access_log))
    return Resource.of(name, listener)


def _listener(name: str, address: tuple[str, int], **parts: object) -> pb.Listener:
    return pb.Listener(name=name, address=socket_address(*address), freebind=BoolValue(value=True), **parts)


def _tls_chain(name: str, secret: str, hosts: list[str], access_log: str) -> pb.FilterChain:
    context = pb.DownstreamTlsContext(
        common_tls_context=pb.CommonTlsContext(
            tls_params=pb.TlsParameters(tls_minimum_protocol_version=pb.TlsParameters.TLSv1_2),
            alpn_protocols=["h2", "http/1.1"],
            tls_certificate_sds_secret_configs=[pb.SdsSecretConfig(name=secret, sds_config=aggregated())],
        )
    )
    return pb.FilterChain(
        # One name a chain: a chain that is changed only in its hosts is another one.
        name=f"{secret}:{','.join(hosts)}" if hosts else "default",
        filter_chain_match=pb.FilterChainMatch(server_names=hosts) if hosts else None,
        filters=[_connection_manager(name, access_log)],
        transport_socket=pb.TransportSocket(
            name="envoy.transport_sockets.tls", typed_config=packed(f"{_TLS}.DownstreamTlsContext", context)
        ),
    )


def _connection_manager(name: str, access_log: str) -> pb.Filter:
    router = packed("envoy.extensions.filters.http.router.v3.Router", pb.Router(suppress_envoy_headers=True))
    manager = pb.HttpConnectionManager(
        stat_prefix=name,
        rds=pb.Rds(config_source=aggregated(), route_config_name=name),
        http_filters=[pb.HttpFilter(name="envoy.filters.http.router", typed_config=router)],
        # Old clients, and ab.
        http_protocol_options=pb.Http1ProtocolOptions(accept_http_10=True),
        access_log=_access_logs(access_log),
        use_remote_address=BoolValue(value=True),
        upgrade_configs=[pb.HttpConnectionManager.UpgradeConfig(upgrade_type="websocket")],
        normalize_path=BoolValue(value=True),
        server_header_transformation=pb.HttpConnectionManager.PASS_THROUGH,
        # `h.org.` is `h.org`.
        strip_trailing_host_dot=True,
        request_headers_timeout=Duration(seconds=HEADERS_SECONDS),
        drain_timeout=Duration(seconds=DRAIN_SECONDS),
    )
    type_name = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return pb.Filter(name="envoy.filters.network.http_connection_manager", typed_config=packed(type_name, manager))


def _access_logs(path: str) -> list[pb.AccessLog]:
    if not path:
        return []
    text = pb.SubstitutionFormatString(text_format_source=pb.DataSource(inline_string=ACCESS_LOG))
    config = packed(
        "envoy.extensions.access_loggers.file.v3.FileAccessLog", pb.FileAccessLog(path=path, log_format=text)
    )
    return [pb.AccessLog(name="envoy.access_loggers.file", typed_config=config)]
