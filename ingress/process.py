"""The ingress' wiring: informers → publisher → discovery server → Envoy; problems → Events, reports → statuses."""

from __future__ import annotations

import time

from cluster.client import Client
from cluster.connection import open_channel
from cluster.daemon import Daemon, FatalError
from cluster.events import EventRecorder
from cluster.logs import get_logger
from ingress import admin, certificates
from ingress.config import IngressConfig
from ingress.gateway_statuses import GatewayStatuses
from ingress.model import Certificate
from ingress.publisher import Publisher
from ingress.sources import follow
from ingress.statuses import Statuses
from ingress.xds.server import GRACE_SECONDS, DiscoveryServer, serve

COMPONENT = "podling-ingress"

log = get_logger()


async def run(daemon: Daemon, config: IngressConfig) -> None:
    """Set up: nothing is told to Envoy before all is known, so that a restart changes nothing of what it serves."""
    default = _default_certificate(config)
    channel = open_channel(config.connection)
    daemon.stack.push_async_callback(channel.close)
    client = Client(channel)
    daemon.stack.push_async_callback(client.close)

    sources = await follow(daemon, client)
    recorder = EventRecorder(client, COMPONENT)
    daemon.spawn("events", recorder.run())
    server = DiscoveryServer()
    gateway_statuses = GatewayStatuses(client, sources, config.address, time.time)
    publisher = Publisher(
        sources,
        config.bind,
        default,
        server.publish,
        lambda problems: statuses.tell(problems),
        gateway_statuses.report,
    )
    statuses = Statuses(client, sources.ingresses, recorder, config.address, publisher.is_ours)
    publisher.sync()
    await _listen(daemon, config, server)
    daemon.spawn("publisher", publisher.run())
    daemon.spawn("statuses", statuses.controller.run())
    daemon.spawn("gateway-statuses", gateway_statuses.controller.run())
    daemon.ready_check("envoy", lambda: server.in_sync)
    daemon.add_page("/metrics/envoy", lambda: admin.metrics(config.admin_socket))
    log.info("telling the proxy", ingresses=len(sources.ingresses), socket=str(config.xds_socket))


async def _listen(daemon: Daemon, config: IngressConfig, server: DiscoveryServer) -> None:
    try:
        listener = await serve(server, config.xds_socket)
    except (OSError, RuntimeError) as error:
        raise FatalError(f"cannot listen on {config.xds_socket}: {error}; choose another --xds-socket") from error
    daemon.stack.push_async_callback(listener.stop, GRACE_SECONDS)


def _default_certificate(config: IngressConfig) -> Certificate | None:
    if config.default_certificate is None:
        return None
    chain, key = (file.read_bytes() for file in config.default_certificate)
    refused = certificates.check(chain, key)
    if refused:
        raise FatalError(f"--default-cert-file and --default-key-file: {refused}")
    return Certificate(chain, key)
