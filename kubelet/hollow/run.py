"""Wiring: from a config to a process that is many nodes. One channel, one watch of pods, one of nodes."""

from __future__ import annotations

from cluster import connection
from cluster.client import Client
from cluster.daemon import BUSY_GC_THRESHOLDS, Daemon
from cluster.events import EventRecorder
from cluster.informer import wait_synced
from kubelet.hollow.config import Config
from kubelet.hollow.fleet import Fleet
from kubelet.hollow.node import HollowNode, Shared
from kubelet.hollow.sources import SharedPods, shared_nodes
from kubelet.pods.status_writer import StatusWriter

STATUS_WRITES = 32
# Of all nodes together, after twice as many at once: an event costs as much as a status, and nobody reads thousands.
EVENTS_PER_SECOND = 10.0


async def run(daemon: Daemon, config: Config) -> None:
    """Set everything up."""
    daemon.gc_thresholds = BUSY_GC_THRESHOLDS
    channel = connection.open_channel(config.connection)
    daemon.stack.push_async_callback(channel.close)
    client = Client(channel)
    daemon.stack.push_async_callback(client.close)
    recorder = EventRecorder(client, "kubelet", config.group, per_second=EVENTS_PER_SECOND)
    pods, nodes = SharedPods(client, config.group), shared_nodes(client, config.group)
    writer = StatusWriter(client, pods.informer.get, workers=STATUS_WRITES)
    shared = Shared.of(config, client, recorder, writer, pods)
    fleet = Fleet([HollowNode(config, index, shared) for index in range(config.count)], config.intervals, nodes)
    daemon.ready_check("nodes-ready", lambda: fleet.open)
    daemon.ready_check("pods-adopted", lambda: fleet.adopted)
    daemon.spawn("events", recorder.run())
    daemon.spawn("pod-objects", pods.informer.run())
    daemon.spawn("nodes", nodes.run())
    daemon.spawn("node-status", fleet.run_statuses())
    daemon.spawn("node-leases", fleet.run_leases())
    daemon.spawn("pod-status", writer.run())
    daemon.spawn("pods", _run_pods(fleet, pods))


async def _run_pods(fleet: Fleet, pods: SharedPods) -> None:
    await wait_synced(pods.informer)
    await fleet.run_pods()
