"""Images by pull policy: what is announced, what a container waits for."""

from __future__ import annotations

from typing import Any, cast

import pytest

from kubelet.containers.images import Announcement, Images
from kubelet.containers.problem import Problem
from kubelet.runtime.base import ImageStatus, InvalidConfig, Runtime
from tests.support.kubelet import NOW, container, pod

BUSYBOX = ImageStatus(id="x", names=["busybox"], size_bytes=1)


class Store:
    """The one method of a runtime that is needed."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)

    async def image_status(self, reference: str) -> ImageStatus | None:
        if reference == "Not/A:::Name":
            raise InvalidConfig("invalid reference format")
        return BUSYBOX if reference in self.names else None


async def ensure(images: Images, now: float, **more: Any) -> list[str]:
    owner = pod(container(**more))
    told: list[Announcement] = []
    try:
        await images.ensure(owner, owner.spec.containers[0], now, told.append)
    except Problem as problem:
        return [*(event.reason for event in told), f"→ {problem.reason}"]
    return [event.reason for event in told]


def made(store: Store) -> Images:
    return Images(cast(Runtime, store))


@pytest.mark.parametrize("policy", ["Always", "IfNotPresent", "Never"])
async def test_an_image_of_the_store_is_used(policy: str) -> None:
    assert await ensure(made(Store("busybox")), NOW, imagePullPolicy=policy) == ["Pulled"]


async def test_never_does_not_pull() -> None:
    result = await ensure(made(Store()), NOW, imagePullPolicy="Never")
    assert result == ["ErrImageNeverPull", "Failed", "→ ErrImageNeverPull"]


async def test_a_name_that_is_none_is_told() -> None:
    result = await ensure(made(Store()), NOW, image="Not/A:::Name")
    assert result == ["InspectFailed", "Failed", "→ InvalidImageName"]


async def test_a_missing_image_fails_then_backs_off_then_fails_again() -> None:
    images = made(Store())
    failed = ["Pulling", "Failed", "Failed", "→ ErrImagePull"]
    backs_off = ["BackOff", "Failed", "→ ImagePullBackOff"]
    assert await ensure(images, NOW) == failed
    assert await ensure(images, NOW + 5) == backs_off
    assert await ensure(images, NOW + 10) == failed
    assert await ensure(images, NOW + 25) == backs_off
    assert await ensure(images, NOW + 30) == failed


async def test_an_image_that_was_loaded_meanwhile_ends_the_back_off() -> None:
    store = Store()
    images = made(store)
    await ensure(images, NOW)
    store.names.add("busybox")
    assert await ensure(images, NOW + 1) == ["Pulled"]


async def test_the_message_says_what_to_do() -> None:
    owner = pod()
    with pytest.raises(Problem, match="podling image load"):
        await made(Store()).ensure(owner, owner.spec.containers[0], NOW, lambda event: None)
