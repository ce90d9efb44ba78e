"""How a container ended, from what is known of it. Pure."""

from __future__ import annotations

import signal
from dataclasses import asdict, dataclass
from typing import Any

_KILLED = 128 + signal.SIGKILL
_UNKNOWN = 255


@dataclass(frozen=True)
class Ending:
    """The fields of a status that say how it ended."""

    exit_code: int
    finished_at: int
    reason: str
    message: str = ""
    oom_kills: int = 0
    oom_killed: bool = False

    def fields(self) -> dict[str, Any]:
        """As keyword arguments for the status."""
        return asdict(self)


def ending(told: tuple[int, int] | None, was_alive: bool, oom_kills: int, now: int) -> Ending:
    """`told` is (exit code, time) as conmon left it, or None; `was_alive`: the container outlived its conmon.

    A container is OOMKilled when the kernel killed processes of it for lack of memory and it ended as killed; when it
    survived the kill of a child, or ended otherwise, that is only counted and told.
    """
    if told is None:
        if was_alive:
            return Ending(
                _KILLED, now, "Error", "the container's monitor ended, so the container was killed", oom_kills
            )
        return Ending(_UNKNOWN, now, "Unknown", "nobody saw how the container ended", oom_kills)
    code, finished_at = told
    if oom_kills and code == _KILLED:
        return Ending(code, finished_at, "OOMKilled", "", oom_kills, oom_killed=True)
    message = f"{oom_kills} of its processes were killed for lack of memory" if oom_kills else ""
    return Ending(code, finished_at, "Completed" if code == 0 else "Error", message, oom_kills)
