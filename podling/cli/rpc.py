"""Calls to the API server with objects as trees, and its refusals as errors for people.

Blocking, because a command does one thing at a time; `cluster.client` is for components, which hold records and
watch for ever. Objects stay as the server wrote them, so that what is shown is what is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import grpc
import orjson

from api import errors
from api.scheme import Resource
from cluster import grpc_errors
from cluster.connection import CHANNEL_OPTIONS, Connection
from cluster.pb import objects_pb2 as pb
from cluster.pb import objects_pb2_grpc as pb_grpc
from cluster.pb import streams_pb2_grpc as streams_grpc
from podling import directory
from podling.connection import connect
from podling.errors import CommandError

Tree = dict[str, Any]

CALL_SECONDS = 60.0
PAGE_SIZE = 500
STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"


class ServerError(CommandError):
    """The API server refused, or cannot be reached."""

    def __init__(self, status: errors.StatusError, hint: str = "") -> None:
        super().__init__(f"{status.message}{hint}")
        self.status = status

    @property
    def not_found(self) -> bool:
        return isinstance(self.status, errors.NotFound)

    @property
    def already_exists(self) -> bool:
        return isinstance(self.status, errors.AlreadyExists)


@dataclass(frozen=True, slots=True)
class Page:
    """A collection: each object as JSON bytes, and the revision it was read at."""

    items: list[bytes]
    revision: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a watch tells: type is ADDED, MODIFIED or DELETED; the object as JSON bytes."""

    type: str
    object: bytes


class Api:
    """A cluster's API server. Every method raises ServerError."""

    def __init__(self, channel: grpc.Channel, where: Path) -> None:
        self._objects = pb_grpc.ObjectsStub(channel)
        self._where = where
        self.streams = streams_grpc.PodStreamsStub(channel)

    def get(self, resource: Resource, namespace: str, name: str, subresource: str = "") -> Tree:
        return tree(self.get_raw(resource, namespace, name, subresource))

    def get_raw(self, resource: Resource, namespace: str, name: str, subresource: str = "") -> bytes:
        request = pb.GetRequest(target=_target(resource, namespace, name, subresource))
        with self.refusals():
            return bytes(self._objects.Get(request, timeout=CALL_SECONDS).raw)

    def list(
        self, resource: Resource, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> Page:
        """The collection in one namespace, or in all (`""`), fetched in pages."""
        items: list[bytes] = []
        token, revision = "", 0
        while True:
            request = pb.ListRequest(
                target=_target(resource, namespace),
                label_selector=label_selector,
                field_selector=field_selector,
                limit=PAGE_SIZE,
                continue_token=token,
            )
            token = ""
            with self.refusals():
                for batch in self._objects.List(request, timeout=CALL_SECONDS):
                    items.extend(item.raw for item in batch.items)
                    revision, token = batch.revision or revision, batch.continue_token or token
            if not token:
                return Page(items, revision)

    def watch(
        self,
        resource: Resource,
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        revision: int = 0,
        seconds: float | None = None,
    ) -> Iterator[Change]:
        """Changes after `revision`; ends when the server ends the watch, or after `seconds`."""
        request = pb.WatchRequest(
            target=_target(resource, namespace),
            label_selector=label_selector,
            field_selector=field_selector,
            resource_version=str(revision) if revision else "",
        )
        call = self._objects.Watch(request, timeout=seconds)
        try:
            with self.refusals():
                for batch in call:
                    for event in batch.events:
                        yield Change(pb.WatchEvent.Type.Name(event.type), event.object.raw)
        except ServerError as error:
            if seconds is None or not isinstance(error.status, errors.Timeout):
                raise
        finally:
            call.cancel()

    def create(self, resource: Resource, namespace: str, body: Tree, *, name: str = "", subresource: str = "") -> Tree:
        request = pb.CreateRequest(
            target=_target(resource, namespace, name, subresource), body=orjson.dumps(body), options=_OPTIONS
        )
        with self.refusals():
            return tree(self._objects.Create(request, timeout=CALL_SECONDS).raw)

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Tree | Sequence[Tree],
        *,
        patch_type: str = MERGE,
        subresource: str = "",
    ) -> Tree:
        request = pb.PatchRequest(
            target=_target(resource, namespace, name, subresource),
            body=orjson.dumps(body),
            patch_type=patch_type,
            options=_OPTIONS,
        )
        with self.refusals():
            return tree(self._objects.Patch(request, timeout=CALL_SECONDS).raw)

    def delete(self, resource: Resource, namespace: str, name: str, options: Tree) -> Tree:
        """Begin to delete an object. options: of a DeleteOptions. Returns the object, or the Status, as answered."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", **options}
        request = pb.DeleteRequest(target=_target(resource, namespace, name), options=orjson.dumps(body))
        with self.refusals():
            return tree(self._objects.Delete(request, timeout=CALL_SECONDS).raw)

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Turns the failure of a gRPC call into a ServerError that says what to do."""
        try:
            yield
        except grpc.RpcError as error:
            # Synchronous calls raise another class than asynchronous ones, with the same methods.
            status = grpc_errors.from_rpc_error(cast(grpc.aio.AioRpcError, error), "the API server")
            if isinstance(status, errors.ServiceUnavailable):
                raise CommandError(
                    f"the cluster in {self._where} does not answer: start it with `podling up --dir {self._where}`"
                ) from None
            hint = "; the certificates in the cluster's directory are not its own" if _untrusted(status) else ""
            raise ServerError(status, hint) from None


_OPTIONS = pb.WriteOptions(field_validation="Strict", field_manager="podling")


@contextmanager
def api(dir: Path | None) -> Iterator[Api]:
    """The API server of the cluster in `dir`, else in PODLING_DIR, else of the one last started."""
    where = directory.resolve(dir)
    channel = open_channel(connect(where))
    try:
        yield Api(channel, where)
    finally:
        channel.close()


def open_channel(connection: Connection) -> grpc.Channel:
    """A channel for blocking calls. Raises CommandError."""
    try:
        credentials = grpc.ssl_channel_credentials(
            connection.ca_file.read_bytes(), connection.key_file.read_bytes(), connection.cert_file.read_bytes()
        )
    except OSError as error:
        raise CommandError(f"cannot read the admin's certificate {error.filename}: {error.strerror}") from None
    return grpc.secure_channel(connection.server, credentials, options=CHANNEL_OPTIONS)


def tree(raw: bytes) -> Tree:
    """An object's tree."""
    decoded: Tree = orjson.loads(raw)
    return decoded


def _untrusted(status: errors.StatusError) -> bool:
    return isinstance(status, errors.Unauthorized)


def _target(resource: Resource, namespace: str, name: str = "", subresource: str = "") -> pb.Target:
    return pb.Target(
        group=resource.group,
        version=resource.version,
        resource=resource.plural,
        namespace=namespace if resource.namespaced else "",
        name=name,
        subresource=subresource,
    )
