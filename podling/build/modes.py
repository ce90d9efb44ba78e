"""`--chmod` of COPY and ADD: an octal mode, or changes as chmod(1) writes them (`u=rwX,go-w`). Pure."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass

_OCTAL = re.compile(r"[0-7]{1,4}")
_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)")
_ACTION = re.compile(r"([-+=])([ugo]|[rwxXst]*)")
_SHIFTS = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 4, "w": 2, "x": 1}
_SPECIAL = {"u": stat.S_ISUID, "g": stat.S_ISGID, "o": 0}


class ModeError(ValueError):
    """What is no mode."""


@dataclass(frozen=True)
class Chmod:
    """A mode, or how modes change. Made by `parse`."""

    text: str

    def of(self, mode: int, *, is_folder: bool) -> int:
        """The permissions of a file that had these."""
        if _OCTAL.fullmatch(self.text):
            return int(self.text, 8)
        for clause in self.text.split(","):
            who, actions = _parts(clause)
            for operator, what in _ACTION.findall(actions):
                mode = _changed(mode, who, operator, what, is_folder)
        return mode


def parse(text: str) -> Chmod:
    """Raises ModeError."""
    if not _OCTAL.fullmatch(text):
        for clause in text.split(","):
            _parts(clause)
    return Chmod(text)


def _parts(clause: str) -> tuple[str, str]:
    match = _CLAUSE.fullmatch(clause)
    if match is None:
        raise ModeError(f"{clause!r} is no mode: write it as 0755 or as u=rwX,go=rX")
    who = match[1]
    return ("ugo" if not who or "a" in who else who), match[2]


def _changed(mode: int, who: str, operator: str, what: str, is_folder: bool) -> int:
    granted = covered = 0
    for each in who:
        granted |= _granted(mode, each, what, is_folder)
        covered |= 7 << _SHIFTS[each] | _SPECIAL[each]
    if "t" in what:
        granted |= stat.S_ISVTX
    if operator == "+":
        return mode | granted
    if operator == "-":
        return mode & ~granted
    return mode & ~covered | granted


def _granted(mode: int, who: str, what: str, is_folder: bool) -> int:
    if what in _SHIFTS:
        return (mode >> _SHIFTS[what] & 7) << _SHIFTS[who]
    bits = sum(_BITS[letter] for letter in set(what) & set(_BITS))
    if "X" in what and (is_folder or mode & 0o111):
        bits |= 1
    return bits << _SHIFTS[who] | (_SPECIAL[who] if "s" in what else 0)
