"""Which cluster a command is about: --dir, else PODLING_DIR, else the one last started."""

from __future__ import annotations

import os
from pathlib import Path

from podling.errors import CommandError
from podling.launcher.plan import RUN_ROOT


def resolve(given: Path | None) -> Path:
    """The cluster's directory. Raises CommandError when there is none to guess."""
    if given is not None:
        return given
    if os.environ.get("PODLING_DIR"):
        return Path(os.environ["PODLING_DIR"])
    try:
        return Path((RUN_ROOT / "last-dir").read_text().strip())
    except FileNotFoundError:
        raise CommandError("no cluster was started on this machine: start one with `podling up --dir DIR`") from None
