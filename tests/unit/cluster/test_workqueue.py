"""The work queue: no duplicates, one worker a key, delays, back-off."""

import asyncio

from cluster.workqueue import WorkQueue
from tests.support.clock import FakeClock


def queue(clock: FakeClock | None = None) -> WorkQueue[str]:
    return WorkQueue(clock or FakeClock(), base_delay_seconds=1.0, max_delay_seconds=5.0)


async def test_keys_come_out_in_order_and_once() -> None:
    q = queue()
    for key in ("a", "b", "a"):
        q.add(key)
    assert [await q.get(), await q.get()] == ["a", "b"]
    assert len(q) == 0


async def test_a_key_being_worked_on_waits_until_done() -> None:
    q = queue()
    q.add("a")
    assert await q.get() == "a"
    q.add("a")
    assert len(q) == 0
    q.done("a")
    assert await q.get() == "a"
    q.done("a")
    assert q.idle


async def test_get_waits_for_a_key() -> None:
    q = queue()
    getting = asyncio.create_task(q.get())
    await asyncio.sleep(0)
    assert not getting.done()
    q.add("a")
    assert await getting == "a"


async def test_the_earliest_delay_wins() -> None:
    clock = FakeClock()
    q = queue(clock)
    q.add_after("a", 10)
    q.add_after("a", 3)
    q.add_after("a", 20)
    clock.advance(2.9)
    assert len(q) == 0
    clock.advance(0.1)
    assert len(q) == 1
    clock.advance(30)
    assert len(q) == 1, "the later delays are gone"


async def test_back_off_doubles_to_its_limit_and_starts_over() -> None:
    clock = FakeClock()
    q = queue(clock)
    delays = []
    for _ in range(5):
        delays.append(q.add_rate_limited("a"))
        clock.advance(delays[-1])
        q.done(await q.get())
    assert delays == [1, 2, 4, 5, 5]
    q.forget("a")
    assert q.add_rate_limited("a") == 1


async def test_close_calls_off_delays() -> None:
    clock = FakeClock()
    q = queue(clock)
    q.add_after("a", 1)
    q.close()
    clock.advance(2)
    assert q.idle
