"""`.dockerignore`: which paths of the build context do not exist for the build. Pure.

Source: Dockerfile reference, ".dockerignore files"; Go's filepath.Match with `**`. The last pattern that matches a path
or a folder it is in decides; `!` takes back.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass


class PatternError(ValueError):
    """A pattern that cannot be read."""


@dataclass(frozen=True)
class Pattern:
    """One line."""

    expression: re.Pattern[str]
    keeps: bool


class Ignored:
    """The patterns of a file."""

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        self._patterns = tuple(patterns)
        self.has_exceptions = any(pattern.keeps for pattern in self._patterns)

    def __call__(self, path: str) -> bool:
        """Whether a path, relative to the context, is left out."""
        parts = path.split("/")
        candidates = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        left_out = False
        for pattern in self._patterns:
            if pattern.keeps == left_out and any(map(pattern.expression.fullmatch, candidates)):
                left_out = not pattern.keeps
        return left_out


def parse(text: str) -> Ignored:
    """Read a .dockerignore. Raises PatternError."""
    patterns = []
    for line in text.removeprefix("\ufeff").splitlines():
        if line.startswith("#") or not (word := line.strip()):
            continue
        keeps = word.startswith("!")
        word = posixpath.normpath(word[1:].strip() if keeps else word).lstrip("/")
        if word in ("", "."):
            if keeps:
                raise PatternError("a lone ! says nothing")
            continue
        patterns.append(Pattern(compile_pattern(word), keeps))
    return Ignored(patterns)


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern with `*`, `?`, `[...]` and `**` as a regular expression for whole paths. Raises PatternError."""
    result, index = "", 0
    while index < len(pattern):
        character = pattern[index]
        if pattern.startswith("**/", index):
            result += "(?:.*/)?"
            index += 3
            continue
        if pattern.startswith("**", index):
            result += ".*"
            index += 2
            continue
        if character == "*":
            result += "[^/]*"
        elif character == "?":
            result += "[^/]"
        elif character == "[":
            end = pattern.find("]", index + 2)
            if end < 0:
                raise PatternError(f"a [ is not closed: {pattern}")
            inside = pattern[index + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            result += f"[{inside}]"
            index = end
        elif character == "\\" and index + 1 < len(pattern):
            index += 1
            result += re.escape(pattern[index])
        else:
            result += re.escape(character)
        index += 1
    try:
        return re.compile(result, re.DOTALL)
    except re.error as error:
        raise PatternError(f"{pattern}: {error}") from error
