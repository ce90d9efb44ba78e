"""A REST door on loopback over scripted services: what the transport does, without a registry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any, Self

import orjson

from api import errors
from api.scheme import Resource
from apiserver.auth.user import User
from apiserver.proxy_targets import Target
from apiserver.requests import (
    Attributes,
    Batch,
    Event,
    ListOptions,
    Page,
    Result,
    Stored,
    WriteOptions,
)
from cluster.pb import streams_pb2 as pb


def stored(resource: Resource, name: str, namespace: str = "default", revision: int = 7, **fields: Any) -> Stored:
    tree = {
        "kind": resource.kind,
        "apiVersion": resource.api_version,
        "metadata": {"resourceVersion": str(revision), "name": name, "namespace": namespace, "uid": f"uid-{name}"},
        **fields,
    }
    return Stored(resource, namespace, name, revision, orjson.dumps(tree))


class ScriptedWatch:
    """Hands out what the test puts into `batches`: a Batch, an exception to raise, or None to end."""

    def __init__(self) -> None:
        self.batches: asyncio.Queue[Batch | Exception | None] = asyncio.Queue()
        self.refusal: errors.StatusError | None = None
        self.closed = asyncio.Event()

    async def __aenter__(self) -> Self:
        if self.refusal is not None:
            raise self.refusal
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closed.set()

    async def __aiter__(self) -> AsyncIterator[Batch]:
        while (batch := await self.batches.get()) is not None:
            if isinstance(batch, Exception):
                raise batch
            yield batch

    def send(self, *events: Event, revision: int = 9, bookmark: bool = False) -> None:
        self.batches.put_nowait(Batch(list(events), revision, bookmark=bookmark))


class ScriptedHandler:
    """Answers from `objects`; records every call in `calls`; refuses users named in `forbidden`."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Stored] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.forbidden: set[str] = set()
        self.warnings: tuple[str, ...] = ()
        self.delete_status: bytes | None = None
        self.watches = ScriptedWatch()
        self.failure: Exception | None = None

    def authorize(self, attributes: Attributes) -> None:
        if attributes.user.name in self.forbidden:
            raise errors.Forbidden(attributes.resource, attributes.name, f'User "{attributes.user.name}" cannot')

    def put(self, item: Stored) -> Stored:
        self.objects[item.resource.plural, item.namespace, item.name] = item
        return item

    async def get(
        self,
        user: User,
        resource: Resource,
        namespace: str,
        name: str,
        subresource: str = "",
        *,
        resource_version: str = "",
    ) -> Stored:
        self._called("get", user, resource, namespace, name, subresource, resource_version)
        found = self.objects.get((resource.plural, namespace, name))
        if found is None:
            raise errors.NotFound(resource.group_resource, name)
        return found

    async def list(self, user: User, resource: Resource, namespace: str, options: ListOptions) -> Page:
        self._called("list", user, resource, namespace, options)
        items = [item for key, item in self.objects.items() if key[0] == resource.plural]
        return Page(items, 11, "more" if options.limit else "", 5 if options.limit else None)

    def watch(self, user: User, resource: Resource, namespace: str, options: ListOptions) -> ScriptedWatch:
        self._called("watch", user, resource, namespace, options)
        return self.watches

    async def create(
        self,
        user: User,
        resource: Resource,
        namespace: str,
        name: str,
        subresource: str,
        body: bytes,
        options: WriteOptions,
    ) -> Result:
        self._called("create", user, resource, namespace, name, subresource, body, options)
        return Result(stored(resource, "created", namespace), self.warnings, True)

    async def update(
        self,
        user: User,
        resource: Resource,
        namespace: str,
        name: str,
        subresource: str,
        body: bytes,
        options: WriteOptions,
    ) -> Result:
        self._called("update", user, resource, namespace, name, subresource, body, options)
        return Result(stored(resource, name, namespace))

    async def patch(
        self,
        user: User,
        resource: Resource,
        namespace: str,
        name: str,
        subresource: str,
        body: bytes,
        patch_type: str,
        options: WriteOptions,
    ) -> Result:
        self._called("patch", user, resource, namespace, name, subresource, body, patch_type, options)
        return Result(stored(resource, name, namespace))

    async def delete(
        self, user: User, resource: Resource, namespace: str, name: str, body: bytes, options: WriteOptions
    ) -> Result:
        self._called("delete", user, resource, namespace, name, body, options)
        return Result(stored(resource, name, namespace), deleted=True, status=self.delete_status)

    async def delete_collection(
        self,
        user: User,
        resource: Resource,
        namespace: str,
        list_options: ListOptions,
        body: bytes,
        options: WriteOptions,
    ) -> Sequence[Stored]:
        self._called("deletecollection", user, resource, namespace, list_options, body, options)
        return [item for key, item in self.objects.items() if key[0] == resource.plural]

    def _called(self, verb: str, user: User, *arguments: Any) -> None:
        self.calls.append((verb, user, *arguments))
        if self.failure is not None:
            raise self.failure
        if user.name in self.forbidden:
            raise errors.Forbidden(arguments[0].group_resource, "", f'User "{user.name}" cannot')


