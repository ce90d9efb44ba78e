"""What the kernel said about a file, for pods' events: no number, and the file where the kernel names one."""

from __future__ import annotations


def file_error_text(error: OSError) -> str:
    """`No such file or directory: /a/b`; the reason alone of a write, which fails without a name."""
    reason = error.strerror or str(error)
    return f"{reason}: {error.filename}" if error.filename else reason
