"""A pod must not be able to leave something behind that the kubelet cannot delete, or make it delete other things."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import kernel_mounts
from kubelet.disk_usage import disk_usage
from kubelet.removal import remove_tree

DEPTH = 2_500


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """Folders nested far deeper than a path or Python's stack can be."""
    directory = tmp_path / "volume"
    _nest(directory)
    yield directory
    # Not even pytest could clean it up.
    subprocess.run(["rm", "-rf", str(directory)], check=True)


def _nest(directory: Path) -> None:
    directory.mkdir()
    at = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(DEPTH):
        os.mkdir("a", dir_fd=at)
        below = os.open("a", os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=at))
    os.close(at)


def test_a_tree_of_any_depth_goes(deep: Path) -> None:
    remove_tree(deep)
    assert not deep.exists()


def test_a_tree_of_any_depth_is_measured(deep: Path) -> None:
    _, inodes = disk_usage(deep)
    assert inodes > 1_000


def test_names_used_on_the_way_may_be_taken(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / "volume" / f".removed-{number}" / "a" / "b").mkdir(parents=True)
    remove_tree(tmp_path / "volume")
    assert not (tmp_path / "volume").exists()


def test_links_go_and_what_they_lead_to_stays(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (tmp_path / "volume" / "inner").mkdir(parents=True)
    for place in ("volume/link", "volume/inner/link"):
        (tmp_path / place).symlink_to(tmp_path / "precious")
    remove_tree(tmp_path / "volume")
    assert not (tmp_path / "volume").exists()
    assert (tmp_path / "precious" / "file").exists()


def test_nothing_is_no_problem_and_a_link_is_no_folder(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")
    (tmp_path / "precious").mkdir()
    (tmp_path / "link").symlink_to("precious")
    with pytest.raises(OSError):
        remove_tree(tmp_path / "link")
    assert (tmp_path / "precious").exists()


def test_what_is_mounted_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    place = tmp_path / "volume" / "inner" / "mounted"
    place.mkdir(parents=True)
    kernel_mounts.bind(str(tmp_path / "precious"), place)
    try:
        with pytest.raises(OSError) as refused:
            remove_tree(tmp_path / "volume")
        assert refused.value.errno == errno.EBUSY
        assert (tmp_path / "precious" / "file").exists()
    finally:
        for point in kernel_mounts.mounts_under(tmp_path):
            kernel_mounts.unmount(point)


def test_mounts_are_found_below_folders_with_odd_names(tmp_path: Path) -> None:
    """The kernel writes blanks and backslashes of a path as octal numbers."""
    odd = tmp_path / "a b\\c ä"
    (odd / "mounted").mkdir(parents=True)
    (tmp_path / "shown").mkdir()
    kernel_mounts.bind(str(tmp_path / "shown"), odd / "mounted")
    try:
        assert kernel_mounts.mounts_under(odd) == [odd / "mounted"]
    finally:
        kernel_mounts.unmount(odd / "mounted")
