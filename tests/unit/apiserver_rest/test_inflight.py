"""Places for requests: handed on in order, bounded in number."""

from __future__ import annotations

import asyncio

import pytest

from api import errors
from apiserver.rest import inflight
from apiserver.rest.inflight import InFlightLimit


async def enter(limit: InFlightLimit) -> None:
    if not limit.try_enter():
        await limit.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_places_are_handed_on_in_order() -> None:
    limit = InFlightLimit("mutating", 1)
    await enter(limit)
    done: list[int] = []

    async def take(number: int) -> None:
        await enter(limit)
        done.append(number)

    tasks = [asyncio.create_task(take(number)) for number in range(2)]
    await settle()
    assert done == []
    limit.leave()
    await settle()
    assert done == [0]
    limit.leave()
    await asyncio.gather(*tasks)
    assert done == [0, 1]


async def test_one_that_gives_up_waiting_costs_no_place() -> None:
    limit = InFlightLimit("mutating", 1)
    await enter(limit)
    waiting = asyncio.create_task(enter(limit))
    await settle()
    limit.leave()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(enter(limit), 60)


async def test_a_line_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflight, "MAX_WAITING", 1)
    limit = InFlightLimit("mutating", 1)
    await enter(limit)
    waiting = asyncio.create_task(enter(limit))
    await settle()
    with pytest.raises(errors.TooManyRequests) as caught:
        await enter(limit)
    assert caught.value.retry_after_seconds == 1
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
