"""The scheduler's process: what it opens and starts."""

from __future__ import annotations

import random

from cluster.client import Client
from cluster.connection import open_channel, server_credentials
from cluster.daemon import Daemon, FatalError
from cluster.events import EventRecorder
from scheduler import config_file
from scheduler.config import SchedulerConfig
from scheduler.core import Core
from scheduler.profiles import ConfigError
from scheduler.server import PlacementServer
from scheduler.shell import Scheduler, count_incoming

# An event costs as much as a binding: of thousands of pods at once not each is told of. After twice as many at once
# (upstream's scheduler: clientConnection, qps 50 and burst 100).
EVENTS_PER_SECOND = 50.0


async def run(process: Daemon, config: SchedulerConfig) -> None:
    """Open the channel, start the informers and the loop."""
    try:
        settings = config_file.read(config.file) if config.file else config_file.default(config.scheduler_name)
    except ConfigError as error:
        raise FatalError(str(error)) from None
    channel = open_channel(config.connection)
    process.stack.push_async_callback(channel.close)
    client = Client(channel)
    process.stack.push_async_callback(client.close)
    recorders = {name: EventRecorder(client, name, per_second=EVENTS_PER_SECOND) for name in settings.profiles}
    core = Core(settings, random.Random(), observe=count_incoming)
    scheduler = Scheduler(client, core, recorders)
    scheduler.expose_sizes()
    process.ready_check("informers-synced", lambda: scheduler.synced)
    for name, recorder in recorders.items():
        process.spawn(f"events-{name}", recorder.run())
    for resource, informer in scheduler.informers.items():
        process.spawn(f"informer-{resource}", informer.run())
    process.spawn("scheduling", scheduler.run())
    if config.grpc_address is not None:
        await _serve_explanations(process, config, config.grpc_address, PlacementServer(client, core))


async def _serve_explanations(
    process: Daemon, config: SchedulerConfig, address: tuple[str, int], server: PlacementServer
) -> None:
    connection = config.connection
    credentials = server_credentials(connection.ca_file, connection.cert_file, connection.key_file)
    host, port = address
    try:
        await server.start(host, port, credentials)
    except OSError as error:
        raise FatalError(f"cannot serve gRPC on {host}:{port}: {error}; choose another --grpc-address") from None
    process.stack.push_async_callback(server.close)
