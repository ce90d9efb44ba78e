"""`RUN --mount=...`: what of other places a command sees while it runs, and only then.

Source: Dockerfile reference, "RUN --mount". Types: bind, cache, tmpfs, secret; ssh is refused.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from podling.errors import CommandError

_KEYS = {
    "bind": {"target", "source", "from", "readonly"},
    "cache": {"id", "target", "readonly", "sharing", "from", "source", "mode", "uid", "gid"},
    "tmpfs": {"target", "size"},
    "secret": {"id", "target", "required", "mode", "uid", "gid", "env"},
}
_ALIASES = {"dst": "target", "destination": "target", "src": "source", "ro": "readonly"}


class MountError(ValueError):
    """A --mount that cannot be read or met."""


@dataclass(frozen=True)
class MountWish:
    """A --mount as it was written."""

    kind: str
    values: Mapping[str, str]

    @property
    def target(self) -> str:
        """Where in the image; a secret has a place of its own."""
        target = self.values.get("target", "")
        return target or (f"/run/secrets/{self.values.get('id', '')}" if self.kind == "secret" else "")


@dataclass(frozen=True)
class Bound:
    """A mount of a running command. `source` None: a tmpfs with these options."""

    target: str
    source: Path | None
    readonly: bool = False
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Secret:
    """A --secret of the command line: a file of the machine, or the value of a variable."""

    id: str
    source: Path


def parse(text: str) -> MountWish:
    """Read `type=cache,target=/x`. Raises MountError."""
    values: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        key = _ALIASES.get(key.strip(), key.strip())
        if key in ("rw", "readwrite"):
            key, value = "readonly", "false" if not equals or value == "true" else "true"
        values[key] = value if equals or (key == "readonly" and value) else "true"
    kind = values.pop("type", "bind")
    if kind not in _KEYS:
        raise MountError(f"--mount=type={kind} is not supported: there are {', '.join(sorted(_KEYS))}")
    unknown = sorted(set(values) - _KEYS[kind])
    if unknown:
        raise MountError(f"--mount=type={kind} has no {unknown[0]}; it has {', '.join(sorted(_KEYS[kind]))}")
    wish = MountWish(kind, values)
    if not posixpath.isabs(wish.target):
        raise MountError(f"--mount={text} needs an absolute target")
    return wish


def parse_secret(text: str) -> Secret:
    """Read `--secret id=NAME,src=FILE`. Raises CommandError."""
    values = dict(part.partition("=")[::2] for part in text.split(","))
    source = values.get("src") or values.get("source") or values.get("id", "")
    if not values.get("id"):
        raise CommandError(f"--secret {text}: it is id=NAME,src=FILE")
    file = Path(source)
    if not file.is_file():
        raise CommandError(f"--secret {text}: there is no file {file}")
    return Secret(values["id"], file.absolute())