class ScriptedStreams:
    """Pod streams: logs from `log_chunks`; exec and attach echo stdin in upper case and end with `exit`;
    port-forward echoes, and fails on port 1."""

    def __init__(self) -> None:
        self.log_chunks: list[bytes | Exception] = []
        self.log_requests: list[pb.LogsRequest] = []
        self.starts: list[pb.StreamStart] = []
        self.sizes: list[tuple[int, int]] = []
        self.exit = pb.ExitStatus()
        self.until_stdin_closes = True
        self.left = asyncio.Event()

    async def check(self, user: User, verb: str, subresource: str, namespace: str, name: str) -> None:
        if name == "absent":
            raise errors.NotFound("pods", name)

    async def logs(self, user: User, request: pb.LogsRequest) -> AsyncIterator[bytes]:
        self.log_requests.append(request)
        for chunk in self.log_chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk
        if request.follow:
            try:
                await asyncio.Event().wait()
            finally:
                self.left.set()

    async def exec(
        self, user: User, start: pb.StreamStart, inputs: AsyncIterator[pb.StreamInput], verb: str = "create"
    ) -> AsyncIterator[pb.StreamOutput]:
        self.starts.append(start)
        if start.pod == "absent":
            raise errors.NotFound("pods", start.pod)
        if start.container == "absent":
            raise errors.BadRequest(f"container {start.container} is not valid for pod {start.pod}")
        try:
            yield pb.StreamOutput(stdout=b"hello\n")
            if start.stderr:
                yield pb.StreamOutput(stderr=b"oops\n")
            if start.stdin:
                async for message in inputs:
                    if message.HasField("resize"):
                        self.sizes.append((message.resize.width, message.resize.height))
                    elif message.stdin_closed or message.stdin == b"exit":
                        break
                    else:
                        yield pb.StreamOutput(stdout=message.stdin.upper())
            yield pb.StreamOutput(exit=self.exit)
        finally:
            self.left.set()

    attach = exec

    async def port_forward(
        self,
        user: User,
        start: pb.PortForwardStart,
        inputs: AsyncIterator[pb.PortForwardMessage],
        verb: str = "create",
    ) -> AsyncIterator[pb.PortForwardMessage]:
        if start.port == 1:
            raise errors.InternalError("connection refused")
        async for message in inputs:
            yield pb.PortForwardMessage(data=message.data)


class ScriptedTargets:
    """Sends every proxied request to `target`."""

    def __init__(self, handler: ScriptedHandler) -> None:
        self._handler = handler
        self.asked: list[tuple[str, str, str, str]] = []
        self.target = Target("http", "127.0.0.1", 0)

    async def locate(self, user: User, verb: str, resource: str, namespace: str, name: str) -> Target:
        self.asked.append((verb, resource, namespace, name))
        self._handler.authorize(Attributes(user, verb, "", "v1", resource, "proxy", namespace=namespace, name=name))
        return self.target
