"""The grammar of label selectors (upstream `labels.Parse`): text to terms, with upstream's syntax errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

_SPECIAL = "=!(),><"
_SYMBOLS = {"=", "==", "!=", "!", "(", ")", ",", ">", "<"}
_WORDS = {"in", "notin"}
_OPERATORS: dict[str, Literal["in", "notin", "=", "==", "!=", "gt", "lt"]] = {
    "in": "in",
    "notin": "notin",
    "=": "=",
    "==": "==",
    "!=": "!=",
    ">": "gt",
    "<": "lt",
}
_OPERATOR_NAMES = "in, notin, =, ==, !=, gt, lt"


class SelectorSyntaxError(ValueError):
    """The text is not a label selector; the message is upstream's."""


@dataclass(frozen=True, slots=True)
class Term:
    """One requirement as written, not yet checked for valid keys and values."""

    key: str
    operator: Literal["in", "notin", "=", "==", "!=", "exists", "!", "gt", "lt"]
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # a symbol, "in", "notin", "word", "end" or "error"
    text: str


def parse(text: str) -> list[Term]:
    """Raises `SelectorSyntaxError`."""
    return _Parser(text).terms()


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        character = text[position]
        if character in " \t\r\n":
            position += 1
        elif character in _SPECIAL:
            end = position + 1
            while text[position:end] not in _SYMBOLS and end < len(text) and text[end] in _SPECIAL:
                end += 1
            if text[position : end + 1] in _SYMBOLS:
                end = min(end + 1, len(text))
            symbol = text[position:end]
            yield _Token(symbol if symbol in _SYMBOLS else "error", symbol)
            position = end
        else:
            end = position
            while end < len(text) and text[end] not in _SPECIAL and text[end] not in " \t\r\n":
                end += 1
            word = text[position:end]
            yield _Token(word if word in _WORDS else "word", word)
            position = end


class _Parser:
    """Recursive descent over the tokens, one token ahead."""

    def __init__(self, text: str) -> None:
        self._tokens = [*_tokens(text), _Token("end", "")]
        self._position = 0

    def _peek(self, *, words: bool = True) -> _Token:
        """The next token; where a value or key may stand, the operator words are ordinary words."""
        token = self._tokens[self._position]
        if words and token.kind in _WORDS:
            return _Token("word", token.text)
        return token

    def _next(self, *, words: bool = True) -> _Token:
        token = self._peek(words=words)
        self._position = min(self._position + 1, len(self._tokens) - 1)
        return token

    def terms(self) -> list[Term]:
        terms: list[Term] = []
        while True:
            token = self._peek()
            if token.kind == "end":
                return terms
            if token.kind not in ("word", "!"):
                raise SelectorSyntaxError(f"found '{token.text}', expected: !, identifier, or 'end of string'")
            try:
                terms.append(self._term())
            except SelectorSyntaxError as error:
                raise SelectorSyntaxError(f"unable to parse requirement: {error}") from None
            if self._ends():
                return terms

    def _ends(self) -> bool:
        """Whether the selector ends here; otherwise a comma and the start of a further term must follow."""
        token = self._next()
        if token.kind == "end":
            return True
        if token.kind != ",":
            raise SelectorSyntaxError(f"found '{token.text}', expected: ',' or 'end of string'")
        following = self._peek()
        if following.kind not in ("word", "!"):
            raise SelectorSyntaxError(f"found '{following.text}', expected: identifier after ','")
        return False

    def _term(self) -> Term:
        token = self._next()
        absent = token.kind == "!"
        if absent:
            token = self._next()
        if token.kind != "word":
            raise SelectorSyntaxError(f"found '{token.text}', expected: identifier")
        if absent:
            return Term(token.text, "!")
        if self._peek().kind in ("end", ","):
            return Term(token.text, "exists")
        return self._comparison(token.text)

    def _comparison(self, key: str) -> Term:
        token = self._next(words=False)
        operator = _OPERATORS.get(token.kind)
        if operator is None:
            raise SelectorSyntaxError(f"found '{token.text}', expected: {_OPERATOR_NAMES}")
        if operator in ("in", "notin"):
            return Term(key, operator, self._set())
        return Term(key, operator, (self._value(),))

    def _value(self) -> str:
        if self._peek().kind in ("end", ","):
            return ""
        token = self._next()
        if token.kind != "word":
            raise SelectorSyntaxError(f"found '{token.text}', expected: identifier")
        return token.text

    def _set(self) -> tuple[str, ...]:
        token = self._next()
        if token.kind != "(":
            raise SelectorSyntaxError(f"found '{token.text}' expected: '('")
        if self._peek().kind == ")":
            self._next()
            return ()
        values = [self._set_value()]
        while (token := self._next()).kind == ",":
            values.append(self._set_value())
        if token.kind != ")":
            raise SelectorSyntaxError(f"found '{token.text}', expected: ')'")
        return tuple(values)

    def _set_value(self) -> str:
        """A value between parentheses; nothing between two commas is the empty value."""
        token = self._peek()
        if token.kind in (",", ")"):
            return ""
        if token.kind != "word":
            raise SelectorSyntaxError(f"found '{token.text}', expected: ',', ')' or identifier")
        return self._next().text
