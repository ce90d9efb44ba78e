"""A node's disk is not promised twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from csi.local import filesystems
from csi.local.records import VolumeProblem
from csi.local.volumes import Volumes, Wish


def test_volumes_made_at_the_same_time_do_not_get_the_same_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volumes = Volumes(tmp_path)
    size = volumes.available_bytes() * 2 // 3
    refused: list[str] = []

    def make(kind: str, image: Path) -> None:
        # Another call, while this volume's file system is being made.
        with pytest.raises(VolumeProblem, match="is left on this node") as caught:
            volumes.create(Wish("second", size, 0, ""))
        refused.append(str(caught.value))

    monkeypatch.setattr(filesystems, "make", make)
    assert volumes.create(Wish("first", size, 0, "ext4")).capacity_bytes >= size
    assert len(refused) == 1
    volumes.delete("first")
    assert volumes.create(Wish("second", size, 0, "")).capacity_bytes >= size
