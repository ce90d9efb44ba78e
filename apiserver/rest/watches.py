"""Watches: events as lines of a chunked answer, or as WebSocket messages.

Frames follow upstream (API concepts, "Efficient detection of changes"): `{"type":...,"object":...}`; a failure once
the stream runs is an ERROR event with a Status. Plain JSON frames are built once per event for all watchers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import orjson
from aiohttp import web

from api import errors
from api.scheme import Resource
from apiserver.handler import Handler
from apiserver.requests import Batch, Event, ListOptions, Stored, Watch
from apiserver.rest import query, views, websockets
from apiserver.rest.call import Call
from apiserver.rest.negotiation import Form
from apiserver.rest.streams import Stream

PIECE_BYTES: Final = 256 * 1024

Frames = Callable[[Batch], Iterable[bytes]]


async def watch(handler: Handler, call: Call, resource: Resource) -> web.StreamResponse:
    """Serve one watch until it ends. Raises `StatusError` only before the answer has begun."""
    options = query.list_options(call.query, call.info.name)
    frames = frames_of(resource, call, options)
    opened = handler.watch(call.user, resource, call.info.namespace, options)
    if websockets.requested(call.request):
        return await _over_websocket(call, opened, frames)
    return await _over_chunks(call, opened, frames)


async def _over_chunks(call: Call, opened: Watch, frames: Frames) -> web.StreamResponse:
    stream = Stream(call.request, call.audit_id)
    try:
        async with opened as batches:
            stream.open()
            async for batch in batches:
                for piece in pieces(frames(batch)):
                    await stream.send(piece)
    except errors.StatusError as error:
        if not stream.opened:
            if not isinstance(error, errors.Expired):
                raise
            # Upstream tells of a revision that is gone inside the stream.
            stream.open()
        await stream.send(error_frame(error))
    return stream


def pieces(frames: Iterable[bytes]) -> Iterator[bytes]:
    """Frames joined to pieces of about `PIECE_BYTES`: an initial state is not held once more for each slow client."""
    waiting: list[bytes] = []
    size = 0
    for frame in frames:
        waiting.append(frame)
        size += len(frame)
        if size >= PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


async def _over_websocket(call: Call, opened: Watch, frames: Frames) -> web.StreamResponse:
    socket = websockets.accept(())
    try:
        async with opened as batches:
            await socket.prepare(call.request)
            async for batch in batches:
                for frame in frames(batch):
                    await socket.send_str(frame.decode())
    except errors.StatusError as error:
        if not socket.prepared:
            raise
        await socket.send_str(error_frame(error).decode())
    await socket.close()
    return socket


def error_frame(error: errors.StatusError) -> bytes:
    return b'{"type":"ERROR","object":%b}\n' % orjson.dumps(error.to_status())


def bookmark_frame(kind: str, api_version: str, batch: Batch) -> bytes:
    """A BOOKMARK event: everything up to the batch's revision has been seen."""
    metadata: dict[str, object] = {"resourceVersion": str(batch.revision)}
    if batch.initial_events_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    bookmark = {"kind": kind, "apiVersion": api_version, "metadata": metadata}
    return b'{"type":"BOOKMARK","object":%b}\n' % orjson.dumps(bookmark)


def frames_of(resource: Resource, call: Call, options: ListOptions) -> Frames:
    """How a batch becomes frames in the form the client wants. Raises `NotAcceptable`."""
    # A watch that stands for a list has no Tables, as upstream.
    form = call.form(tables=not (options.send_initial_events and options.allow_watch_bookmarks))
    if form.view == "Table":
        return _TableFrames(resource, form, views.include_object(call.query))
    if form.view:
        return lambda batch: _partial_frames(form, batch)
    return lambda batch: _plain_frames(resource, batch)


def _plain_frames(resource: Resource, batch: Batch) -> Iterable[bytes]:
    for event in batch.events:
        yield event.json_line
    if batch.bookmark:
        yield bookmark_frame(resource.kind, resource.api_version, batch)


def _partial_frames(form: Form, batch: Batch) -> Iterable[bytes]:
    for event in batch.events:
        yield _frame(event, views.partial(event.stored, form))
    if batch.bookmark:
        # Metadata clients know no other kind, not even in bookmarks.
        yield bookmark_frame("PartialObjectMetadata", f"meta.k8s.io/{form.view_version}", batch)


class _TableFrames:
    """Each event a Table of one row; only the first carries the column definitions (as upstream)."""

    def __init__(self, resource: Resource, form: Form, included: str) -> None:
        self._resource = resource
        self._form = form
        self._included = included
        self._columns_sent = False

    def __call__(self, batch: Batch) -> Iterable[bytes]:
        for event in batch.events:
            yield _frame(event, self._table([event.stored], event.stored.revision))
        if batch.bookmark:
            yield b'{"type":"BOOKMARK","object":%b}\n' % self._table([], batch.revision)

    def _table(self, items: Sequence[Stored], revision: int) -> bytes:
        document = views.table(
            self._resource,
            items,
            {"resourceVersion": str(revision)},
            self._included,
            with_columns=not self._columns_sent,
        )
        self._columns_sent = True
        return views.dumps(views.versioned(document, self._form))


def _frame(event: Event, document: bytes) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (event.type.encode(), document)
