"""The typed client of the API server: records in, records out, `api.errors` raised.

Reads are calls of their own; writes share one stream (`cluster.writes`). Neighbours: `cluster.informer` keeps
a local copy of a collection on top of `list` and `watch`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Generic, TypeVar

import grpc
import orjson

from api import codec, errors, scheme
from api.types.record import Record
from cluster import grpc_errors
from cluster.pb import objects_pb2 as pb
from cluster.pb import objects_pb2_grpc as pb_grpc
from cluster.writes import WriteStream

T = TypeVar("T", bound=Record)
R = TypeVar("R", bound=Record)

# A merge patch, or a list of JSON patch operations.
PatchBody = dict[str, Any] | list[dict[str, Any]]

READ_SECONDS = 30.0
WRITE_SECONDS = 30.0
SERVER = "the API server"


class PatchKind(StrEnum):
    """Media types of patches (upstream API concepts, Patch)."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"


class EventType(Enum):
    ADDED = 1
    MODIFIED = 2
    DELETED = 3


@dataclass(frozen=True, slots=True)
class Event(Generic[T]):
    """One change; a DELETED event holds the object's last state."""

    type: EventType
    object: T


@dataclass(frozen=True, slots=True)
class WatchBatch(Generic[T]):
    """Changes in order, and the revision up to which everything has now been seen."""

    events: list[Event[T]]
    revision: int


@dataclass(frozen=True, slots=True)
class ObjectList(Generic[T]):
    """A page of a collection, its revision and the token of the next page (`""` when it is the last)."""

    items: list[T]
    revision: int
    continue_: str = ""


