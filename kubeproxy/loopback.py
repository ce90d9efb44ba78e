"""The addresses this node answers to besides its own: on its loopback."""

from __future__ import annotations

import subprocess


def addresses() -> set[str]:
    """The single IPv4 addresses that are there. Raises OSError."""
    words = ip("-oneline", "-4", "address", "show", "dev", "lo").split()
    return {word.partition("/")[0] for word in words if word.endswith("/32")}


def add(address: str) -> None:
    """Answer to it; nothing happens when it is there. Raises OSError."""
    # In the host's scope the kernel never takes it for the source of what it masquerades: that stays the node's own.
    ip("address", "replace", f"{address}/32", "dev", "lo", "scope", "host")


def remove(address: str) -> None:
    """Answer to it no more. Raises OSError."""
    ip("address", "delete", f"{address}/32", "dev", "lo")


def ip(*arguments: str) -> str:
    """What the `ip` command prints. Raises OSError with its first line when it fails, or when it is not there."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(done.returncode, (done.stderr.strip() or "ip failed").splitlines()[0])
    return done.stdout
