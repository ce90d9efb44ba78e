"""Snapshots by the local driver: what they hold, what becomes of them, what a crash in the middle leaves."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

import grpc
import pytest

from cluster import kernel_mounts
from cluster.pb import csi_pb2 as pb
from csi.local import freezing, loops
from csi.local.driver import LocalDriver
from csi.local.volumes import Volumes
from tests.support.local_driver import MI, RAW, DriverNode, refused

pytestmark = pytest.mark.skipif(not Path("/dev/loop-control").exists(), reason="no loop devices here")


def kept(node: DriverNode) -> list[str]:
    return sorted(path.name for path in (node.root / "driver/snapshots").iterdir())


async def test_a_snapshot_is_of_its_moment_and_restored_as_often_as_wanted(node: DriverNode) -> None:
    await node.create("v", 8 * MI)
    source = await node.publish("v")
    (source / "a").write_text("before")
    taken = await node.snapshot("s", "v")
    assert (taken.snapshot_id, taken.source_volume_id, taken.size_bytes, taken.ready_to_use) == ("s", "v", 8 * MI, True)
    (source / "a").write_text("after")
    assert await node.snapshot("s", "v") == taken
    for name, size in (("one", 8 * MI), ("two", 16 * MI)):
        volume = await node.restore(name, size, "s")
        assert (volume.capacity_bytes, volume.content_source.snapshot.snapshot_id) == (size, "s")
        place = await node.publish(name)
        assert (place / "a").read_text() == "before"
        (place / "a").write_text("its own")
    assert (source / "a").read_text() == "after"


async def test_what_was_restored_outlives_its_snapshot_and_that_outlives_its_volume(node: DriverNode) -> None:
    await node.create("v", 8 * MI)
    (await node.publish("v") / "a").write_text("kept")
    await node.unpublish("v")
    await node.snapshot("s", "v")
    await node.delete("v")
    await node.restore("w", 8 * MI, "s")
    delete = pb.DeleteSnapshotRequest(snapshot_id="s")
    await node.controller.DeleteSnapshot(delete)
    await node.controller.DeleteSnapshot(delete)
    assert kept(node) == []
    assert (await node.publish("w") / "a").read_text() == "kept"


async def test_what_cannot_be_had_says_why(node: DriverNode) -> None:
    await node.create("v", 8 * MI)
    await node.create("w", 8 * MI)
    await node.snapshot("s", "v")
    code = grpc.StatusCode
    assert await refused(node.snapshot("s", "w")) == code.ALREADY_EXISTS
    assert await refused(node.snapshot("t", "gone")) == code.NOT_FOUND
    assert await refused(node.snapshot("../t", "v")) == code.INVALID_ARGUMENT
    assert await refused(node.snapshot("", "v")) == code.INVALID_ARGUMENT
    assert await refused(node.restore("x", 8 * MI, "gone")) == code.NOT_FOUND
    assert await refused(node.restore("x", MI, "s")) == code.OUT_OF_RANGE
    assert await refused(node.restore("x", 8 * MI, "s", RAW)) == code.INVALID_ARGUMENT
    assert await refused(node.restore("v", 8 * MI, "s")) == code.ALREADY_EXISTS
    assert kept(node) == ["s"]


async def test_snapshots_are_listed(node: DriverNode) -> None:
    await node.create("v", MI)
    await node.create("w", MI)
    for name, volume in (("a", "v"), ("b", "w"), ("c", "v")):
        await node.snapshot(name, volume)

    async def listed(**options: object) -> tuple[list[str], str]:
        answer = await node.controller.ListSnapshots(pb.ListSnapshotsRequest(**options))
        return [entry.snapshot.snapshot_id for entry in answer.entries], answer.next_token

    assert await listed() == (["a", "b", "c"], "")
    assert await listed(max_entries=2) == (["a", "b"], "b")
    assert await listed(starting_token="b") == (["c"], "")
    assert await listed(source_volume_id="v") == (["a", "c"], "")
    assert await listed(snapshot_id="b") == (["b"], "")
    assert await listed(snapshot_id="gone") == ([], "")


async def test_a_raw_device_is_copied_while_nobody_writes_to_it(node: DriverNode) -> None:
    await node.create("raw", MI, RAW)
    device = await node.publish("raw", RAW)
    device.write_bytes(b"before")
    try:
        taken = await node.snapshot("s", "raw")
    except grpc.aio.AioRpcError as error:
        # This disk shares no blocks, so that nothing could hold the device's writers back.
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert kept(node) == []
        await node.unpublish("raw")
        taken = await node.snapshot("s", "raw")
    assert taken.size_bytes == MI
    await node.restore("copy", MI, "s", RAW)
    with (await node.publish("copy", RAW)).open("rb") as copy:
        assert copy.read(6) == b"before"


async def test_a_full_disk_takes_no_snapshot_and_keeps_its_promises(node: DriverNode, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    kernel_mounts.mount_tmpfs(small, size_bytes=24 * MI, mode=0o700)
    endpoint = tmp_path / "small.sock"
    driver = LocalDriver(small, "node-1", endpoint, tmp_path / "small-registry")
    await driver.start()
    try:
        async with grpc.aio.insecure_channel(f"unix://{endpoint}") as channel:
            other = DriverNode.over(tmp_path, channel)
            await other.create("v", 16 * MI)
            (await other.publish("v") / "fill").write_bytes(os.urandom(10 * MI))
            os.sync()
            with pytest.raises(grpc.aio.AioRpcError, match="is left on this node") as caught:
                await other.snapshot("s", "v")
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert list((small / "snapshots").iterdir()) == []
    finally:
        await driver.close()


async def test_a_driver_that_died_at_its_copy_holds_nobody_up(node: DriverNode, tmp_path: Path) -> None:
    await node.create("v", 8 * MI)
    place = await node.publish("v")
    for folder in ("volumes/half", "snapshots/half"):
        (node.root / "driver" / folder).mkdir()
        (node.root / "driver" / folder / "image").write_bytes(b"half")
    directory = os.open(place, os.O_RDONLY)
    fcntl.ioctl(directory, freezing.FIFREEZE, 0)
    os.close(directory)
    writing = asyncio.create_task(asyncio.to_thread((place / "a").write_text, "written"))
    await asyncio.to_thread(Volumes(node.root / "driver").recover)
    assert await writing == len("written")
    assert (kept(node), loops.devices_of(node.root / "driver/volumes/v/image")[0].exists()) == ([], True)
    assert [path.name for path in (node.root / "driver/volumes").iterdir()] == ["v"]
    freezing.thaw_below(tmp_path)


async def test_a_caller_that_gives_up_leaves_a_whole_snapshot_to_the_next(node: DriverNode) -> None:
    await node.create("v", 8 * MI)
    request = pb.CreateSnapshotRequest(name="s", source_volume_id="v")
    call = node.controller.CreateSnapshot(request)
    await asyncio.sleep(0)
    call.cancel()
    assert (await node.snapshot("s", "v")).size_bytes == 8 * MI
    assert sorted(path.name for path in (node.root / "driver/snapshots/s").iterdir()) == ["image", "snapshot.json"]
