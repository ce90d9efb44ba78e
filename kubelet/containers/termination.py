"""What a container said at its end: `terminated.message` (upstream: getTerminationMessage)."""

from __future__ import annotations

from pathlib import Path

from api.types import Container, EphemeralContainer
from kubelet.logs.read import last_output

MAX_MESSAGE_BYTES = 4096
MAX_LOG_BYTES = 2048
MAX_LOG_LINES = 80


def message(container: Container | EphemeralContainer, said: Path, log: Path, exit_code: int) -> str:
    """The text of the termination file, or the end of the log when the policy allows and the file says nothing."""
    text = _read(said)
    if text or exit_code == 0 or container.termination_message_policy != "FallbackToLogsOnError":
        return text
    return last_output(log, MAX_LOG_BYTES, MAX_LOG_LINES)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_MESSAGE_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def prepare(path: Path) -> Path:
    """Make the empty file that is mounted into the container; any user may write to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(0o666)
    return path
