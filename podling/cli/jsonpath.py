"""kubectl's JSONPath templates: text with `{expressions}`, ranges and filters.

Pure. Behaviour: upstream package client-go/util/jsonpath, for `.field`, `['field']`, `..field`, `[*]`, `[1,-1]`,
`[0:2:1]`, `[?(@.a.b == "c")]`, `{range …}{end}`, `{"text"}`, `{'text'}`, `{@}` and `{$}`.
"""

from __future__ import annotations

import json
import operator as operators
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Step = Callable[[Any], Iterator[Any]]

_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "<": operators.lt,
    ">": operators.gt,
    "<=": operators.le,
    ">=": operators.ge,
}
_FIELD = re.compile(r"((?:\\.|[^\\.\[\]{}()\s,=<>!|&\"'?@$])+)")
_FILTER = re.compile(r"\s*(.+?)\s*(==|!=|<=|>=|<|>)\s*(.+?)\s*", re.DOTALL)


class JsonPathError(ValueError):
    """The template is wrong, or asks for what is not there; the message says which."""


@dataclass(frozen=True, slots=True)
class _Text:
    text: str


@dataclass(frozen=True, slots=True)
class _Path:
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class _Range:
    path: _Path
    body: tuple[_Part, ...]


_Part = _Text | _Path | _Range


def render(template: str, tree: Any) -> str:
    """The template filled in from a tree. Raises JsonPathError."""
    # Without braces it is one path, the leading dot being optional.
    if "{" not in template:
        template = f"{{{template if template.startswith(('.', '[', '$', '@')) else f'.{template}'}}}"
    return _fill(_parse(template), tree)


def find(path: str, tree: Any) -> list[Any]:
    """The values at one path, `{.status.phase}` or `.status.phase`; none where something is missing."""
    inner = path.strip().removeprefix("{").removesuffix("}")
    return list(_walk(_PathParser(inner).parse().steps, [tree], strict=False))


def _fill(parts: Sequence[_Part], tree: Any) -> str:
    filled = []
    for part in parts:
        match part:
            case _Text(text):
                filled.append(text)
            case _Path(steps):
                filled.append(" ".join(_show(value) for value in _walk(steps, [tree], strict=True)))
            case _Range(path, body):
                filled.extend(_fill(body, value) for value in _walk(path.steps, [tree], strict=True))
    return "".join(filled)


def _walk(steps: Sequence[Step], values: list[Any], *, strict: bool) -> list[Any]:
    for step in steps:
        found: list[Any] = []
        for value in values:
            try:
                found.extend(step(value))
            except JsonPathError:
                if strict:
                    raise
        values = found
    return values