class Client:
    """Calls over one channel. Every method raises `api.errors.StatusError` and nothing of gRPC's."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = pb_grpc.ObjectsStub(channel)
        self._writes = WriteStream(self._stub)

    async def close(self) -> None:
        """End the write stream; the channel is the opener's."""
        await self._writes.close()

    async def get(
        self,
        record: type[T],
        name: str,
        namespace: str = "",
        *,
        subresource: str = "",
        of: type[Record] | None = None,
    ) -> T:
        """One object. `of`: whose subresource it is, when that answers a record of another kind (a Scale)."""
        request = pb.GetRequest(target=_target(of or record, namespace, name, subresource))
        try:
            answer = await self._stub.Get(request, timeout=READ_SECONDS, wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            raise grpc_errors.from_rpc_error(error, SERVER) from None
        return codec.decode(record, answer.raw)

    async def list(
        self,
        record: type[T],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_: str = "",
        resource_version: str = "",
        of: type[Record] | None = None,
    ) -> ObjectList[T]:
        """The collection in one namespace, or in all (`""`). `of`: the kind's record when `record` is a part of it."""
        request = pb.ListRequest(
            target=_target(of or record, namespace),
            label_selector=label_selector,
            field_selector=field_selector,
            limit=limit,
            continue_token=continue_,
            resource_version=resource_version,
        )
        items: list[T] = []
        revision, next_token = 0, ""
        try:
            async for batch in self._stub.List(request, timeout=READ_SECONDS, wait_for_ready=True):
                items.extend(codec.decode(record, item.raw) for item in batch.items)
                revision, next_token = batch.revision or revision, batch.continue_token or next_token
        except grpc.aio.AioRpcError as error:
            raise grpc_errors.from_rpc_error(error, SERVER) from None
        return ObjectList(items, revision, next_token)

    async def watch(
        self,
        record: type[T],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        of: type[Record] | None = None,
    ) -> AsyncGenerator[WatchBatch[T], None]:
        """Changes after `resource_version`, until the server ends the watch. Raises Expired when that is too old."""
        request = pb.WatchRequest(
            target=_target(of or record, namespace),
            label_selector=label_selector,
            field_selector=field_selector,
            resource_version=resource_version,
            allow_bookmarks=True,
        )
        call = self._stub.Watch(request, wait_for_ready=True)
        try:
            async for batch in call:
                events = [
                    Event(EventType(event.type), codec.decode(record, event.object.raw)) for event in batch.events
                ]
                yield WatchBatch(events, batch.revision)
        except grpc.aio.AioRpcError as error:
            raise grpc_errors.from_rpc_error(error, SERVER) from None
        finally:
            call.cancel()

    async def create(self, object: T, *, name: str = "", subresource: str = "") -> T:
        """Create an object in its own namespace; with a subresource, post `object` to the named parent's.

        The parent's resource for a subresource is the scheme's entry that serves it (`pods/binding` for a Binding,
        `serviceaccounts/token` for a TokenRequest).
        """
        namespace = object.metadata.namespace  # type: ignore[attr-defined]
        if subresource:
            target = _parent_target(object, subresource, namespace, name)
        else:
            target = _target(type(object), namespace)
        write = pb.Write(create=pb.CreateRequest(target=target, body=codec.encode(object)))
        return await self._submit(write, type(object))

    async def update(self, object: T, *, subresource: str = "", of: type[Record] | None = None) -> T:
        """Replace an object. Raises Conflict when it was changed since it was read. `of`: as for `get`."""
        metadata = object.metadata  # type: ignore[attr-defined]
        target = _target(of or type(object), metadata.namespace, metadata.name, subresource)
        write = pb.Write(update=pb.UpdateRequest(target=target, body=codec.encode(object)))
        return await self._submit(write, type(object))

    async def patch(
        self,
        record: type[T],
        name: str,
        namespace: str,
        body: PatchBody,
        *,
        kind: PatchKind = PatchKind.MERGE,
        subresource: str = "",
    ) -> T:
        request = pb.PatchRequest(
            target=_target(record, namespace, name, subresource),
            body=orjson.dumps(body),
            patch_type=kind.value,
        )
        return await self._submit(pb.Write(patch=request), record)

    async def delete(
        self,
        record: type[Record],
        name: str,
        namespace: str = "",
        *,
        grace_period_seconds: int | None = None,
        propagation: str | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> None:
        """Delete an object, or begin to: it stays while it terminates or has finalizers.

        uid, resource_version: preconditions; Conflict is raised when they do not hold.
        """
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        options = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "gracePeriodSeconds": grace_period_seconds,
            "propagationPolicy": propagation,
            "preconditions": {key: value for key, value in preconditions.items() if value is not None} or None,
        }
        body = orjson.dumps({key: value for key, value in options.items() if value is not None})
        write = pb.Write(delete=pb.DeleteRequest(target=_target(record, namespace, name), options=body))
        await self._writes.submit(write, WRITE_SECONDS)

    async def _submit(self, write: pb.Write, record: type[R]) -> R:
        answer = await self._writes.submit(write, WRITE_SECONDS)
        return codec.decode(record, answer.raw)


def _target(record: type[Record], namespace: str, name: str = "", subresource: str = "") -> pb.Target:
    resource = scheme.of(record)
    return pb.Target(
        group=resource.group,
        version=resource.version,
        resource=resource.plural,
        namespace=namespace if resource.namespaced else "",
        name=name,
        subresource=subresource,
    )


# Records that are posted to another resource's subresource: what they are posted to.
_PARENTS = {"binding": ("v1", "Pod"), "eviction": ("v1", "Pod"), "token": ("v1", "ServiceAccount")}


def _parent_target(object: Record, subresource: str, namespace: str, name: str) -> pb.Target:
    try:
        parent = scheme.by_kind(*_PARENTS[subresource])
    except KeyError:
        raise errors.BadRequest(
            f"{type(object).__name__} cannot be posted to the subresource {subresource!r}"
        ) from None
    return _target(parent.record, namespace, name or object.metadata.name, subresource)  # type: ignore[attr-defined]


__all__ = ["Client", "Event", "EventType", "ObjectList", "PatchKind", "WatchBatch"]
