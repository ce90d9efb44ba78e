"""YAML between people and the API: read with the meaning manifests have, written as `kubectl -o yaml` prints.

`y`, `on`, `no` are booleans, as to kubectl; dates are strings; duplicate keys are errors, which kubectl lets pass.
What `load_all` returns holds only what JSON can.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

_MAX_DEPTH = 400  # no object nests deeper; recursion in the codecs needs a bound
_MAX_ALIASED = 1_000_000  # values copied through aliases in one document, against "billion laughs"
_MAX_REPEATS = 100  # repeated keys told of: more help nobody
_TAG = "tag:yaml.org,2002:"
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
# As kubectl reads them (YAML 1.1, each word in three spellings), seen with kubectl 1.32 and 1.37.
_TRUE, _FALSE = ("y", "yes", "true", "on"), ("n", "no", "false", "off")
_BOOLEANS = {
    spelling: word in _TRUE for word in (*_TRUE, *_FALSE) for spelling in (word, word.capitalize(), word.upper())
}
_NOT_NUMBERS = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_INTEGER = re.compile(r"[-+]?(?:0[bB]_*[01][01_]*|0[oO]?_*[0-7][0-7_]*|0[xX]_*[0-9a-fA-F][0-9a-fA-F_]*|[1-9][0-9_]*|0)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9_]+(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?")
_MERGE = "<<"
_OLD_BOOLEANS = re.compile(r"(?:y|n|yes|no|on|off|true|false)", re.IGNORECASE)
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?")
_SORT_PARTS = re.compile(r"[0-9]+|[^0-9]")


class YamlError(ValueError):
    """The text is not YAML, or means something JSON cannot hold; the message names the line."""


def load_all(text: str | bytes, repeats: list[str] | None = None) -> list[Any]:
    """Every document that is not empty, as trees. Raises `YamlError`.

    JSON is read as JSON when it starts like an object. repeats: takes up `line 3: key "a" already set in map` for each
    key that comes again, whose last value then counts; without it they are errors.
    """
    if text[:1] in ("{", b"{"):
        try:
            return [msgspec.json.decode(text)]
        except msgspec.DecodeError:
            pass  # flow YAML, several JSON documents, or broken: the YAML parser tells which
    try:
        return [document for document in _documents(text, repeats) if document is not None]
    except yaml.MarkedYAMLError as error:
        raise YamlError(_syntax_message(error)) from None
    except yaml.YAMLError as error:
        raise YamlError(f"yaml: {error}") from None
    except UnicodeDecodeError as error:
        raise YamlError(f"yaml: invalid UTF-8 at byte {error.start}") from None


def dump(tree: Any) -> str:
    """A tree as YAML: sorted keys, block style, literal blocks for text of several lines."""
    events = [
        StreamStartEvent(),
        DocumentStartEvent(explicit=False),
        *_emit(tree),
        DocumentEndEvent(explicit=False),
        StreamEndEvent(),
    ]
    text: str = yaml.emit(events, Dumper=yaml.CDumper, allow_unicode=True)
    return text


def _syntax_message(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}: " if mark is not None else ""
    return f"yaml: {where}{error.problem or error.context}"


def _documents(text: str | bytes, repeats: list[str] | None) -> Iterator[Any]:
    parser = yaml.CSafeLoader(text)
    try:
        while True:
            event = parser.get_event()
            if isinstance(event, StreamEndEvent):
                return
            if isinstance(event, DocumentStartEvent):
                yield _Document(parser, repeats).read()
    finally:
        parser.dispose()


class _Document:
    """Builds one document from parser events."""

    def __init__(self, parser: yaml.CSafeLoader, repeats: list[str] | None) -> None:
        self._parser = parser
        self._repeats = repeats
        self._anchors: dict[str, Any] = {}
        self._aliased = 0

    def read(self) -> Any:
        return self._value(self._next(), 0)

    def _next(self) -> Event:
        event = self._parser.get_event()
        assert event is not None, "the parser ends every document before the stream"
        return event

    def _value(self, event: Event, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise _error(event, f"exceeded max depth of {_MAX_DEPTH}")
        if isinstance(event, AliasEvent):
            return self._alias(event)
        if isinstance(event, ScalarEvent):
            value = _scalar(event)
        elif isinstance(event, SequenceStartEvent):
            value = list(self._items(depth))
        else:
            value = self._mapping(depth)
        if isinstance(event, CollectionStartEvent | ScalarEvent) and event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _alias(self, event: AliasEvent) -> Any:
        if event.anchor not in self._anchors:
            raise _error(event, f"unknown anchor '{event.anchor}' referenced")
        value = self._anchors[event.anchor]
        self._aliased += _size(value, _MAX_ALIASED)
        if self._aliased > _MAX_ALIASED:
            raise _error(event, "document contains excessive aliasing")
        return value

    def _items(self, depth: int) -> Iterator[Any]:
        while not isinstance(event := self._next(), SequenceEndEvent):
            yield self._value(event, depth + 1)

    def _mapping(self, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            if isinstance(event, ScalarEvent) and event.value == _MERGE and event.implicit[0]:
                start = self._next()
                merged.update(_merged(start, self._value(start, depth + 1)))
                continue
            key = _key(event, self._value(event, depth + 1))
            if key in own:
                self._repeat(_error(event, f'key "{key}" already set in map'))
            own[key] = self._value(self._next(), depth + 1)
        return {**merged, **own} if merged else own

    def _repeat(self, error: YamlError) -> None:
        if self._repeats is None:
            raise error
        if len(self._repeats) < _MAX_REPEATS:
            self._repeats.append(str(error).removeprefix("yaml: "))


def _merged(event: Event, value: Any) -> dict[str, Any]:
    """What `<<: value` brings in; earlier mappings of a list win."""
    parts = value if isinstance(value, list) else [value]
    result: dict[str, Any] = {}
    for part in reversed(parts):
        if not isinstance(part, dict):
            raise _error(event, "map merge requires map or sequence of maps as the value")
        result.update(part)
    return result


def _key(event: Event, value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
    raise _error(event, "unsupported map key: keys must be strings, numbers or booleans")


def _error(event: Event, problem: str) -> YamlError:
    mark = event.start_mark
    return YamlError(f"yaml: line {mark.line + 1}: {problem}" if mark is not None else f"yaml: {problem}")


def _size(value: Any, bound: int) -> int:
    """How many values a tree holds, counted no further than `bound`."""
    count, waiting = 0, [value]
    while waiting and count <= bound:
        item = waiting.pop()
        count += 1
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return count


def _scalar(event: ScalarEvent) -> Any:
    tag = event.tag or ""
    if tag == f"{_TAG}binary":
        try:
            return base64.b64decode("".join(event.value.split()), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise _error(event, "!!binary value contains invalid base64 data or is not text") from None
    if tag in ("", f"{_TAG}int", f"{_TAG}float", f"{_TAG}bool", f"{_TAG}null") and (tag or event.implicit[0]):
        return _plain(event)
    return event.value


def _plain(event: ScalarEvent) -> Any:
    """What an unquoted word means."""
    text: str = event.value
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _NOT_NUMBERS.fullmatch(text):
        raise _error(event, f"unsupported value: {text}")
    number = _number(text)
    return text if number is None else number


def _number(text: str) -> int | float | None:
    """Numbers as manifests write them: 0x1F, 0o17, 017, 0b1, 1_000, 1e3; None when it is none."""
    if _INTEGER.fullmatch(text) and len(text) < 80:
        integer = _integer(text.replace("_", ""))
        return integer if -(2**63) <= integer < 2**64 else float(integer)
    if not _FLOAT.fullmatch(text):
        return None
    try:
        number = float(text.replace("_", ""))
    except ValueError:  # "-_": underscores are not digits enough
        return None
    if math.isinf(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 2**63 else number


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    is_old_octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    value = int(digits, 8) if is_old_octal else int(digits, 0)
    return -value if text.startswith("-") else value


def _emit(tree: Any) -> Iterator[Event]:
    if isinstance(tree, dict):
        yield MappingStartEvent(None, None, True, flow_style=not tree)
        for key in sorted(tree, key=_natural):
            yield from _emit(key)
            yield from _emit(tree[key])
        yield MappingEndEvent()
    elif isinstance(tree, list | tuple):
        yield SequenceStartEvent(None, None, True, flow_style=not tree)
        for item in tree:
            yield from _emit(item)
        yield SequenceEndEvent()
    else:
        text, style = _written(tree)
        yield ScalarEvent(None, None, (True, True), text, style=style)


def _written(value: Any) -> tuple[str, str | None]:
    """A scalar's text and the style it needs to be read back as the same value by any YAML version."""
    if isinstance(value, str):
        if "\n" in value:
            return value, "|"
        return value, '"' if _looks_otherwise(value) else None
    if value is None:
        return "null", None
    if isinstance(value, bool):
        return ("true" if value else "false"), None
    return msgspec.json.encode(value).decode(), None


def _looks_otherwise(text: str) -> bool:
    """Whether an unquoted word would mean something other than this string to some reader."""
    if text in _NULLS or text == _MERGE or _OLD_BOOLEANS.fullmatch(text):
        return True
    if text[0] not in "+-.0123456789":
        return False
    return bool(
        _NOT_NUMBERS.fullmatch(text)
        or _INTEGER.fullmatch(text)
        or _FLOAT.fullmatch(text)
        or _SEXAGESIMAL.fullmatch(text)
        or _DATE.fullmatch(text)
    )


def _natural(text: str) -> list[tuple[int, int, int]]:
    """Sort key: signs before digits before letters, and digits by the number they form ("a2" before "a10")."""
    parts = []
    for part in _SORT_PARTS.findall(text):
        if part.isdigit() and part.isascii():
            parts.append((1, int(part[:400]), len(part)))
        else:
            parts.append((2 if part.isalpha() else 0, ord(part), 0))
    return parts
