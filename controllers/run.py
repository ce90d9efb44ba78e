"""The controllers' process: what it opens and starts."""

from __future__ import annotations

import asyncio

from cluster.client import Client
from cluster.connection import open_channel
from cluster.daemon import Daemon
from controllers.config import ControllersConfig
from controllers.context import Context
from controllers.registry import add_all


async def run(process: Daemon, config: ControllersConfig) -> None:
    """Open the channel, start informers, recorders and controllers."""
    certificates = config.root_ca_file.read_text()
    channel = open_channel(config.connection)
    process.stack.push_async_callback(channel.close)
    client = Client(channel)
    process.stack.push_async_callback(client.close)
    context = Context(client)
    add_all(context, config, certificates)
    process.ready_check("informers-synced", lambda: context.synced)
    for component, recorder in context.recorders.items():
        process.spawn(f"events-{component}", recorder.run())
    for kind, informer in context.informers.items():
        process.spawn(f"informer-{kind}", informer.run())
    process.spawn("controllers", work(context))


async def work(context: Context) -> None:
    """Run all controllers, once every informer has handed over its first items."""
    await context.wait_synced()
    async with asyncio.TaskGroup() as group:
        for name, controller in context.controllers.items():
            group.create_task(controller.run(), name=name)
