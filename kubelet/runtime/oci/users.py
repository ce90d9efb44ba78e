"""Who a container's process is: numbers from the image's user and the root file system's passwd and group files.

Rules as containerd's: a name must be known, a number need not be; the supplementary groups the user's name has in
/etc/group count too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from images.filesystem import open_in_root

from ..base import InvalidConfig, SecurityContext

_MAX_FILE = 8 << 20
_MAX_DIGITS = 10


@dataclass(frozen=True)
class Identity:
    """Numbers of a process's user, group and further groups."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    @property
    def all_groups(self) -> list[int]:
        """Every group, the first one too, as containerd sets them."""
        return sorted({self.gid, *self.groups})


def identity(rootfs: Path, image_user: str, security: SecurityContext) -> Identity:
    """The identity for a container. Raises InvalidConfig for a name that is not known."""
    user, _, group = image_user.partition(":")
    user = user or "0"
    if security.uid is not None:
        user, group = str(security.uid), ""
    entries = list(_entries(rootfs, "etc/passwd", 4))
    found = _find(entries, user)
    if found is None and not user.isdecimal():
        raise InvalidConfig(f"unable to find user {user}: no matching entries in passwd file")
    uid = int(found[2]) if found else int(user)
    groups = list(_entries(rootfs, "etc/group", 3))
    gid = int(found[3]) if found else 0
    if security.gid is not None:
        gid = security.gid
    elif group:
        gid = _group_number(groups, group)
    further = set(security.supplemental_groups)
    if found and not security.strict_groups:
        further |= {int(entry[2]) for entry in groups if found[0] in _members(entry)}
    return Identity(uid, gid, tuple(sorted(further)))


def _find(entries: list[list[str]], user: str) -> list[str] | None:
    """A number is only a number: a user of that name could be root."""
    field = 2 if user.isdecimal() else 0
    return next((entry for entry in entries if entry[field] == user), None)


def _group_number(groups: list[list[str]], group: str) -> int:
    if group.isdecimal():
        return int(group)
    found = next((entry for entry in groups if entry[0] == group), None)
    if found is None:
        raise InvalidConfig(f"unable to find group {group}: no matching entries in group file")
    return int(found[2])


def _members(entry: list[str]) -> list[str]:
    return entry[3].split(",") if len(entry) > 3 else []


def _entries(rootfs: Path, path: str, fields: int) -> Iterator[list[str]]:
    """The lines of a passwd or group file that have numbers where they should; none when there is no file.

    The file is the container's: links in it are followed inside its root only.
    """
    root = os.open(rootfs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        descriptor = open_in_root(root, path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return
    finally:
        os.close(root)
    with os.fdopen(descriptor, "rb") as file:
        text = file.read(_MAX_FILE).decode(errors="replace")
    for line in text.splitlines():
        entry = line.strip().split(":")
        if len(entry) >= fields and all(map(_is_number, entry[2:fields])):
            yield entry


def _is_number(field: str) -> bool:
    return field.isdecimal() and len(field) <= _MAX_DIGITS
