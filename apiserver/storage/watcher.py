"""One watcher of one resource: a bounded queue between the cache and a client.

The cache offers changes synchronously; the client's task takes them in batches. A client that does not keep
up is cut with Expired and has to list again: memory is never spent on slow readers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from api.errors import Expired, StatusError
from apiserver.storage.changes import Change
from apiserver.storage.selection import Selection
from apiserver.stored import Batch, Event

QUEUE_LIMIT = 10_000
QUEUE_BYTES = 64 * 1024 * 1024


class Watcher:
    """`after` is the revision already known to the client; `revision()` that of the cache.

    `sent` is told how many events the client has taken.
    """

    def __init__(
        self,
        selection: Selection,
        after: int,
        revision: Callable[[], int],
        *,
        bookmarks: bool = False,
        limit: int = QUEUE_LIMIT,
        sent: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.selection = selection
        self._after = after
        self._revision = revision
        self._bookmarks = bookmarks
        self._limit = limit
        self._sent = sent
        self._pending: list[Event] = []
        # Of changes only: the initial state is the cache's own.
        self._pending_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._bookmark_due = False
        self._initial_end = False
        self._ended = False
        self._error: StatusError | None = None

    def offer(self, change: Change) -> None:
        """Queue what the client is to see of a change."""
        if change.revision <= self._after or self._ended:
            return
        if self.selection.everything:
            event = change.seen(change.old is not None, change.new is not None)
        else:
            matches = self.selection.matches
            event = change.seen(
                change.old is not None and matches(change.old), change.new is not None and matches(change.new)
            )
        if event is None:
            return
        self._pending_bytes += len(event.stored.data)
        if len(self._pending) >= self._limit or self._pending_bytes > QUEUE_BYTES:
            self.fail(Expired(f"too old resource version: the watch fell {len(self._pending)} events behind"))
            return
        self._pending.append(event)
        self._wake()

    def begin(self, initial: list[Event], *, mark_end: bool) -> None:
        """Put the initial state in front; with `mark_end` a bookmark tells where it ends."""
        self._pending = initial
        self._initial_end = mark_end

    def bookmark(self) -> None:
        """Tell the client how far it has seen, if it asked for that."""
        if self._bookmarks:
            self._bookmark_due = True
            self._wake()

    def fail(self, error: StatusError) -> None:
        """End the watch with an error; what was queued is dropped."""
        self._pending = []
        self._error = error
        self._ended = True
        self._wake()

    def end(self) -> None:
        """End the watch once the client has taken what is queued."""
        self._ended = True
        self._wake()

    async def batches(self) -> AsyncIterator[Batch]:
        while True:
            if self._error is not None:
                raise self._error
            if self._pending or self._bookmark_due or self._initial_end:
                yield self._take()
            elif self._ended:
                return
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter

    def _take(self) -> Batch:
        events, self._pending = self._pending, []
        self._pending_bytes = 0
        self._sent(len(events))
        initial_end, self._initial_end = self._initial_end, False
        bookmark, self._bookmark_due = self._bookmark_due or initial_end, False
        return Batch(events, self._revision(), bookmark=bookmark, initial_events_end=initial_end)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
