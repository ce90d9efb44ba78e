"""The CSI drivers registered with this node, and calls to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

import grpc

from cluster.connection import CHANNEL_OPTIONS
from cluster.pb import csi_pb2 as pb
from cluster.pb.csi_pb2_grpc import NodeStub
from kubelet.volumes.failure import VolumeFailure

# As upstream: a driver that formats a large disk takes its time.
CALL_SECONDS = 120.0
WAIT_SECONDS = 5.0

R = TypeVar("R")
_Can = pb.NodeServiceCapability.RPC


class DriverFailure(VolumeFailure):
    """A driver refused or did not answer. `code` is gRPC's."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(f"rpc error: code = {_title(code)} desc = {text}")
        self.code = code


def _title(code: grpc.StatusCode) -> str:
    """As Go writes it: FAILED_PRECONDITION is FailedPrecondition."""
    return "".join(word.capitalize() for word in code.name.split("_"))


async def call(answer: Awaitable[R]) -> R:
    """What a driver answers. Raises DriverFailure."""
    try:
        return await answer
    except grpc.aio.AioRpcError as error:
        raise DriverFailure(error.code(), error.details() or "no reason given") from None


def open_channel(socket: str) -> grpc.aio.Channel:
    """A channel to a driver's Unix socket; `socket` is a path or a unix:// URL."""
    path = socket.removeprefix("unix://").removeprefix("unix:")
    return grpc.aio.insecure_channel(f"unix://{path}", options=CHANNEL_OPTIONS)


@dataclass(frozen=True, slots=True)
class Driver:
    """node_id: what the driver calls this node. can: types of `NodeServiceCapability.RPC`."""

    name: str
    endpoint: str
    node_id: str
    topology: dict[str, str]
    most_volumes: int
    can: frozenset[int]
    node: NodeStub
    channel: grpc.aio.Channel

    @property
    def stages(self) -> bool:
        return _Can.STAGE_UNSTAGE_VOLUME in self.can

    @property
    def expands(self) -> bool:
        return _Can.EXPAND_VOLUME in self.can

    @property
    def tells_pods_apart(self) -> bool:
        return _Can.SINGLE_NODE_MULTI_WRITER in self.can


async def connect(name: str, endpoint: str) -> Driver:
    """Ask a driver who it is on this node. Raises DriverFailure."""
    channel = open_channel(endpoint)
    try:
        node = NodeStub(channel)
        info = await call(node.NodeGetInfo(pb.NodeGetInfoRequest(), timeout=CALL_SECONDS))
        answer = await call(node.NodeGetCapabilities(pb.NodeGetCapabilitiesRequest(), timeout=CALL_SECONDS))
    except BaseException:
        await channel.close()
        raise
    can = frozenset(each.rpc.type for each in answer.capabilities)
    topology = dict(info.accessible_topology.segments)
    return Driver(name, endpoint, info.node_id, topology, info.max_volumes_per_node, can, node, channel)


class Drivers:
    """By name."""

    def __init__(self) -> None:
        self._drivers: dict[str, Driver] = {}
        self._added = asyncio.Event()

    def names(self) -> list[str]:
        return list(self._drivers)

    async def find(self, name: str) -> Driver:
        """Raises VolumeFailure when no driver of this name is registered, nor is within a moment.

        After the start of a node its pods and its drivers begin at the same time.
        """
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while name not in self._drivers:
                    await self._added.wait()
        except TimeoutError:
            raise VolumeFailure(f"driver name {name} not found in the list of registered CSI drivers") from None
        return self._drivers[name]

    async def add(self, driver: Driver) -> None:
        """Register a driver, in the place of one of its name."""
        before = self._drivers.get(driver.name)
        self._drivers[driver.name] = driver
        self._added.set()
        self._added = asyncio.Event()
        if before is not None:
            await before.channel.close()

    async def remove(self, name: str) -> None:
        driver = self._drivers.pop(name, None)
        if driver is not None:
            await driver.channel.close()

    async def close(self) -> None:
        for name in self.names():
            await self.remove(name)
