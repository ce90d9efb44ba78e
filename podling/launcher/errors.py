"""What stops `up` and `down`."""

from __future__ import annotations

from podling.errors import CommandError


class LauncherError(CommandError):
    """The command cannot be carried out; the message says why and what to do."""


def reason(error: OSError) -> str:
    """The kernel's words, and which file they are about."""
    words = error.strerror or str(error)
    return f"{error.filename}: {words}" if error.filename else words