def _show(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _parse(template: str) -> tuple[_Part, ...]:
    """The template's parts; ranges hold those between their ends."""
    open_ranges: list[tuple[_Path, list[_Part]]] = []
    parts: list[_Part] = []
    for text, expression in _split(template):
        if text:
            parts.append(_Text(text))
        if expression is None:
            continue
        expression = expression.strip()
        if expression == "end":
            if not open_ranges:
                raise JsonPathError("{end} without {range}")
            path, outer = open_ranges.pop()
            outer.append(_Range(path, tuple(parts)))
            parts = outer
        elif expression.startswith(("range ", "range.")):
            open_ranges.append((_PathParser(expression.removeprefix("range").strip()).parse(), parts))
            parts = []
        else:
            parts.append(_expression(expression))
    if open_ranges:
        raise JsonPathError("{range} without {end}")
    return tuple(parts)


def _expression(expression: str) -> _Part:
    if expression[:1] in ("'", '"'):
        return _Text(_literal(expression))
    return _PathParser(expression).parse()


def _literal(text: str) -> str:
    if len(text) < 2 or text[-1] != text[0]:
        raise JsonPathError(f"unterminated quoted text {text}")
    body = text[1:-1]
    if text[0] == "'":
        return body.replace("\\'", "'").replace("\\n", "\n").replace("\\t", "\t")
    try:
        return str(json.loads(text))
    except ValueError:
        raise JsonPathError(f"invalid quoted text {text}") from None


def _split(template: str) -> Iterator[tuple[str, str | None]]:
    """Pairs of plain text and the expression after it; the last expression may be None."""
    position = 0
    while (start := template.find("{", position)) >= 0:
        end = _closing(template, start)
        yield template[position:start], template[start + 1 : end]
        position = end + 1
    yield template[position:], None


def _closing(template: str, start: int) -> int:
    quote = ""
    index = start + 1
    while index < len(template):
        character = template[index]
        if character == "\\":
            index += 1
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "}":
            return index
        index += 1
    raise JsonPathError(f"unclosed {{ in {template[start:]!r}")


class _PathParser:
    """One path as steps; each step turns a value into values."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def parse(self) -> _Path:
        steps: list[Step] = []
        if self._peek() in ("$", "@"):
            self._at += 1
        while self._at < len(self._text):
            if self._text.startswith("..", self._at):
                self._at += 2
                steps.append(_recursive(self._name()))
            elif self._peek() == ".":
                self._at += 1
                if self._at < len(self._text) and self._peek() != "[":
                    steps.append(_every if self._take("*") else _field(self._name()))
            elif self._peek() == "[":
                steps.append(self._bracket())
            else:
                raise JsonPathError(f"unexpected {self._text[self._at :]!r} in {self._text!r}")
        return _Path(tuple(steps))

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, text: str) -> bool:
        if self._text.startswith(text, self._at):
            self._at += len(text)
            return True
        return False

    def _name(self) -> str:
        match = _FIELD.match(self._text, self._at)
        if match is None:
            raise JsonPathError(f"a field name is missing in {self._text!r}")
        self._at = match.end()
        return re.sub(r"\\(.)", r"\1", match[1])

    def _bracket(self) -> Step:
        end = self._bracket_end()
        inside = self._text[self._at + 1 : end].strip()
        self._at = end + 1
        if inside == "*":
            return _every
        if inside.startswith("?(") and inside.endswith(")"):
            return _filter(inside[2:-1])
        if inside[:1] in ("'", '"'):
            return _union([_field(_literal(part.strip())) for part in inside.split(",")])
        if ":" in inside:
            return _slice(inside)
        try:
            return _union([_index(int(part)) for part in inside.split(",")])
        except ValueError:
            raise JsonPathError(f"invalid array index [{inside}]") from None

    def _bracket_end(self) -> int:
        depth, quote = 0, ""
        for index in range(self._at, len(self._text)):
            character = self._text[index]
            if quote:
                quote = "" if character == quote else quote
            elif character in "'\"":
                quote = character
            elif character == "[":
                depth += 1
            elif character == "]":
                depth -= 1
                if depth == 0:
                    return index
        raise JsonPathError(f"unclosed [ in {self._text!r}")


def _field(name: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict):
            if name not in value:
                raise JsonPathError(f"{name} is not found")
            yield value[name]

    return step


def _every(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _index(index: int) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            if not -len(value) <= index < len(value):
                raise JsonPathError(f"array index out of bounds: index {index}, length {len(value)}")
            yield value[index]

    return step


def _slice(text: str) -> Step:
    try:
        bounds = slice(*(int(part) if part.strip() else None for part in text.split(":")))
    except (ValueError, TypeError):
        raise JsonPathError(f"invalid array index [{text}]") from None

    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from value[bounds]

    return step


def _union(steps: list[Step]) -> Step:
    def step(value: Any) -> Iterator[Any]:
        for member in steps:
            yield from member(value)

    return step


def _recursive(name: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]
        for child in _every(value):
            yield from step(child)

    return step


def _filter(condition: str) -> Step:
    """Elements for which the condition holds; without an operator, those that have the path."""
    match = _FILTER.fullmatch(condition)
    left = _operand(match[1] if match else condition)
    right = _operand(match[3]) if match else None

    def step(value: Any) -> Iterator[Any]:
        for element in _every(value):
            found = left(element)
            if right is None or match is None:
                holds = bool(found)
            else:
                holds = bool(found) and _compare(found[0], match[2], right(element))
            if holds:
                yield element

    return step


def _operand(text: str) -> Callable[[Any], list[Any]]:
    text = text.strip()
    if text.startswith(("@", "$")):
        steps = _PathParser(text).parse().steps
        return lambda element: _walk(steps, [element], strict=False)
    if text[:1] in ("'", '"'):
        literal: Any = _literal(text)
    else:
        try:
            literal = json.loads(text)
        except ValueError:
            raise JsonPathError(f"unrecognized text {text!r} in a filter") from None
    return lambda element: [literal]


def _compare(left: Any, operator: str, right: list[Any]) -> bool:
    if not right:
        return False
    other = right[0]
    if operator in ("==", "!="):
        return bool(left == other) == (operator == "==")
    try:
        return bool(_ORDER[operator](left, other))
    except TypeError:
        return False
