"""A local storage driver that works on a folder of the test's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from cluster import kernel_mounts
from csi.local import loops
from csi.local.driver import LocalDriver
from tests.support.local_driver import DriverNode


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[DriverNode]:
    endpoint = tmp_path / "csi.sock"
    driver = LocalDriver(tmp_path / "driver", "node-1", endpoint, tmp_path / "registry")
    await driver.start()
    channel = grpc.aio.insecure_channel(f"unix://{endpoint}")
    try:
        yield DriverNode.over(tmp_path, channel)
    finally:
        await channel.close()
        await driver.close()
        kernel_mounts.unmount_under(tmp_path)
        loops.detach_below(tmp_path)
