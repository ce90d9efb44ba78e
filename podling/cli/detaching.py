"""Docker's keys for leaving a container's terminal without ending it: Ctrl-P, then Ctrl-Q. Pure."""

from __future__ import annotations

CTRL_P, CTRL_Q = b"\x10", b"\x11"


class Detached(Exception):
    """The person left; the container goes on."""


class DetachKeys:
    """What is typed, looked through for the keys. A Ctrl-P is held back until the key after it is known."""

    def __init__(self) -> None:
        self._held = b""

    def pass_on(self, typed: bytes) -> tuple[bytes, bool]:
        """What of it is the container's, and whether the person leaves."""
        typed = self._held + typed
        self._held = b""
        before, keys, _ = typed.partition(CTRL_P + CTRL_Q)
        if keys:
            return before, True
        if typed.endswith(CTRL_P):
            self._held = CTRL_P
            typed = typed[:-1]
        return typed, False
