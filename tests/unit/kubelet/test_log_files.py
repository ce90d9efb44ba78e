"""A log's files while they are rotated, packed and read at the same time."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, cast

import pytest

from kubelet.config import LogLimits
from kubelet.logs import files, rotate
from kubelet.logs.read import compress
from kubelet.logs.rotate import LiveLog, LogRotator


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A live log and one that was rotated away."""
    (tmp_path / "0.log").write_text("new")
    (tmp_path / "0.log.20240501-120000").write_text("old")
    return tmp_path / "0.log"


def text(path: Path) -> bytes:
    return b"".join(files.read_blocks(path))


def test_a_file_that_is_being_packed_is_one_file(log: Path) -> None:
    (old,) = files.rotated(log)
    old.with_name(f"{old.name}.gz.tmp").write_bytes(b"half")
    assert files.rotated(log) == [old]
    old.with_name(f"{old.name}.gz").write_bytes(gzip.compress(b"old"))
    assert files.rotated(log) == [old]


def test_a_file_packed_or_deleted_since_it_was_listed_is_read_all_the_same(log: Path) -> None:
    (old,) = files.rotated(log)
    compress(old)
    assert text(old) == b"old"
    files.rotated(log)[0].unlink()
    assert text(old) == b""


def test_nothing_is_left_of_a_removed_log(log: Path) -> None:
    (old,) = files.rotated(log)
    old.with_name(f"{old.name}.gz").write_bytes(gzip.compress(b"old"))
    files.remove(log)
    assert list(log.parent.iterdir()) == []


async def test_two_rotations_within_a_second_lose_nothing(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotate.time, "strftime", lambda *_: "20240501-120000")
    rotator = LogRotator(cast(Any, None), LogLimits(max_bytes=1), list)
    await rotator.check(LiveLog("c", log))
    assert [text(path) for path in (*files.rotated(log), log)] == [b"old", b"new"]
