"""Wiring of persistent storage: the node's own CSI driver, the folder others register in, volumes that use them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import REGISTRY

from api.types import CSIDriver, Node
from cluster.client import Client
from cluster.daemon import Daemon, FatalError
from cluster.informer import Informer
from csi.local import NAME
from csi.local.driver import LocalDriver
from kubelet.csi.attachments import Attachments
from kubelet.csi.drivers import Drivers
from kubelet.csi.registration import PluginWatcher
from kubelet.metrics.volumes import VolumeStatistics
from kubelet.paths import Paths
from kubelet.server.storage_relay import StorageRelay
from kubelet.volumes.csi import CsiVolumes
from kubelet.volumes.csi_credentials import Credentials
from kubelet.volumes.persistent import PersistentVolumes


@dataclass(frozen=True, slots=True)
class Storage:
    """volumes: what pods are given. relay: what the cluster's provisioner calls."""

    volumes: PersistentVolumes
    relay: StorageRelay


async def open_storage(
    daemon: Daemon, paths: Paths, client: Client, node_name: str, node: Callable[[], Node | None]
) -> Storage:
    """Start the driver, and follow the plugin folder. Raises FatalError. node: its object once it is registered.

    The driver runs in this process: a process of its own would cost each node 45 MB more. It is called over its
    socket as any other.
    """
    endpoint, registry = paths.run / "plugins" / NAME / "csi.sock", paths.run / "plugins_registry"
    driver = LocalDriver(paths.data / "plugins" / NAME, node_name, endpoint, registry)
    try:
        await driver.start()
    except OSError as error:
        raise FatalError(f"cannot serve local volumes: {error}") from error
    daemon.stack.push_async_callback(driver.close)
    drivers = Drivers()
    daemon.stack.push_async_callback(drivers.close)
    relay = StorageRelay(str(endpoint))
    daemon.stack.push_async_callback(relay.close)
    known: Informer[CSIDriver] = Informer(client, CSIDriver)
    watcher = PluginWatcher(registry, drivers, client, node)
    daemon.spawn("csi-drivers", known.run())
    daemon.spawn("plugins", watcher.run())
    attachments = Attachments(client, node_name)

    async def object_of(name: str) -> CSIDriver | None:
        await known.synced.wait()
        return known.get("", name)

    csi = CsiVolumes(paths, drivers, object_of, attachments.context, Credentials(client))
    volumes = PersistentVolumes(client, paths, csi, node)
    statistics = VolumeStatistics(volumes.mounted)
    REGISTRY.register(statistics)
    daemon.stack.callback(REGISTRY.unregister, statistics)
    return Storage(volumes, relay)
