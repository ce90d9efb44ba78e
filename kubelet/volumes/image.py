"""image volumes: the files of an OCI image, read-only, without a container of it (KEP-4639)."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from api.types import Container, ImageVolumeSource, Pod
from cluster import kernel_mounts
from cluster.events import EventRecorder
from images.errors import ImageError
from images.store import Store
from kubelet.containers.images import Announcement, Images
from kubelet.containers.problem import Problem
from kubelet.volumes.failure import VolumeFailure


class ImageVolumes:
    """store: where the machine's images are."""

    def __init__(self, images: Images, store: Path, recorder: EventRecorder) -> None:
        self._images = images
        self._store = Store(store)
        self._recorder = recorder

    async def mount(self, pod: Pod, name: str, source: ImageVolumeSource, place: Path) -> None:
        """Pull the image if need be and show its files at `place`. Raises VolumeFailure, OSError."""
        if await asyncio.to_thread(_is_there, place):
            return
        if not source.reference:
            raise VolumeFailure("the volume names no image")

        def announce(event: Announcement) -> None:
            self._recorder.record(pod, event.type, event.reason, event.message)

        # To the puller a volume is as good as a container.
        wanted = Container(name=name, image=source.reference, image_pull_policy=source.pull_policy or "IfNotPresent")
        try:
            await self._images.ensure(pod, wanted, time.time(), announce)
        except Problem as problem:
            raise VolumeFailure(f"{problem.reason}: {problem.message}") from problem
        await asyncio.to_thread(self._show, source.reference, place)

    def _show(self, reference: str, place: Path) -> None:
        empty = place.parent / f"{place.name}.lower"
        try:
            with self._store.held(reference) as image:
                # An overlay wants two lower folders, and without an upper one it is read-only.
                empty.mkdir(exist_ok=True)
                lower = ":".join(_escape(folder) for folder in (*reversed(image.layers), empty))
                kernel_mounts.mount("overlay", place, "overlay", options=f"lowerdir={lower}", readonly=True)
        except ImageError as error:
            raise VolumeFailure(str(error)) from error


def _escape(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace(",", "\\,").replace(":", "\\:")


def _is_there(place: Path) -> bool:
    place.mkdir(parents=True, exist_ok=True)
    return kernel_mounts.is_mount_point(place)
