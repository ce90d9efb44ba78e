"""Between what the handler gives and what goes over the wire. Pure.

Watch events are encoded once and shared by all watchers: batches are put together from their bytes, which is
what protobuf's encoding of a repeated field is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from api import errors, scheme
from api.scheme import Resource
from apiserver.requests import ListOptions, WriteOptions
from apiserver.stored import Batch, Event, Page, Stored
from cluster.pb import objects_pb2 as pb

LIST_BATCH_BYTES: Final = 1024 * 1024
MAX_BODY_BYTES: Final = 3 * 1024 * 1024
_ITEM_TAG: Final = b"\x0a"  # field 1, length-delimited
_REVISION_TAG: Final = b"\x10"  # field 2, varint
_EVENT_TYPES: Final = {
    "ADDED": pb.WatchEvent.ADDED,
    "MODIFIED": pb.WatchEvent.MODIFIED,
    "DELETED": pb.WatchEvent.DELETED,
}


def resource_of(target: pb.Target) -> Resource:
    """Raises 404 for a resource that does not exist."""
    try:
        return scheme.by_path(target.group, target.version or "v1", target.resource)
    except KeyError:
        raise errors.generic(404) from None


def checked(body: bytes) -> bytes:
    """The body, unless it is larger than a REST request's may be. Raises `RequestEntityTooLarge`."""
    if len(body) > MAX_BODY_BYTES:
        raise errors.RequestEntityTooLarge(f"limit is {MAX_BODY_BYTES}")
    return body


def write_options(options: pb.WriteOptions) -> WriteOptions:
    """An Object has no place for warnings, so nobody is warned unless strictness was asked for."""
    return WriteOptions(
        dry_run=tuple(options.dry_run),
        field_validation=options.field_validation or "Ignore",
        field_manager=options.field_manager,
        force=options.force,
    )


def list_options(request: pb.ListRequest) -> ListOptions:
    return ListOptions(
        label_selector=request.label_selector,
        field_selector=request.field_selector,
        limit=max(0, request.limit),
        continue_token=request.continue_token,
        resource_version=request.resource_version,
        resource_version_match=request.resource_version_match,
        name=request.target.name,
    )


def watch_options(request: pb.WatchRequest) -> ListOptions:
    return ListOptions(
        label_selector=request.label_selector,
        field_selector=request.field_selector,
        resource_version=request.resource_version,
        allow_watch_bookmarks=request.allow_bookmarks,
        name=request.target.name,
    )


def to_object(stored: Stored) -> pb.Object:
    resource = stored.resource
    return pb.Object(
        group=resource.group,
        version=resource.version,
        kind=resource.kind,
        namespace=stored.namespace,
        name=stored.name,
        uid=stored.uid,
        revision=stored.revision,
        labels=stored.labels,
        raw=stored.data,
    )


def list_batches(page: Page) -> Iterator[bytes]:
    """A page as serialized ListBatch messages."""
    parts: list[bytes] = []
    size = 0
    for stored in page.items:
        encoded = to_object(stored).SerializeToString()
        if parts and size + len(encoded) > LIST_BATCH_BYTES:
            yield b"".join(parts)
            parts, size = [], 0
        parts += _framed(encoded)
        size += len(encoded)
    last = pb.ListBatch(
        revision=page.revision,
        continue_token=page.continue_token,
        remaining_item_count=page.remaining or 0,
    )
    yield b"".join(parts) + last.SerializeToString()


def watch_batch(batch: Batch) -> bytes:
    """A serialized WatchBatch."""
    parts: list[bytes] = []
    for event in batch.events:
        parts += _framed(_event(event))
    parts += (_REVISION_TAG, _varint(batch.revision))
    return b"".join(parts)


def split(batch: Batch) -> Iterable[Batch]:
    """The batch, or several of about `LIST_BATCH_BYTES` when it is large (a watch's initial state)."""
    events = batch.events
    if sum(len(event.stored.data) for event in events) <= LIST_BATCH_BYTES:
        return (batch,)
    return _split(events, batch)


def _split(events: Sequence[Event], batch: Batch) -> Iterator[Batch]:
    start = size = 0
    for position, event in enumerate(events):
        size += len(event.stored.data)
        if size > LIST_BATCH_BYTES and position + 1 < len(events):
            # Not everything up to the batch's revision has been seen yet.
            yield Batch(events[start : position + 1], 0)
            start, size = position + 1, 0
    yield Batch(events[start:], batch.revision, bookmark=batch.bookmark)


def _event(event: Event) -> bytes:
    wire = event.wire
    if wire is None:
        message = pb.WatchEvent(type=_EVENT_TYPES[event.type], object=to_object(event.stored))
        wire = event.wire = message.SerializeToString()
    return wire


def _framed(message: bytes) -> tuple[bytes, bytes, bytes]:
    return _ITEM_TAG, _varint(len(message)), message


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
