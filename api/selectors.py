"""Label and field selectors: upstream's grammars, matching, and messages.

Labels: `a=b,c!=d,e in (x,y),f notin (z),g,!h,n>1`; fields: `metadata.name=a,spec.nodeName!=b`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from api import names
from api.errors import BadRequest
from api.field_errors import FieldError, quote
from api.label_selector_parser import SelectorSyntaxError, Term, parse
from api.types import LabelSelector as LabelSelectorRecord

Operator = Literal["in", "notin", "=", "==", "!=", "exists", "!", "gt", "lt"]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on labels. `values` are sorted; empty for "exists" and "!"."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "=" | "==" | "in":
                return value is not None and value in self.values
            case "!=" | "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case _:
                return self._compares(value)

    def _compares(self, value: str | None) -> bool:
        """Integers only, as upstream; anything else does not match."""
        if value is None or not _is_integer(value):
            return False
        bound = int(self.values[0])
        return int(value) > bound if self.operator == "gt" else int(value) < bound

    def __str__(self) -> str:
        if self.operator == "!":
            return f"!{self.key}"
        if self.operator == "exists":
            return self.key
        if self.operator in ("in", "notin"):
            return f"{self.key} {self.operator} ({','.join(self.values)})"
        symbol = {"gt": ">", "lt": "<"}.get(self.operator, self.operator)
        return f"{self.key}{symbol}{self.values[0]}"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Requirements that must all hold; none at all matches everything. `nothing` matches no object."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        return not self.nothing and all(requirement.matches(labels) for requirement in self.requirements)

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


EVERYTHING = LabelSelector()
NOTHING = LabelSelector(nothing=True)


def labels(text: str) -> LabelSelector:
    """Parse a label selector as given in a request. Raises `BadRequest` with upstream's message."""
    if not text:
        return EVERYTHING
    try:
        terms = parse(text)
        built = [_requirement(term) for term in terms]
    except SelectorSyntaxError as error:
        raise BadRequest(str(error)) from None
    return LabelSelector(tuple(sorted(built, key=lambda requirement: requirement.key)))


def _requirement(term: Term) -> Requirement:
    problem = _problem(term)
    if problem is not None:
        raise SelectorSyntaxError(f"unable to parse requirement: {problem}")
    return Requirement(term.key, term.operator, tuple(sorted(set(term.values))))


def _problem(term: Term) -> FieldError | None:
    messages = names.qualified_name(term.key)
    if messages:
        return FieldError.invalid("key", term.key, "; ".join(messages))
    values = sorted(set(term.values))
    if term.operator in ("in", "notin") and not values:
        return FieldError.invalid("values", [], "for 'in', 'notin' operators, values set can't be empty")
    for index, value in enumerate(values):
        if term.operator in ("gt", "lt") and not _is_integer(value):
            detail = "for 'Gt', 'Lt' operators, the value must be an integer"
            return FieldError.invalid(f"values[{index}]", value, detail)
        messages = names.label_value(value)
        if messages:
            return FieldError.invalid(f"values[{index}][{term.key}]", value, "; ".join(messages))
    return None


def from_record(selector: LabelSelectorRecord | None) -> LabelSelector:
    """What a `LabelSelector` field selects: absent selects nothing, empty everything (upstream API conventions).

    Raises `BadRequest` for an operator no API version knows; validation catches it earlier.
    """
    if selector is None:
        return NOTHING
    requirements = [Requirement(key, "in", (value,)) for key, value in selector.match_labels.items()]
    for expression in selector.match_expressions:
        operator = _RECORD_OPERATORS.get(expression.operator)
        if operator is None:
            raise BadRequest(f"{quote(expression.operator)} is not a valid label selector operator")
        requirements.append(Requirement(expression.key, operator, tuple(sorted(set(expression.values)))))
    return LabelSelector(tuple(sorted(requirements, key=lambda requirement: requirement.key)))


_RECORD_OPERATORS: dict[str, Operator] = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


def from_labels(match_labels: Mapping[str, str]) -> LabelSelector:
    """The selector of an equality map (a Service's `spec.selector`); an empty map selects everything."""
    return LabelSelector(tuple(Requirement(key, "=", (value,)) for key, value in sorted(match_labels.items())))


def _is_integer(text: str) -> bool:
    digits = text[1:] if text[:1] in ("+", "-") else text
    return digits.isascii() and digits.isdigit() and len(digits) < 20


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """One condition on a field: operator "=" or "!=". A field that is absent counts as ""."""

    field: str
    operator: Literal["=", "!="]
    value: str

    def matches(self, fields: Mapping[str, str]) -> bool:
        return (fields.get(self.field, "") == self.value) == (self.operator == "=")

    def __str__(self) -> str:
        value = self.value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")
        return f"{self.field}{self.operator}{value}"


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Field requirements that must all hold; none matches everything."""

    requirements: tuple[FieldRequirement, ...] = ()

    def matches(self, fields: Mapping[str, str]) -> bool:
        return all(requirement.matches(fields) for requirement in self.requirements)

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


def fields(text: str) -> FieldSelector:
    """Parse a field selector as given in a request. Raises `BadRequest` with upstream's message."""
    return FieldSelector(tuple(_field_requirement(text, term) for term in _split_terms(text) if term))


def _split_terms(text: str) -> list[str]:
    """Cut at commas that no backslash escapes."""
    terms, current, escaped = [], "", False
    for character in text:
        if character == "," and not escaped:
            terms.append(current)
            current = ""
            continue
        current += character
        escaped = character == "\\" and not escaped
    return [*terms, current]


def _field_requirement(text: str, term: str) -> FieldRequirement:
    for index, character in enumerate(term):
        if character == "\\":
            continue
        for symbol in ("!=", "==", "="):
            if term.startswith(symbol, index) and (index == 0 or term[index - 1] != "\\"):
                value = _unescape(term[index + len(symbol) :])
                return FieldRequirement(term[:index], "!=" if symbol == "!=" else "=", value)
    raise BadRequest(f"invalid selector: '{text}'; can't understand '{term}'")


def _unescape(value: str) -> str:
    result, escaped = "", False
    for character in value:
        if escaped:
            if character not in "\\,=":
                raise BadRequest(f"invalid field selector: invalid escape sequence: \\{character}")
            result, escaped = result + character, False
        elif character == "\\":
            escaped = True
        elif character in ",=":
            raise BadRequest(f"invalid field selector: unescaped character in value: {character}")
        else:
            result += character
    if escaped:
        raise BadRequest("invalid field selector: invalid escape sequence: \\")
    return result
