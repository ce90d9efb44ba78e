"""Calls to csi.v1.Controller of a node's driver, through the node's kubelet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from api.errors import StatusError
from api.types import Node
from cluster import connection
from cluster.connection import Connection
from cluster.pb import csi_pb2 as pb
from cluster.pb.csi_pb2_grpc import ControllerStub

# A clone copies as much as its source holds.
CALL_SECONDS = 120.0

R = TypeVar("R")


class DriverFailure(StatusError):
    """A driver refused or could not be reached."""

    def __init__(self, status: grpc.StatusCode, text: str) -> None:
        title = "".join(word.capitalize() for word in status.name.split("_"))
        super().__init__(f"rpc error: code = {title} desc = {text}")
        self._status = status

    @classmethod
    def absent(cls, text: str) -> DriverFailure:
        """What was asked for is nowhere."""
        return cls(grpc.StatusCode.NOT_FOUND, text)

    @classmethod
    def elsewhere(cls, text: str) -> DriverFailure:
        """Another node is to be chosen, as for one that is full."""
        return cls(grpc.StatusCode.RESOURCE_EXHAUSTED, text)

    @property
    def is_full(self) -> bool:
        """The node has no room; another may have."""
        return self._status is grpc.StatusCode.RESOURCE_EXHAUSTED

    @property
    def is_in_use(self) -> bool:
        """The volume is still mounted; it will not be for long."""
        return self._status is grpc.StatusCode.FAILED_PRECONDITION


class NodeDrivers:
    """node: a Node by name; `identity`: the PEM files to call with (its server is ignored)."""

    def __init__(self, node: Callable[[str], Node | None], identity: Connection) -> None:
        self._node = node
        self._identity = identity

    async def create(self, node_name: str, request: pb.CreateVolumeRequest) -> pb.Volume:
        answer = await self._call(node_name, lambda driver: driver.CreateVolume, request)
        return answer.volume

    async def delete(self, node_name: str, volume_id: str) -> None:
        request = pb.DeleteVolumeRequest(volume_id=volume_id)
        await self._call(node_name, lambda driver: driver.DeleteVolume, request)

    async def expand(
        self, node_name: str, request: pb.ControllerExpandVolumeRequest
    ) -> pb.ControllerExpandVolumeResponse:
        return await self._call(node_name, lambda driver: driver.ControllerExpandVolume, request)

    async def take_snapshot(self, node_name: str, request: pb.CreateSnapshotRequest) -> pb.Snapshot:
        answer = await self._call(node_name, lambda driver: driver.CreateSnapshot, request)
        return answer.snapshot

    async def delete_snapshot(self, node_name: str, snapshot_id: str) -> None:
        request = pb.DeleteSnapshotRequest(snapshot_id=snapshot_id)
        await self._call(node_name, lambda driver: driver.DeleteSnapshot, request)

    async def find_snapshot(self, node_name: str, snapshot_id: str) -> pb.Snapshot | None:
        request = pb.ListSnapshotsRequest(snapshot_id=snapshot_id)
        answer = await self._call(node_name, lambda driver: driver.ListSnapshots, request)
        return answer.entries[0].snapshot if answer.entries else None

    async def _call(
        self, node_name: str, method: Callable[[ControllerStub], Callable[..., Awaitable[R]]], request: Message
    ) -> R:
        """Raises DriverFailure. A channel each: calls are few and kubelets many."""
        address = self._address(node_name)
        channel = connection.open_channel(replace(self._identity, server=address), server_name=node_name)
        try:
            return await method(ControllerStub(channel))(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise DriverFailure(error.code(), error.details() or "no reason given") from None
        finally:
            await channel.close()

    def _address(self, node_name: str) -> str:
        node = self._node(node_name)
        if node is None:
            raise DriverFailure(grpc.StatusCode.UNAVAILABLE, f'node "{node_name}" not found')
        port = node.status.daemon_endpoints.kubelet_endpoint.port
        for address in node.status.addresses:
            if address.type == "InternalIP" and port:
                host = f"[{address.address}]" if ":" in address.address else address.address
                return f"{host}:{port}"
        raise DriverFailure(grpc.StatusCode.UNAVAILABLE, f'node "{node_name}" has reported no address yet')
