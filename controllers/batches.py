"""Asking for many things at once, carefully."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Iterator

from api.errors import StatusError

FIRST_BATCH = 1


def slow_start(count: int) -> Iterator[int]:
    """Batches of 1, 2, 4 ... that add up to `count`: what fails at once should not be asked for a thousand times."""
    batch = FIRST_BATCH
    while count > 0:
        size = min(batch, count)
        yield size
        count -= size
        batch *= 2


async def failures_of(calls: Iterable[Awaitable[object]]) -> list[StatusError]:
    """Run all calls at once; returns what the API server refused, raises anything else."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    failures = []
    for result in results:
        if isinstance(result, StatusError):
            failures.append(result)
        elif isinstance(result, BaseException):
            raise result
    return failures
