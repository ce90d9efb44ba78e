"""A real Envoy, a client of it, and two servers behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.envoy import Ingress, NamedServer, running


@pytest.fixture
async def envoy(tmp_path: Path) -> AsyncIterator[Ingress]:
    async with running(tmp_path) as started:
        yield started


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
async def servers() -> AsyncIterator[list[NamedServer]]:
    """Two servers, of the Services "one" and "two"."""
    started = [await NamedServer(name).start() for name in ("one", "two")]
    yield started
    for server in started:
        await server.close()
