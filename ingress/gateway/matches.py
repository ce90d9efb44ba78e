"""An HTTPRoute's matches, as the routing table has them (upstream: HTTPRouteMatch). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from api.types import HTTPHeaderMatch, HTTPPathMatch, HTTPQueryParamMatch, HTTPRouteMatch
from ingress.model import EVERYTHING, Conditions, PathKind, PathMatch, ValueMatch

_REGEX = "RegularExpression"
_DELETE = 0x7F
# What Python understands and RE2 does not: looking around, references, possessive and very long repetitions.
_NOT_RE2 = re.compile(r"\\[1-9ZuUN]|\(\?(?!:|P<\w+>|[imsU-]+[:)])|[*+?}]\+|\{\d{4,}|\{\d*,\d{4,}")


class Unsupported(Exception):
    """Something in a rule that cannot be carried out; says what."""


def read(match: HTTPRouteMatch) -> tuple[PathMatch, Conditions]:
    """Raises Unsupported."""
    headers, parameters = _values(match.headers, ignore_case=True), _values(match.query_params, ignore_case=False)
    return _path(match.path), Conditions(match.method or "", headers, parameters)


def printable(text: str) -> str:
    """The text if it may stand in a header or path: the proxy would refuse all routes of the port for a line end."""
    if any(ord(character) < ord(" ") or ord(character) == _DELETE for character in text):
        raise Unsupported(f"{text!r} has control characters")
    return text


def _path(path: HTTPPathMatch | None) -> PathMatch:
    if path is None:
        return EVERYTHING
    value = path.value or "/"
    if path.type == "Exact":
        return PathMatch(PathKind.EXACT, value)
    if path.type == _REGEX:
        return PathMatch(PathKind.REGEX, _regex(value))
    return PathMatch(PathKind.PREFIX, value.rstrip("/") or "/")


def _values(matches: Iterable[HTTPHeaderMatch | HTTPQueryParamMatch], *, ignore_case: bool) -> tuple[ValueMatch, ...]:
    """Of several for one name only the first counts."""
    found: dict[str, ValueMatch] = {}
    for match in matches:
        is_regex = match.type == _REGEX
        value = _regex(match.value) if is_regex else match.value
        name = match.name.lower() if ignore_case else match.name
        found.setdefault(name, ValueMatch(name, value, is_regex))
    return tuple(found.values())


def _regex(expression: str) -> str:
    """The expression if the proxy will take it: it would refuse all routes of the port for one it cannot read."""
    try:
        re.compile(expression)
    except (re.error, RecursionError) as error:
        raise Unsupported(f"{expression!r} is not a regular expression: {error}") from error
    refused = _NOT_RE2.search(expression.replace("\\\\", ""))
    if refused:
        message = f"{expression!r} has {refused.group()!r}, which expressions in RE2's notation have not"
        raise Unsupported(message)
    return expression
