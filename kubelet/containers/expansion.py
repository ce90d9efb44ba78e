"""`$(NAME)` in commands, arguments and environment values (upstream: third_party/forked/golang/expansion)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


def expand(text: str, *scopes: Mapping[str, str]) -> str:
    """Replace each `$(NAME)` by its value in the first scope that has it.

    `$$` is a dollar sign; a reference to a name nobody knows stays as it is.
    """

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "$"
        for scope in scopes:
            if name in scope:
                return scope[name]
        return match[0]

    return _REFERENCE.sub(replace, text)


def valueless(text: str, scope: Mapping[str, str]) -> list[str]:
    """The names that a text refers to and that have no value, or an empty one; sorted."""
    names = {match[1] for match in _REFERENCE.finditer(text) if match[1] is not None}
    return sorted(name for name in names if not scope.get(name))
