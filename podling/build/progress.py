"""What a build says while it works: plain numbered lines, or nothing."""

from __future__ import annotations

import time


class Progress:
    """Steps are numbered over the whole build. `quiet`: errors only."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._number = 0
        self._began = 0.0

    def step(self, text: str) -> None:
        """A step begins."""
        self._number += 1
        self._began = time.monotonic()
        self._print(text)

    def output(self, line: str) -> None:
        """A line a command wrote."""
        self._print(f"{time.monotonic() - self._began:.3f} {line}")

    def cached(self) -> None:
        """The step was found in the cache."""
        self._print("CACHED")

    def done(self) -> None:
        """The step has ended well."""
        self._print(f"DONE {time.monotonic() - self._began:.1f}s")

    def warn(self, text: str) -> None:
        """Something looks wrong, but is none of our business."""
        if not self._quiet:
            print(f"warning: {text}", flush=True)

    def _print(self, text: str) -> None:
        if not self._quiet:
            print(f"#{self._number} {text}", flush=True)
