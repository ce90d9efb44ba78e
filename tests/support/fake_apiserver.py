"""An API server for one component's tests: lists and watches over gRPC from a dictionary, on a Unix socket.

A Unix socket, because components under test may sit in another network namespace.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import msgspec

from api import codec, scheme
from cluster.connection import Connection, server_credentials
from cluster.pb import objects_pb2 as pb
from cluster.pb import objects_pb2_grpc as pb_grpc
from tests.support.tls import TestAuthority

Key = tuple[str, str, str, str]  # group, resource, namespace, name


class FakeApiServer(pb_grpc.ObjectsServicer):
    """Holds objects; `put` and `remove` are seen by watchers. Selectors are ignored, but for `metadata.name`.

    The component must run in `directory` to find the socket that `connection` names.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._objects: dict[Key, pb.Object] = {}
        self._events: list[tuple[Key, pb.WatchEvent]] = []
        self._more = asyncio.Condition()
        self._server: grpc.aio.Server | None = None
        authority = TestAuthority(directory / "pki")
        self._own = authority.issue("apiserver")
        client = authority.issue("client")
        # gRPC takes a Unix socket's path for the server's name: a relative path makes it one a certificate can hold.
        self.connection = Connection("unix:localhost", authority.ca_file, client.cert_file, client.key_file)

    async def start(self) -> None:
        self._server = grpc.aio.server()
        pb_grpc.add_ObjectsServicer_to_server(self, self._server)
        credentials = server_credentials(self.connection.ca_file, self._own.cert_file, self._own.key_file)
        self._server.add_secure_port(f"unix:{self.directory}/localhost", credentials)
        await self._server.start()

    async def stop(self) -> None:
        assert self._server is not None
        await self._server.stop(None)

    async def put(self, *records: msgspec.Struct) -> None:
        """Create or replace objects."""
        for record in records:
            resource = scheme.of(record)
            metadata: Any = record.metadata  # type: ignore[attr-defined]
            key = (resource.group, resource.plural, metadata.namespace, metadata.name)
            kind = pb.WatchEvent.MODIFIED if key in self._objects else pb.WatchEvent.ADDED
            data = codec.with_resource_version(codec.encode(record), self._revision + 1)
            self._objects[key] = pb.Object(name=metadata.name, namespace=metadata.namespace, raw=data)
            await self._publish(key, kind)

    async def remove(self, *records: msgspec.Struct) -> None:
        for record in records:
            resource = scheme.of(record)
            metadata: Any = record.metadata  # type: ignore[attr-defined]
            key = (resource.group, resource.plural, metadata.namespace, metadata.name)
            await self._publish(key, pb.WatchEvent.DELETED)
            del self._objects[key]

    @property
    def _revision(self) -> int:
        return len(self._events) + 1

    async def _publish(self, key: Key, kind: int) -> None:
        async with self._more:
            self._events.append((key, pb.WatchEvent(type=kind, object=self._objects[key])))
            self._more.notify_all()

    async def List(self, request: pb.ListRequest, context: grpc.aio.ServicerContext) -> AsyncIterator[pb.ListBatch]:
        items = [found for key, found in self._objects.items() if _matches(key, request)]
        yield pb.ListBatch(items=items, revision=self._revision)

    async def Watch(self, request: pb.WatchRequest, context: grpc.aio.ServicerContext) -> AsyncIterator[pb.WatchBatch]:
        seen = int(request.resource_version) - 1
        while True:
            async with self._more:
                await self._more.wait_for(lambda: len(self._events) > seen)  # noqa: B023
            fresh = [event for key, event in self._events[seen:] if _matches(key, request)]
            seen = len(self._events)
            yield pb.WatchBatch(events=fresh, revision=seen + 1)


def _matches(key: Key, request: pb.ListRequest | pb.WatchRequest) -> bool:
    target = request.target
    if (target.group, target.resource) != key[:2] or target.namespace not in ("", key[2]):
        return False
    return not request.field_selector or request.field_selector == f"metadata.name={key[3]}"
