"""Finding CSI drivers: each serves pluginregistration's Registration on a socket in the plugin folder.

A socket that appears is asked who it is, the driver is entered into the CSINode, and only then may pods use it; one
that goes takes the driver with it (upstream: pkg/kubelet/pluginmanager and pkg/volume/csi/nodeinfomanager).
"""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import grpc

from api.errors import AlreadyExists, Conflict, NotFound, StatusError
from api.types import CSINode, Node
from cluster.client import Client
from cluster.logs import get_logger
from cluster.pb import pluginregistration_pb2 as pb
from cluster.pb.pluginregistration_pb2_grpc import RegistrationStub
from kubelet.csi import node_record
from kubelet.csi.drivers import Driver, DriverFailure, Drivers, call, connect, open_channel
from kubelet.logs.inotify import FolderWatch

CSI_PLUGIN = "CSIPlugin"
# Registration is tried again after so long; changes of the folder are heard of at once.
RESCAN_SECONDS = 2.0
UNREGISTERED_SECONDS = 0.1
ANSWER_SECONDS = 10.0
WRITE_ATTEMPTS = 5

log = get_logger()


class RegistrationRefused(Exception):
    """A plugin that this kubelet cannot take. The plugin is told why."""


@dataclass(frozen=True, slots=True)
class _Socket:
    """A socket file, told apart from one made later in its place."""

    path: Path
    inode: int
    changed_at: int


class PluginWatcher:
    """node: this node's object once it is registered."""

    def __init__(self, folder: Path, drivers: Drivers, client: Client, node: Callable[[], Node | None]) -> None:
        self._folder = folder
        self._drivers = drivers
        self._client = client
        self._node = node
        self._registered: dict[_Socket, str] = {}
        self._record: CSINode | None = None
        self._node_uid = ""

    @property
    def settled(self) -> bool:
        """Every socket in the folder has its driver registered."""
        return all(socket in self._registered for socket in _sockets(self._folder))

    async def run(self) -> None:
        """Follow the folder until cancelled."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FolderWatch(self._folder) as watch:
            while True:
                try:
                    done = await self._scan()
                except (StatusError, RegistrationRefused) as error:
                    log.warning("could not tell of the node's CSI drivers", reason=str(error))
                    done = True
                try:
                    async with asyncio.timeout(RESCAN_SECONDS if done else UNREGISTERED_SECONDS):
                        await watch.changed()
                except TimeoutError:
                    continue

    async def _scan(self) -> bool:
        """Register what is new and forget what is gone; False while this node has no object to enter drivers for."""
        node = self._node()
        if node is None:
            return False
        if node.metadata.uid != self._node_uid:
            # Another object by this name: the CSINode of the one before goes with it.
            self._node_uid, self._record = node.metadata.uid, None
            self._registered.clear()
        if self._record is None:
            self._record = await self._ensure_record(node)
        present = _sockets(self._folder)
        for socket in self._registered.keys() - present:
            name = self._registered.pop(socket)
            if name not in self._registered.values():
                await self._forget(node, name)
        for socket in present - self._registered.keys():
            try:
                self._registered[socket] = await self._register(node, socket)
            except (DriverFailure, RegistrationRefused, StatusError) as error:
                log.warning("could not register a plugin", socket=str(socket.path), reason=str(error))
        return True

    async def _register(self, node: Node, socket: _Socket) -> str:
        channel = open_channel(str(socket.path))
        try:
            stub = RegistrationStub(channel)
            info = await call(stub.GetInfo(pb.InfoRequest(), timeout=ANSWER_SECONDS, wait_for_ready=True))
            try:
                name = await self._take(node, info)
            except (DriverFailure, RegistrationRefused, StatusError) as error:
                await _tell(stub, pb.RegistrationStatus(plugin_registered=False, error=str(error)))
                raise
            await _tell(stub, pb.RegistrationStatus(plugin_registered=True))
        finally:
            await channel.close()
        log.info("registered a CSI driver", driver=name, socket=str(socket.path))
        return name

    async def _take(self, node: Node, info: pb.PluginInfo) -> str:
        if info.type != CSI_PLUGIN:
            raise RegistrationRefused(f"plugins of type {info.type!r} are not supported, only {CSI_PLUGIN}")
        if not any(version.removeprefix("v").startswith("1.") for version in info.supported_versions):
            versions = ", ".join(info.supported_versions)
            raise RegistrationRefused(f"driver {info.name} supports CSI versions {versions}, but not version 1")
        driver = await connect(info.name, info.endpoint)
        try:
            await self._label(node, driver)
            await self._write(node, lambda record: node_record.with_driver(record, driver))
        except BaseException:
            await driver.channel.close()
            raise
        await self._drivers.add(driver)
        return driver.name

    async def _forget(self, node: Node, name: str) -> None:
        await self._drivers.remove(name)
        await self._write(node, lambda record: node_record.without_driver(record, name))
        log.info("a CSI driver is gone", driver=name)

    async def _label(self, node: Node, driver: Driver) -> None:
        try:
            missing = node_record.missing_labels(node.metadata.labels, driver.topology)
        except ValueError as error:
            raise RegistrationRefused(str(error)) from None
        if missing:
            await self._client.patch(Node, node.metadata.name, "", {"metadata": {"labels": missing}})

    async def _write(self, node: Node, change: Callable[[CSINode], CSINode]) -> None:
        for _ in range(WRITE_ATTEMPTS):
            if self._record is None:
                self._record = await self._ensure_record(node)
            wanted = change(self._record)
            if wanted is self._record:
                return
            try:
                self._record = await self._client.update(wanted)
                return
            except (Conflict, NotFound):
                self._record = None
        raise RegistrationRefused("the node's CSINode object changed again and again")

    async def _ensure_record(self, node: Node) -> CSINode:
        try:
            return await self._client.create(node_record.new_record(node))
        except AlreadyExists:
            return await self._client.get(CSINode, node.metadata.name)


async def _tell(stub: RegistrationStub, status: pb.RegistrationStatus) -> None:
    try:
        await stub.NotifyRegistrationStatus(status, timeout=ANSWER_SECONDS)
    except grpc.aio.AioRpcError as error:
        log.warning("a plugin did not hear how its registration went", reason=error.details())


def _sockets(folder: Path) -> set[_Socket]:
    found = set()
    for path in folder.iterdir():
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISSOCK(status.st_mode):
            found.add(_Socket(path, status.st_ino, status.st_ctime_ns))
    return found
