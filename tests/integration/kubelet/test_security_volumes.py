"""Pods must not reach the machine through their volumes: neither by writing where the kubelet works, nor by links."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api import codec
from api.types import Pod
from kubelet.containers.mounts import Places, container_mounts
from kubelet.paths import Paths
from kubelet.volumes import atomic
from kubelet.volumes.payload import File
from kubelet.volumes.subpath import SubpathFailure, prepare

FILLED: list[dict[str, Any]] = [
    {"configMap": {"name": "c"}},
    {"secret": {"secretName": "s"}},
    {"downwardAPI": {"items": []}},
    {"projected": {"sources": []}},
]


def readonly(volume: dict[str, Any], directory: Path, **mount: Any) -> bool:
    container = {"name": "c", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/v", **mount}]}
    tree = {
        "metadata": {"name": "p", "uid": "u"},
        "spec": {"containers": [container], "volumes": [{"name": "v"} | volume]},
    }
    pod = codec.from_tree(Pod, tree)
    place = directory / "volume"
    place.mkdir()
    paths = Paths(directory / "data", directory / "run")
    mounts = container_mounts(pod, pod.spec.containers[0], 0, {}, Places({"v": place}, paths))
    return next(each for each in mounts if each.container_path == "/v").readonly


@pytest.mark.parametrize("volume", FILLED)
def test_what_the_kubelet_fills_is_read_only_in_the_container(volume: dict[str, Any], tmp_path: Path) -> None:
    """The kubelet writes there as root, following its own links."""
    assert readonly(volume, tmp_path)


@pytest.mark.parametrize("volume", [{"emptyDir": {}}, {"hostPath": {"path": "/x"}}])
def test_other_volumes_are_as_they_are_asked_for(volume: dict[str, Any], tmp_path: Path) -> None:
    assert not readonly(volume, tmp_path)


@pytest.mark.parametrize("target", ["{victim}", "../victim", "..", "link"])
def test_a_refresh_follows_no_link_but_its_own(target: str, tmp_path: Path) -> None:
    victim, volume = tmp_path / "victim", tmp_path / "volume"
    victim.mkdir()
    (victim / "file").write_text("precious")
    atomic.write(volume, {"a": File(b"1", 0o644)}, None, 0.0)
    (volume / "link").symlink_to(victim)
    (volume / "..data").unlink()
    (volume / "..data").symlink_to(target.format(victim=victim))
    atomic.write(volume, {"a": File(b"2", 0o644)}, None, 1.0)
    assert (victim / "file").read_text() == "precious"
    assert (volume / "a").read_bytes() == b"2"


def test_a_sub_path_through_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(SubpathFailure):
        prepare(tmp_path, "a/c", tmp_path / "target")
