"""Images by pull policy: what is announced, what a container waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from api.types import Pod
from images.pull_request import Offer
from kubelet.containers.images import Announcement, Images, _duration
from kubelet.containers.problem import Problem
from kubelet.pulling.puller import Pulled, PullFailure
from kubelet.pulling.secrets import PullSecrets, UnusableSecret
from kubelet.runtime.base import ImageStatus, InvalidConfig, Runtime, RuntimeFailure
from tests.support.kubelet import NOW, container, pod


@dataclass
class World:
    """A store, a registry and pull secrets, as far as images ask them; and a clock."""

    present: dict[str, bool] = field(default_factory=dict)  # name → pulled from a registry
    registry: set[str] = field(default_factory=set)
    restricted: bool = False
    allowed: bool = False
    secret_error: str = ""
    missing_secret: str = ""
    now: float = NOW
    pulls: list[Sequence[Offer]] = field(default_factory=list)

    async def image_status(self, reference: str) -> ImageStatus | None:
        if reference == "Not/A:::Name":
            raise InvalidConfig("invalid reference format")
        if reference == "unreadable":
            raise RuntimeFailure("the store is gone")
        if reference not in self.present:
            return None
        return ImageStatus(id="x", names=[reference], size_bytes=7, pulled=self.present[reference])

    async def pull(self, image: str, offers: Sequence[Offer]) -> Pulled:
        self.pulls.append(offers)
        if image not in self.registry:
            raise PullFailure(f"registry has no {image}")
        self.present[image] = True
        return Pulled(size_bytes=7, seconds=1.25)

    async def is_restricted(self, image_id: str) -> bool:
        return self.restricted

    async def may_use(self, image_id: str, repository: str, offers: Sequence[Offer]) -> bool:
        return self.allowed

    async def offers(self, pod: Pod, repository: str, missing: Callable[[str], None]) -> Sequence[Offer]:
        if self.secret_error:
            raise UnusableSecret(self.secret_error)
        if self.missing_secret:
            missing(self.missing_secret)
        return [Offer(username=repository)]

    @property
    def images(self) -> Images:
        return Images(cast(Runtime, self), self, cast(PullSecrets, self), lambda: self.now)


async def ensure(world: World, images: Images, **more: Any) -> list[str]:
    owner = pod(container(**more))
    told: list[Announcement] = []
    try:
        await images.ensure(owner, owner.spec.containers[0], world.now, told.append)
    except Problem as problem:
        return [*(event.reason for event in told), f"→ {problem.reason}"]
    return [event.reason for event in told]


FAILED = ["Pulling", "Failed", "Failed", "→ ErrImagePull"]
BACKS_OFF = ["BackOff", "Failed", "→ ImagePullBackOff"]


@pytest.mark.parametrize("policy", ["Always", "IfNotPresent", "Never"])
async def test_an_image_only_this_machine_knows_is_used_whatever_the_policy(policy: str) -> None:
    world = World(present={"busybox": False})
    assert await ensure(world, world.images, imagePullPolicy=policy) == ["Pulled"]
    assert world.pulls == []


@pytest.mark.parametrize(("policy", "pulls"), [("Always", 1), ("IfNotPresent", 0), ("Never", 0)])
async def test_an_image_of_a_registry_is_asked_for_again_only_by_always(policy: str, pulls: int) -> None:
    world = World(present={"busybox": True}, registry={"busybox"})
    await ensure(world, world.images, imagePullPolicy=policy)
    assert len(world.pulls) == pulls


async def test_always_fails_when_the_registry_has_it_no_more() -> None:
    world = World(present={"busybox": True})
    assert await ensure(world, world.images, imagePullPolicy="Always") == FAILED


async def test_a_missing_image_is_pulled() -> None:
    world = World(registry={"busybox"})
    told: list[Announcement] = []
    owner = pod(container(imagePullPolicy="IfNotPresent"))
    status = await world.images.ensure(owner, owner.spec.containers[0], NOW, told.append)
    assert status.size_bytes == 7
    assert [event.reason for event in told] == ["Pulling", "Pulled"]
    assert told[1].message == (
        'Successfully pulled image "busybox" in 1.25s (0s including waiting). Image size: 7 bytes.'
    )


async def test_never_does_not_pull() -> None:
    world = World(registry={"busybox"})
    result = await ensure(world, world.images, imagePullPolicy="Never")
    assert result == ["ErrImageNeverPull", "Failed", "→ ErrImageNeverPull"]
    assert world.pulls == []


@pytest.mark.parametrize(
    ("image", "reason"), [("Not/A:::Name", "InvalidImageName"), ("unreadable", "ImageInspectError")]
)
async def test_what_cannot_be_looked_up_is_told(image: str, reason: str) -> None:
    world = World()
    assert await ensure(world, world.images, image=image) == ["InspectFailed", "Failed", f"→ {reason}"]


async def test_a_missing_image_fails_then_backs_off_then_fails_again() -> None:
    world = World()
    images = world.images
    seen = {}
    for world.now in (NOW, NOW + 5, NOW + 10, NOW + 25, NOW + 30):
        seen[world.now - NOW] = await ensure(world, images)
    assert seen == {0: FAILED, 5: BACKS_OFF, 10: FAILED, 25: BACKS_OFF, 30: FAILED}


async def test_the_back_off_says_why() -> None:
    world = World()
    images, owner = world.images, pod()
    await ensure(world, images)
    with pytest.raises(Problem) as caught:
        await images.ensure(owner, owner.spec.containers[0], NOW + 1, lambda event: None)
    assert caught.value.message == 'Back-off pulling image "busybox": ErrImagePull: registry has no busybox'


async def test_an_image_that_was_loaded_meanwhile_ends_the_back_off() -> None:
    world = World()
    images = world.images
    await ensure(world, images)
    world.present["busybox"] = False
    assert await ensure(world, images) == ["Pulled"]


async def test_what_others_pulled_with_a_secret_needs_that_secret() -> None:
    world = World(present={"busybox": True}, registry={"busybox"}, restricted=True, allowed=True)
    assert await ensure(world, world.images, imagePullPolicy="IfNotPresent") == ["Pulled"]
    world.allowed = False
    assert await ensure(world, world.images, imagePullPolicy="IfNotPresent") == ["Pulling", "Pulled"]
    assert await ensure(world, world.images, imagePullPolicy="Never") == [
        "ErrImageNeverPull",
        "Failed",
        "→ ErrImageNeverPull",
    ]


async def test_a_secret_that_is_not_there_is_told_and_the_pull_tried() -> None:
    world = World(registry={"busybox"}, missing_secret="regcred")
    assert await ensure(world, world.images) == ["FailedToRetrieveImagePullSecret", "Pulling", "Pulled"]


async def test_a_secret_that_is_none_fails_the_pull() -> None:
    world = World(registry={"busybox"}, secret_error="it is not JSON")
    assert await ensure(world, world.images) == ["Failed", "Failed", "→ ErrImagePull"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.0879, "87ms"), (1.25, "1.25s"), (3.0, "3s"), (123.5, "2m3.5s"), (3600, "1h0m0s")],
)
def test_durations_are_written_as_go_does(seconds: float, text: str) -> None:
    assert _duration(seconds) == text
