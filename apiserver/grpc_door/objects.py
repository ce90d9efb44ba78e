"""The Objects service: each call becomes one call of the handler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final

import grpc

from api import errors
from apiserver.auth.user import User
from apiserver.grpc_door import calls, messages
from apiserver.grpc_door.identity import Callers
from apiserver.grpc_door.write_stream import WriteExecutor, refusal
from apiserver.handler import Handler
from apiserver.requests import ListOptions, Result
from cluster.logs import get_logger
from cluster.pacing import Pacer
from cluster.pb import objects_pb2 as pb

SERVICE: Final = "podling.v1.Objects"

log = get_logger()


class ObjectsService:
    """`draining` is set when the server is about to stop: write streams then end."""

    def __init__(self, handler: Handler, callers: Callers, draining: asyncio.Event) -> None:
        self._handler = handler
        self._callers = callers
        self._draining = draining

    def rpc_handlers(self) -> grpc.GenericRpcHandler:
        """As generated code would register them, but lists and watches are bytes already."""
        methods: dict[str, Any] = {
            "Get": _unary("Get", self.get, pb.GetRequest),
            "Create": _unary("Create", self.create, pb.CreateRequest),
            "Update": _unary("Update", self.update, pb.UpdateRequest),
            "Patch": _unary("Patch", self.patch, pb.PatchRequest),
            "Delete": _unary("Delete", self.delete, pb.DeleteRequest),
            "DeleteCollection": _unary("DeleteCollection", self.delete_collection, pb.DeleteCollectionRequest),
            "List": grpc.unary_stream_rpc_method_handler(
                calls.streaming(SERVICE, "List", self.list), pb.ListRequest.FromString
            ),
            "Watch": grpc.unary_stream_rpc_method_handler(
                calls.streaming(SERVICE, "Watch", self.watch), pb.WatchRequest.FromString
            ),
            "Write": grpc.stream_stream_rpc_method_handler(
                calls.streaming(SERVICE, "Write", self.write),
                pb.WriteBatch.FromString,
                pb.WriteResultBatch.SerializeToString,
            ),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def get(self, request: pb.GetRequest, context: grpc.aio.ServicerContext) -> pb.Object:
        target = request.target
        stored = await self._handler.get(
            self._callers.user_of(context),
            messages.resource_of(target),
            target.namespace,
            target.name,
            target.subresource,
            resource_version=request.resource_version,
        )
        return messages.to_object(stored)

    async def list(self, request: pb.ListRequest, context: grpc.aio.ServicerContext) -> AsyncGenerator[bytes, None]:
        target = request.target
        page = await self._handler.list(
            self._callers.user_of(context),
            messages.resource_of(target),
            target.namespace,
            messages.list_options(request),
        )
        for batch in messages.list_batches(page):
            yield batch

    async def watch(self, request: pb.WatchRequest, context: grpc.aio.ServicerContext) -> AsyncGenerator[bytes, None]:
        target = request.target
        opened = self._handler.watch(
            self._callers.user_of(context),
            messages.resource_of(target),
            target.namespace,
            messages.watch_options(request),
        )
        async with opened as watch:
            # Tells the client that the watch stands, however long nothing happens.
            await context.send_initial_metadata(())
            pacer, clock = Pacer(), asyncio.get_running_loop().time
            async for batch in watch:
                for part in messages.split(batch):
                    yield messages.watch_batch(part)
                if (wait := pacer.sent(clock())) > 0:
                    await asyncio.sleep(wait)

    async def create(self, request: pb.CreateRequest, context: grpc.aio.ServicerContext) -> pb.Object:
        return await self._create(self._callers.user_of(context), request)

    async def update(self, request: pb.UpdateRequest, context: grpc.aio.ServicerContext) -> pb.Object:
        return await self._update(self._callers.user_of(context), request)

    async def patch(self, request: pb.PatchRequest, context: grpc.aio.ServicerContext) -> pb.Object:
        return await self._patch(self._callers.user_of(context), request)

    async def delete(self, request: pb.DeleteRequest, context: grpc.aio.ServicerContext) -> pb.Object:
        return await self._delete(self._callers.user_of(context), request)

    async def delete_collection(
        self, request: pb.DeleteCollectionRequest, context: grpc.aio.ServicerContext
    ) -> pb.DeleteCollectionResponse:
        target = request.target
        deleted = await self._handler.delete_collection(
            self._callers.user_of(context),
            messages.resource_of(target),
            target.namespace,
            ListOptions(label_selector=request.label_selector, field_selector=request.field_selector),
            messages.checked(request.options),
            messages.write_options(pb.WriteOptions()),
        )
        return pb.DeleteCollectionResponse(items=[messages.to_object(stored) for stored in deleted])

    async def write(
        self, batches: AsyncIterator[pb.WriteBatch], context: grpc.aio.ServicerContext
    ) -> AsyncGenerator[pb.WriteResultBatch, None]:
        user = self._callers.user_of(context)

        async def carry_out(write: pb.Write) -> pb.WriteResult:
            try:
                return pb.WriteResult(id=write.id, object=await self._carry_out(user, write))
            except errors.StatusError as error:
                return refusal(write, error)
            except Exception:
                log.exception("write failed unexpectedly", user=user.name)
                return refusal(write, errors.InternalError("the server failed unexpectedly; its log says why"))

        async with aclosing(WriteExecutor(carry_out).run(batches, self._draining)) as answers:
            async for results in answers:
                yield results

    async def _carry_out(self, user: User, write: pb.Write) -> pb.Object:
        operation = write.WhichOneof("operation")
        if operation == "update":
            return await self._update(user, write.update)
        if operation == "patch":
            return await self._patch(user, write.patch)
        if operation == "create":
            return await self._create(user, write.create)
        if operation == "delete":
            return await self._delete(user, write.delete)
        raise errors.BadRequest("the write names no operation")

    async def _create(self, user: User, request: pb.CreateRequest) -> pb.Object:
        target = request.target
        result = await self._handler.create(
            user,
            messages.resource_of(target),
            target.namespace,
            target.name,
            target.subresource,
            messages.checked(request.body),
            messages.write_options(request.options),
        )
        return _answer(result)

    async def _update(self, user: User, request: pb.UpdateRequest) -> pb.Object:
        target = request.target
        result = await self._handler.update(
            user,
            messages.resource_of(target),
            target.namespace,
            target.name,
            target.subresource,
            messages.checked(request.body),
            messages.write_options(request.options),
        )
        return _answer(result)

    async def _patch(self, user: User, request: pb.PatchRequest) -> pb.Object:
        target = request.target
        result = await self._handler.patch(
            user,
            messages.resource_of(target),
            target.namespace,
            target.name,
            target.subresource,
            messages.checked(request.body),
            request.patch_type,
            messages.write_options(request.options),
        )
        return _answer(result)

    async def _delete(self, user: User, request: pb.DeleteRequest) -> pb.Object:
        target = request.target
        result = await self._handler.delete(
            user,
            messages.resource_of(target),
            target.namespace,
            target.name,
            messages.checked(request.options),
            messages.write_options(pb.WriteOptions()),
        )
        return _answer(result)


def _answer(result: Result) -> pb.Object:
    """The object as it now is, or last was; clients over gRPC have no use for a Status of success."""
    return messages.to_object(result.stored)


def _unary(name: str, serve: calls.Unary, request: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(calls.unary(SERVICE, name, serve), request.FromString, _serialize)


def _serialize(message: Any) -> bytes:
    data: bytes = message.SerializeToString()
    return data
