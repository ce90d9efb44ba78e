"""Names of users and groups of an image as numbers: for USER and --chown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from podling.build import paths


class UnknownUser(ValueError):
    """A name that the image's passwd or group file does not have."""


@dataclass(frozen=True)
class Identity:
    """Numbers of a user, its group and further groups."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()


def identity(root: Path, text: str, *, own_group: bool) -> Identity:
    """`USER[:GROUP]`, names or numbers. `own_group`: without a group it is the user's own in passwd (USER), else the
    same number (--chown). Raises UnknownUser.
    """
    user, _, group = text.partition(":")
    entries = list(_entries(root, "etc/passwd", 4))
    found = _find(entries, user or "0")
    if found is None and not (user or "0").isdecimal():
        raise UnknownUser(f"unable to find user {user}: no matching entries in passwd file of the image")
    uid = int(found[2]) if found else int(user or 0)
    groups = list(_entries(root, "etc/group", 3))
    if group:
        gid = _group(groups, group)
    elif own_group:
        gid = int(found[3]) if found else 0
    else:
        gid = uid if found is None else int(found[3])
    further = [int(entry[2]) for entry in groups if found and len(entry) > 3 and found[0] in entry[3].split(",")]
    return Identity(uid, gid, tuple(sorted(set(further))))


def home(root: Path, uid: int) -> str:
    """The home folder of a user, / when the image names none."""
    found = _find(list(_entries(root, "etc/passwd", 6)), str(uid))
    return found[5] if found else "/"


def _find(entries: list[list[str]], user: str) -> list[str] | None:
    field = 2 if user.isdecimal() else 0
    return next((entry for entry in entries if entry[field] == user), None)


def _group(groups: list[list[str]], name: str) -> int:
    if name.isdecimal():
        return int(name)
    found = next((entry for entry in groups if entry[0] == name), None)
    if found is None:
        raise UnknownUser(f"unable to find group {name}: no matching entries in group file of the image")
    return int(found[2])


def _entries(root: Path, path: str, fields: int) -> Iterator[list[str]]:
    try:
        text = paths.resolve(root, path).read_text(errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        entry = line.strip().split(":")
        if len(entry) >= fields and entry[2].isdecimal():
            yield entry
