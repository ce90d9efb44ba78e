"""Puts the door together: what `apiserver.__main__` calls once the registry stands."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from apiserver.auth.authn import Authenticator
from apiserver.auth.service_accounts import TokenVerifier
from apiserver.handler import Handler
from apiserver.pod_streams import PodStreams
from apiserver.rest.connections import Connections
from apiserver.rest.discovery import DiscoveryEndpoints
from apiserver.rest.door import Door
from apiserver.rest.health import Checks, HealthEndpoints
from apiserver.rest.identity import Identities
from apiserver.rest.issuer import IssuerEndpoints
from apiserver.rest.pods import PodEndpoints
from apiserver.rest.proxy import ProxyEndpoints
from apiserver.rest.server import RestServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the door stands on. `live` and `ready` are read at every request: checks may be added later."""

    handler: Handler
    pod_streams: PodStreams
    proxy: ProxyEndpoints
    authenticator: Authenticator
    verifier: TokenVerifier
    live: Checks
    ready: Checks


async def start(services: Services, host: str, port: int, context: ssl.SSLContext, advertised: str = "") -> RestServer:
    """Listen on `host`:`port` (0 for any free one). `advertised` is HOST:PORT as clients reach it, if that differs.

    Raises OSError when the address cannot be had.
    """
    address = advertised or f"{host}:{port}"
    connections = Connections()
    door = Door(
        services.handler,
        connections,
        Identities(connections, services.authenticator, services.handler),
        PodEndpoints(services.pod_streams),
        services.proxy,
        DiscoveryEndpoints(address),
        HealthEndpoints(services.live, services.ready),
        IssuerEndpoints(services.verifier, address),
    )
    server = RestServer(door, connections)
    await server.start(host, port, context)
    return server
