"""Stop signals by name. Pure."""

from __future__ import annotations

import signal


def signal_number(name: str) -> int:
    """A stop signal as images and pods name it: `SIGTERM`, `TERM`, `SIGRTMIN+3` or a number."""
    if name.isdecimal():
        return int(name)
    name, sign, offset = name.upper().partition("-" if "-" in name else "+")
    try:
        return signal.Signals[name if name.startswith("SIG") else f"SIG{name}"] + int(f"{sign or '+'}{offset or 0}")
    except (KeyError, ValueError):
        return signal.SIGTERM
