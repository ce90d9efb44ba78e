"""Who waits for what: revisions in the caches, and the shared barrier of consistent reads."""

from __future__ import annotations

import asyncio

import pytest

from apiserver.storage.barrier import Barrier
from apiserver.storage.progress import Progress


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_waiters_wake_in_order_of_revision() -> None:
    progress = Progress()
    woken: list[int] = []

    async def wait(revision: int) -> None:
        await progress.reached(revision, 5)
        woken.append(revision)

    tasks = [asyncio.create_task(wait(revision)) for revision in (30, 10, 20)]
    await settle()
    progress.advance(20)
    await settle()
    assert woken == [10, 20]
    progress.advance(31)
    await asyncio.gather(*tasks)
    assert woken == [10, 20, 30]


async def test_progress_never_goes_back() -> None:
    progress = Progress()
    progress.advance(5)
    progress.advance(3)
    assert progress.revision == 5


async def test_waiting_in_vain_ends_and_leaves_nothing_behind() -> None:
    progress = Progress()
    with pytest.raises(TimeoutError):
        await progress.reached(10**9, 0.001)
    assert progress._waiting == []


class Store:
    """Something with a revision, asked slowly."""

    def __init__(self) -> None:
        self.revision = 1
        self.asked = 0
        self.gate = asyncio.Event()
        self.fail = False

    async def ask(self) -> int:
        self.asked += 1
        answer = self.revision
        await self.gate.wait()
        if self.fail:
            raise ConnectionError("gone")
        return answer


async def test_one_question_answers_all_who_wait_together() -> None:
    store = Store()
    barrier = Barrier(store.ask)
    readers = [barrier.revision() for _ in range(50)]
    await settle()
    store.gate.set()
    assert await asyncio.gather(*readers) == [1] * 50
    assert store.asked == 1


async def test_a_question_under_way_is_not_joined() -> None:
    """It may have been answered from before the newcomer's own write."""
    store = Store()
    barrier = Barrier(store.ask)
    first = barrier.revision()
    await settle()
    store.revision = 2  # a write is acknowledged
    second = barrier.revision()
    third = barrier.revision()
    await settle()
    store.gate.set()
    assert await first == 1
    assert await asyncio.gather(second, third) == [2, 2]
    assert store.asked == 2


async def test_a_cancelled_reader_does_not_disturb_the_others() -> None:
    store = Store()
    barrier = Barrier(store.ask)
    leaving, staying = barrier.revision(), barrier.revision()
    await settle()
    leaving.cancel()
    store.gate.set()
    assert await staying == 1
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_a_failed_question_fails_its_askers_only() -> None:
    store = Store()
    store.fail = True
    store.gate.set()
    barrier = Barrier(store.ask)
    with pytest.raises(ConnectionError):
        await barrier.revision()
    store.fail = False
    assert await barrier.revision() == 1
