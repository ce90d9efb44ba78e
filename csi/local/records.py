"""What is on disk of volumes and snapshots: folders named by them, each with a record. Blocking."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_ID: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,126}[A-Za-z0-9])?")


class VolumeProblem(Exception):
    """A volume or snapshot cannot be had. `reason` is one of the words below; the text is for people."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


INVALID: Final = "invalid"
ABSENT: Final = "absent"
EXISTS: Final = "exists"
FULL: Final = "full"
BUSY: Final = "busy"
TOO_SMALL: Final = "too-small"


def identified(id: str, what: str) -> str:
    """The id itself. Raises VolumeProblem when it cannot be the name of a folder of ours."""
    if _ID.fullmatch(id) is None:
        raise VolumeProblem(INVALID, f"{id!r} cannot be the name of a {what}")
    return id


def write(record: Path, values: Mapping[str, object]) -> None:
    """Write a record whole or not at all: only once it is there does its folder stand for something."""
    fresh = record.with_suffix(".new")
    with fresh.open("w") as file:
        json.dump(values, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(record)


def sweep(directory: Path, record: str) -> None:
    """Remove folders that a crash left without their record. Only while nobody makes or deletes any."""
    for place in directory.iterdir():
        if not (place / record).exists():
            shutil.rmtree(place)


def text_of(size: int) -> str:
    """Roughly, so that the same complaint is the same text while the disk is in use."""
    for unit, name in ((1 << 30, "Gi"), (1 << 20, "Mi")):
        if size >= unit:
            return f"{size // unit}{name}"
    return "less than 1Mi"
