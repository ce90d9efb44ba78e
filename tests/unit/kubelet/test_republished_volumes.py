"""Volumes whose driver wants to be asked again and again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from api import codec
from api.types import Pod, Volume
from kubelet.volumes import pod_volumes
from kubelet.volumes.persistent import PersistentVolumes
from kubelet.volumes.pod_volumes import PodVolumes, VolumeServices

SPEC = {"containers": [], "volumes": [{"name": name, "csi": {"driver": f"{name}.example.com"}} for name in ("a", "b")]}
POD = codec.from_tree(Pod, {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": SPEC})


class Drivers:
    """In place of PersistentVolumes: what was mounted, in order."""

    serves = staticmethod(PersistentVolumes.serves)

    def __init__(self) -> None:
        self.mounted: list[str] = []
        self.again = asyncio.Event()

    async def mount(self, pod: Pod, volume: Volume) -> Path:
        if volume.name in self.mounted:
            self.again.set()
        self.mounted.append(volume.name)
        return Path("/somewhere") / volume.name

    def is_republished(self, uid: str, volume: str) -> bool:
        return (uid, volume) == ("u", "b")


async def test_only_these_are_mounted_again_until_the_pod_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_volumes, "REPUBLISH_SECONDS", 0.0)
    drivers = Drivers()
    unused = cast(Any, None)
    services = VolumeServices(unused, unused, unused, cast(PersistentVolumes, drivers), unused)
    volumes = PodVolumes(POD, services, unused)
    await volumes.mount()
    assert drivers.mounted == ["a", "b"]
    async with asyncio.timeout(60):
        await drivers.again.wait()
    await volumes.close()
    assert drivers.mounted[2] == "b"
    assert "a" not in drivers.mounted[2:]
