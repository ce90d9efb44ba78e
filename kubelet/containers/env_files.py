"""Files of environment variables that one container of a pod writes for another (`fileKeyRef`).

Of a shell's syntax they have only `NAME='value'`: the value is taken as it is, lines and all, and nothing may follow it
but the next line. Blank lines and those that begin with # mean nothing. Whoever can write the file is not trusted: it
must be a regular one inside its volume, reached through no symbolic link.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path, PurePosixPath

MAX_BYTES = 1 << 20

_SKIPPED = re.compile(r"[ \t]*(#[^\n]*)?(\n|\Z)")
_VARIABLE = re.compile(r"[ \t]*([^\s='\"#]+)[ \t]*=[ \t]*'([^']*)'[ \t\r]*(\n|\Z)")


class EnvFileFailure(Exception):
    """The file cannot be read or is not such a file. The text says why."""


def read(volume: Path, path: str) -> dict[str, str] | None:
    """The variables of a file in a volume; None when there is none. Raises EnvFileFailure."""
    try:
        descriptor = _open(volume, PurePosixPath(path).parts)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EnvFileFailure(f'cannot read environment file "{path}": {error.strerror}') from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise EnvFileFailure(f'environment file "{path}" is not a regular file')
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise EnvFileFailure(f'environment file "{path}" is larger than {MAX_BYTES} bytes')
    return parse(content.decode("utf-8", "surrogateescape"))


def parse(text: str) -> dict[str, str]:
    """The variables; of one that is there twice the last. Raises EnvFileFailure."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        if skipped := _SKIPPED.match(text, at):
            at = skipped.end()
        elif variable := _VARIABLE.match(text, at):
            found[variable[1]] = variable[2]
            at = variable.end()
        else:
            line = text.count("\n", 0, at) + 1
            raise EnvFileFailure(f"invalid environment variable format at line {line}, must be NAME='value'")
    return found


def _open(volume: Path, parts: tuple[str, ...]) -> int:
    """A descriptor of the file, found without following links. Nobody on the other end of a pipe is waited for."""
    descriptor = os.open(volume, os.O_PATH | os.O_DIRECTORY)
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        flags = os.O_RDONLY | os.O_NONBLOCK if last else os.O_PATH | os.O_DIRECTORY
        try:
            below = os.open(part, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor
