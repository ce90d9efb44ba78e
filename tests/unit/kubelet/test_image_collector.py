"""Which images a node lets go of; how often it may pull; what pull secrets hold."""

from __future__ import annotations

import base64
from typing import cast

import pytest

from api.types import ObjectMeta, Secret
from kubelet.node.machine import Disk
from kubelet.pulling.collector import Collector, CollectorPolicy, Known, follow, plan
from kubelet.pulling.puller import RateLimit
from kubelet.pulling.secrets import UnusableSecret, entries_of
from kubelet.runtime.base import ImageStatus, Runtime, RuntimeFailure

NOW = 1_000_000.0
GIB = 2**30


def image(name: str, gib: int = 1, *, pinned: bool = False, detected: float = 0.0, used: float = 0.0) -> Known:
    return Known(name, gib * GIB, pinned, detected, used)


def disk(free_gib: int) -> Disk:
    return Disk(100 * GIB, free_gib * GIB)


def doomed(known: list[Known], used: set[str], free_gib: int, **policy: float) -> list[str]:
    found = plan(known, used, disk(free_gib), CollectorPolicy(**policy), NOW)  # type: ignore[arg-type]
    return [each.id for each, _ in found.doomed]


def test_nothing_goes_while_there_is_room() -> None:
    assert doomed([image("a", 50)], set(), free_gib=16) == []


def test_the_longest_unused_go_until_there_is_room() -> None:
    known = [image("new", 3, used=900.0), image("never", 3, detected=5.0), image("old", 3, used=100.0)]
    # 85 per cent used: down to 80, so 5 GiB are to be freed.
    assert doomed(known, set(), free_gib=15) == ["never", "old"]


def test_used_pinned_and_young_images_stay() -> None:
    known = [image("used"), image("pinned", pinned=True), image("young", detected=NOW - 60), image("other")]
    assert doomed(known, {"used"}, free_gib=1) == ["other"]


def test_images_may_have_a_greatest_age() -> None:
    known = [image("old", used=NOW - 3700), image("fresh", used=NOW - 3500)]
    assert doomed(known, set(), free_gib=50, maximum_unused_age=3600.0) == ["old"]


def test_what_is_known_follows_what_is_there() -> None:
    before = {"gone": image("gone"), "a": image("a", detected=7.0, used=8.0)}
    images = [ImageStatus(id="a", names=[], size_bytes=1), ImageStatus(id="b", names=[], size_bytes=2)]
    now = follow(before, images, {"b"}, 50.0)
    assert now == {"a": Known("a", 1, False, 7.0, 8.0), "b": Known("b", 2, False, 50.0, 50.0)}


class Node:
    """The three methods of a runtime that are needed."""

    def __init__(self) -> None:
        self.removed: list[str] = []

    async def images_in_use(self) -> set[str]:
        return {"used"}

    async def list_images(self) -> list[ImageStatus]:
        return [ImageStatus(id=name, names=[], size_bytes=GIB) for name in ("used", "free")]

    async def remove_image(self, image_id: str) -> None:
        self.removed.append(image_id)


async def test_what_cannot_be_freed_is_told() -> None:
    node, told = Node(), list[tuple[str, str, str]]()
    collector = Collector(
        cast(Runtime, node), CollectorPolicy(minimum_age=0), lambda: disk(5), lambda *event: told.append(event)
    )
    with pytest.raises(RuntimeFailure):
        await collector.collect(NOW)
    assert node.removed == ["free"]
    text = (
        "Failed to garbage collect required amount of images. Attempted to free 16106127360 bytes,"
        " but only found 1073741824 bytes eligible to free."
    )
    assert told == [("Warning", "FreeDiskSpaceFailed", text)]


def test_pulls_are_limited() -> None:
    limit = RateLimit(per_second=2, burst=3)
    assert [limit.take(1.0) for _ in range(4)] == [True, True, True, False]
    assert [limit.take(1.5) for _ in range(2)] == [True, False]
    assert all(RateLimit(0, 1).take(1.0) for _ in range(5))


def secret(type: str, **data: str) -> Secret:
    encoded = {key.replace("_", "."): base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return Secret(metadata=ObjectMeta(name="cred"), type=type, data=encoded)


def test_secrets_of_both_forms_are_read() -> None:
    new = secret("kubernetes.io/dockerconfigjson", _dockerconfigjson='{"auths": {"r": {"username": "u"}}}')
    old = secret("kubernetes.io/dockercfg", _dockercfg='{"r": {"username": "u"}}')
    assert [entry.credential.username for each in (new, old) for entry in entries_of(each)] == ["u", "u"]
    assert entries_of(secret("Opaque", x="y")) == []
    with pytest.raises(UnusableSecret, match='"cred" is not usable'):
        entries_of(secret("kubernetes.io/dockerconfigjson", _dockerconfigjson="{"))
