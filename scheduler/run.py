"""The scheduler's process: what it opens and starts."""

from __future__ import annotations

import random

from cluster.client import Client
from cluster.connection import open_channel
from cluster.daemon import Daemon
from cluster.events import EventRecorder
from scheduler.config import SchedulerConfig
from scheduler.core import Core
from scheduler.framework import Profile
from scheduler.plugins import DEFAULT_PLUGINS
from scheduler.shell import Scheduler, count_incoming


async def run(process: Daemon, config: SchedulerConfig) -> None:
    """Open the channel, start the informers and the loop."""
    channel = open_channel(config.connection)
    process.stack.push_async_callback(channel.close)
    client = Client(channel)
    process.stack.push_async_callback(client.close)
    profiles = {config.scheduler_name: Profile(config.scheduler_name, DEFAULT_PLUGINS)}
    recorders = {name: EventRecorder(client, name) for name in profiles}
    core = Core(profiles, random.Random(), observe=count_incoming)
    scheduler = Scheduler(client, core, recorders)
    scheduler.expose_sizes()
    process.ready_check("informers-synced", lambda: scheduler.synced)
    for name, recorder in recorders.items():
        process.spawn(f"events-{name}", recorder.run())
    for resource, informer in scheduler.informers.items():
        process.spawn(f"informer-{resource}", informer.run())
    process.spawn("scheduling", scheduler.run())
