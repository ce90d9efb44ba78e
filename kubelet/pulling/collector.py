"""Image garbage collection: when the disk is too full, or an image was not used for too long.

Source: upstream's pkg/kubelet/images/image_gc_manager.go: thresholds, order, minimum age, events. One thing is more: an
image any container of this machine has mounted is in use, since the nodes of one machine share the store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from cluster.logs import get_logger
from kubelet.metrics import images as metrics
from kubelet.node.machine import Disk
from kubelet.runtime.base import ImageStatus, Runtime, RuntimeFailure

PERIOD_SECONDS = 300.0

log = get_logger()


@dataclass(frozen=True, slots=True)
class CollectorPolicy:
    """Per cent of the image disk in use above which images are removed, and down to which; ages in seconds, 0: any."""

    high_threshold: int = 85
    low_threshold: int = 80
    minimum_age: float = 120.0
    maximum_unused_age: float = 0.0


@dataclass(frozen=True, slots=True)
class Known:
    """An image as far as it was followed. Times are seconds since the epoch; `used_at` 0: never seen in use."""

    id: str
    size_bytes: int
    pinned: bool
    detected_at: float
    used_at: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The images to remove, in order, each with the metric's reason; what more than they would have to be freed."""

    doomed: Sequence[tuple[Known, str]]
    wanted_bytes: int = 0


def follow(
    before: dict[str, Known], images: Sequence[ImageStatus], used: Collection[str], now: float
) -> dict[str, Known]:
    """What is known of the images that are there now."""
    found = {}
    for image in images:
        old = before.get(image.id)
        detected = old.detected_at if old else now
        used_at = now if image.id in used else (old.used_at if old else 0.0)
        found[image.id] = Known(image.id, image.size_bytes, image.pinned, detected, used_at)
    return found


def plan(known: Collection[Known], used: Collection[str], disk: Disk, policy: CollectorPolicy, now: float) -> Plan:
    """Which images to remove now."""
    unused = [image for image in known if image.id not in used and not image.pinned]
    unused.sort(key=lambda image: (image.used_at, image.detected_at))
    old_enough = [image for image in unused if now - image.detected_at >= policy.minimum_age]
    doomed = [(image, "age") for image in old_enough if _outlived(image, policy, now)]
    wanted = _bytes_to_free(disk, policy)
    gone = {image.id for image, _ in doomed}
    free = sum(image.size_bytes for image, _ in doomed)
    for image in old_enough:
        if free >= wanted:
            break
        if image.id not in gone:
            doomed.append((image, "space"))
            free += image.size_bytes
    return Plan(doomed, wanted)


def _outlived(image: Known, policy: CollectorPolicy, now: float) -> bool:
    return policy.maximum_unused_age > 0 and now - max(image.used_at, image.detected_at) > policy.maximum_unused_age


def _bytes_to_free(disk: Disk, policy: CollectorPolicy) -> int:
    if not disk.total_bytes:
        return 0
    usage = 100 - disk.available_bytes * 100 // disk.total_bytes
    if usage < policy.high_threshold:
        return 0
    return max(disk.total_bytes * (100 - policy.low_threshold) // 100 - disk.available_bytes, 0)


class Collector:
    """Looks every five minutes. `announce` records an event about the node: type, reason, message."""

    def __init__(
        self,
        runtime: Runtime,
        policy: CollectorPolicy,
        disk: Callable[[], Disk],
        announce: Callable[[str, str, str], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._runtime = runtime
        self._policy = policy
        self._disk = disk
        self._announce = announce
        self._sleep = sleep
        self._known: dict[str, Known] = {}
        self._failed_before = False

    async def run(self) -> None:
        """Collect until cancelled."""
        while True:
            try:
                await self.collect(time.time())
                self._failed_before = False
            except RuntimeFailure as error:
                log.warning("could not collect unused images", reason=str(error))
                # A first failure may be that nothing is measured yet.
                if self._failed_before:
                    self._announce("Warning", "ImageGCFailed", str(error))
                self._failed_before = True
            await self._sleep(PERIOD_SECONDS)

    async def collect(self, now: float) -> None:
        """Look once. Raises RuntimeFailure when less could be freed than has to be."""
        used = await self._runtime.images_in_use()
        self._known = follow(self._known, await self._runtime.list_images(), used, now)
        disk = self._disk()
        if not disk.total_bytes:
            self._announce("Warning", "InvalidDiskCapacity", "invalid capacity 0 on image filesystem")
        decided = plan(self._known.values(), used, disk, self._policy, now)
        freed = await self._remove(decided)
        if freed < decided.wanted_bytes:
            text = (
                f"Failed to garbage collect required amount of images. Attempted to free {decided.wanted_bytes} bytes,"
                f" but only found {freed} bytes eligible to free."
            )
            self._announce("Warning", "FreeDiskSpaceFailed", text)
            raise RuntimeFailure(text)

    async def _remove(self, decided: Plan) -> int:
        freed = 0
        for image, reason in decided.doomed:
            await self._runtime.remove_image(image.id)
            self._known.pop(image.id, None)
            metrics.collected.labels(reason).inc()
            log.info("removed an unused image", image=image.id, size_bytes=image.size_bytes, why=reason)
            freed += image.size_bytes
        return freed
