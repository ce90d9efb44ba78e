"""The local driver as whoever speaks CSI meets it: over its socket, with real loop devices and file systems."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import grpc
import pytest

from cluster import kernel_mounts
from cluster.pb import csi_pb2 as pb
from csi.local import NAME, TOPOLOGY_KEY, loops
from tests.support.local_driver import MI, MODE, RAW, SHARED, DriverNode, refused

pytestmark = pytest.mark.skipif(not Path("/dev/loop-control").exists(), reason="no loop devices here")


async def test_a_volume_holds_as_much_as_was_asked_for(node: DriverNode) -> None:
    volume = await node.create("v", 8 * MI)
    assert volume.capacity_bytes == 8 * MI
    assert [dict(each.segments) for each in volume.accessible_topology] == [{TOPOLOGY_KEY: "node-1"}]
    place = await node.publish("v")
    assert list(place.iterdir()) == []
    with pytest.raises(OSError, match="No space left on device"), (place / "fill").open("wb") as file:
        for _ in range(9):
            file.write(bytes(MI))
            file.flush()
    assert (place / "fill").stat().st_size < 8 * MI


async def test_what_was_written_is_there_again(node: DriverNode) -> None:
    await node.create("v", 8 * MI)
    (await node.publish("v") / "kept").write_text("still here")
    await node.unpublish("v")
    assert loops.devices_in_use(node.root / "driver/volumes/v/image") == []
    assert (await node.publish("v") / "kept").read_text() == "still here"


async def test_a_volume_that_is_still_held_is_never_shown_twice(node: DriverNode) -> None:
    await node.create("v", 8 * MI)
    place = await node.publish("v")
    with (place / "held").open("w") as held:
        await node.unpublish("v")
        again = await node.publish("v")
        held.write("written through the old mount")
        held.flush()
        assert (again / "held").read_text() == "written through the old mount"
        assert len(loops.devices_of(node.root / "driver/volumes/v/image")) == 1


async def test_every_call_may_be_repeated(node: DriverNode) -> None:
    first = await node.create("v", 8 * MI)
    assert await node.create("v", 8 * MI) == first
    place = await node.publish("v")
    assert await node.publish("v") == place
    await node.unpublish("v")
    await node.unpublish("v")
    await node.delete("v")
    await node.delete("v")
    assert kernel_mounts.mounts_under(node.root) == []


async def test_a_published_volume_may_be_read_only(node: DriverNode) -> None:
    await node.create("v", 8 * MI)
    writable = await node.publish("v")
    (writable / "a").write_text("x")
    shown = await node.publish("v", target="reader", readonly=True)
    assert (shown / "a").read_text() == "x"
    with pytest.raises(OSError, match="Read-only file system"):
        (shown / "b").write_text("y")


async def test_a_raw_volume_is_a_device_of_its_size(node: DriverNode) -> None:
    await node.create("raw", 4 * MI, RAW)
    device = await node.publish("raw", RAW)
    assert device.is_block_device()
    descriptor = os.open(device, os.O_RDONLY)
    try:
        assert os.lseek(descriptor, 0, os.SEEK_END) == 4 * MI
    finally:
        os.close(descriptor)
    await node.unpublish("raw")
    await node.delete("raw")
    assert loops.devices_of(node.root / "driver/volumes/raw/image") == []


async def test_a_clone_has_what_its_source_had_and_goes_its_own_way(node: DriverNode) -> None:
    await node.create("v", 8 * MI)
    source = await node.publish("v")
    (source / "a").write_text("before")
    clone = await node.create("w", 16 * MI, source="v")
    assert clone.content_source.volume.volume_id == "v"
    (source / "a").write_text("after")
    copy = await node.publish("w")
    assert (copy / "a").read_text() == "before"
    status = os.statvfs(copy)
    assert status.f_blocks * status.f_frsize > 8 * MI


async def test_a_volume_grows(node: DriverNode) -> None:
    await node.create("v", 8 * MI)
    (await node.publish("v") / "a").write_text("x")
    await node.unpublish("v")
    grown = await node.controller.ControllerExpandVolume(
        pb.ControllerExpandVolumeRequest(volume_id="v", capacity_range=pb.CapacityRange(required_bytes=32 * MI))
    )
    assert (grown.capacity_bytes, grown.node_expansion_required) == (32 * MI, False)
    place = await node.publish("v")
    status = os.statvfs(place)
    assert (place / "a").read_text() == "x"
    assert status.f_blocks * status.f_frsize > 24 * MI


async def test_a_mounted_volume_grows_now_or_at_its_next_mount(node: DriverNode) -> None:
    await node.create("v", 8 * MI)
    place = await node.publish("v")
    request = pb.ControllerExpandVolumeRequest(volume_id="v", capacity_range=pb.CapacityRange(required_bytes=32 * MI))
    grown = await node.controller.ControllerExpandVolume(request)
    if grown.node_expansion_required:
        expand = pb.NodeExpandVolumeRequest(volume_id="v", volume_path=str(place))
        assert await refused(node.node.NodeExpandVolume(expand)) == grpc.StatusCode.FAILED_PRECONDITION
        await node.unpublish("v")
        await node.publish("v")
    status = os.statvfs(place)
    assert status.f_blocks * status.f_frsize > 24 * MI
    again = await node.controller.ControllerExpandVolume(request)
    assert not again.node_expansion_required


@pytest.mark.skipif(shutil.which("mkfs.xfs") is None, reason="no mkfs.xfs here")
async def test_xfs_grows_while_it_is_mounted_and_at_its_mount(node: DriverNode) -> None:
    xfs = pb.VolumeCapability(
        mount=pb.VolumeCapability.MountVolume(fs_type="xfs"), access_mode=MODE(mode=MODE.SINGLE_NODE_WRITER)
    )
    assert (await node.create("v", 8 * MI, xfs)).capacity_bytes == 300 * MI
    place = await node.publish("v", xfs)
    (place / "a").write_text("x")

    def holds() -> int:
        status = os.statvfs(place)
        return status.f_blocks * status.f_frsize

    def request(size: int) -> pb.ControllerExpandVolumeRequest:
        return pb.ControllerExpandVolumeRequest(volume_id="v", capacity_range=pb.CapacityRange(required_bytes=size))

    assert not (await node.controller.ControllerExpandVolume(request(400 * MI))).node_expansion_required
    assert holds() > 310 * MI
    await node.unpublish("v")
    assert (await node.controller.ControllerExpandVolume(request(500 * MI))).node_expansion_required
    await node.create("copy", 600 * MI, xfs, source="v")
    await node.publish("v", xfs)
    assert holds() > 410 * MI
    copy = await node.publish("copy", xfs)
    assert (copy / "a").read_text() == "x"
    assert os.statvfs(copy).f_blocks * os.statvfs(copy).f_frsize > 510 * MI


async def test_usage_is_told(node: DriverNode) -> None:
    await node.create("v", 8 * MI)
    place = await node.publish("v")
    (place / "a").write_bytes(bytes(MI))
    answer = await node.node.NodeGetVolumeStats(pb.NodeGetVolumeStatsRequest(volume_id="v", volume_path=str(place)))
    figures = {each.unit: each for each in answer.usage}
    used = figures[pb.VolumeUsage.BYTES]
    assert used.used >= MI
    assert used.total <= 8 * MI
    assert figures[pb.VolumeUsage.INODES].used > 0


async def test_what_cannot_be_had_says_why(node: DriverNode) -> None:
    await node.create("v", 8 * MI)
    code = grpc.StatusCode
    assert await refused(node.create("big", 1 << 60)) == code.RESOURCE_EXHAUSTED
    assert await refused(node.create("s", MI, SHARED)) == code.INVALID_ARGUMENT
    assert await refused(node.create("../x", MI)) == code.INVALID_ARGUMENT
    assert await refused(node.create("v", 9 * MI)) == code.ALREADY_EXISTS
    assert await refused(node.create("c", MI, source="v")) == code.OUT_OF_RANGE
    assert await refused(node.create("c", MI, source="gone")) == code.NOT_FOUND
    assert await refused(node.create("c", 8 * MI, RAW, source="v")) == code.INVALID_ARGUMENT
    assert await refused(node.publish("gone")) == code.NOT_FOUND
    await node.publish("v")
    assert await refused(node.delete("v")) == code.FAILED_PRECONDITION


async def test_an_interrupted_creation_leaves_nothing_in_the_way(node: DriverNode) -> None:
    half = node.root / "driver/volumes/v"
    half.mkdir()
    (half / "image").write_bytes(b"half")
    assert (await node.create("v", 8 * MI)).capacity_bytes == 8 * MI


async def test_volumes_are_listed_and_room_is_told(node: DriverNode) -> None:
    before = (await node.controller.GetCapacity(pb.GetCapacityRequest())).available_capacity
    for name in ("a", "b", "c"):
        await node.create(name, 1024 * MI)
    first = await node.controller.ListVolumes(pb.ListVolumesRequest(max_entries=2))
    rest = await node.controller.ListVolumes(pb.ListVolumesRequest(starting_token=first.next_token))
    assert [entry.volume.volume_id for entry in (*first.entries, *rest.entries)] == ["a", "b", "c"]
    after = (await node.controller.GetCapacity(pb.GetCapacityRequest())).available_capacity
    # Promised room counts before it is used; other programs use the disk meanwhile.
    assert after < before - 2048 * MI
    elsewhere = pb.GetCapacityRequest(accessible_topology=pb.Topology(segments={TOPOLOGY_KEY: "node-2"}))
    assert (await node.controller.GetCapacity(elsewhere)).available_capacity == 0


async def test_who_it_is(node: DriverNode) -> None:
    assert (await node.identity.GetPluginInfo(pb.GetPluginInfoRequest())).name == NAME
    assert (await node.identity.Probe(pb.ProbeRequest())).ready.value
    info = await node.node.NodeGetInfo(pb.NodeGetInfoRequest())
    assert (info.node_id, dict(info.accessible_topology.segments)) == ("node-1", {TOPOLOGY_KEY: "node-1"})
