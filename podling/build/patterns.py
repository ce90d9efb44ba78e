"""`${NAME#PATTERN}` and its like in a Dockerfile: parts of a value taken away or replaced, as shells do it. Pure.

Source: Dockerfile reference, "Environment replacement". `*` stands for any text, `?` for one character.
"""

from __future__ import annotations

import re


def without_prefix(value: str, pattern: str, escape: str, *, longest: bool) -> str:
    """Without what the pattern fits at the beginning."""
    expression = _compile(pattern, escape)
    lengths = range(len(value) + 1)
    for length in reversed(lengths) if longest else lengths:
        if expression.fullmatch(value, 0, length):
            return value[length:]
    return value


def without_suffix(value: str, pattern: str, escape: str, *, longest: bool) -> str:
    """Without what the pattern fits at the end."""
    expression = _compile(pattern, escape)
    starts = range(len(value) + 1)
    for start in starts if longest else reversed(starts):
        if expression.fullmatch(value, start):
            return value[:start]
    return value


def replaced(value: str, pattern: str, escape: str, replacement: str, *, everywhere: bool) -> str:
    """With what the pattern fits, as much as it can, replaced: where it first does, or everywhere."""
    if not pattern:
        return value
    return _compile(pattern, escape).sub(lambda _: replacement, value, count=0 if everywhere else 1)


def _compile(pattern: str, escape: str) -> re.Pattern[str]:
    expression = ""
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            expression += re.escape(next(characters, escape))
        elif character == "*":
            expression += ".*"
        else:
            expression += "." if character == "?" else re.escape(character)
    return re.compile(expression, re.DOTALL)
