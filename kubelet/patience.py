"""Reads and writes for a pod that the API server may not know to be this node's yet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from api.errors import Forbidden

# The API server may hear of a pod's binding a moment after its node does; until then it refuses the node.
FORBIDDEN_RETRY_SECONDS: Final = (0.02, 0.05, 0.1, 0.2, 0.4)

T = TypeVar("T")


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """The answer of `call`, asked again while it is Forbidden, for less than a second. Raises what it raises last."""
    for delay in FORBIDDEN_RETRY_SECONDS:
        try:
            return await call()
        except Forbidden:
            await asyncio.sleep(delay)
    return await call()
