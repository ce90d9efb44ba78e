"""A client that does not read must not make the server keep what it does not read."""

from __future__ import annotations

import pytest

from api import scheme
from api.errors import Expired
from apiserver.storage.changes import Change
from apiserver.storage.selection import Selection
from apiserver.storage.watcher import QUEUE_BYTES, Watcher
from apiserver.stored import Stored

CONFIG_MAPS = scheme.find("configmaps")
MEGABYTE = 1 << 20


def change(revision: int, size: int) -> Change:
    data = b'{"metadata":{"resourceVersion":"%d"},"data":"%b"}' % (revision, b"x" * size)
    return Change(None, Stored(CONFIG_MAPS, "a", "c", revision, data), revision, 0.0)


async def test_a_watch_is_cut_when_too_many_bytes_wait() -> None:
    watcher = Watcher(Selection(CONFIG_MAPS), 0, lambda: 1)
    for revision in range(1, QUEUE_BYTES // MEGABYTE + 2):
        watcher.offer(change(revision, MEGABYTE))
    with pytest.raises(Expired):
        await anext(aiter(watcher.batches()))


async def test_bytes_that_were_taken_do_not_count() -> None:
    watcher = Watcher(Selection(CONFIG_MAPS), 0, lambda: 1)
    batches = aiter(watcher.batches())
    for revision in range(1, 2 * QUEUE_BYTES // MEGABYTE):
        watcher.offer(change(revision, MEGABYTE))
        assert len((await anext(batches)).events) == 1
