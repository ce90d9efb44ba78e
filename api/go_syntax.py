"""What Go's JSON scanner says about malformed JSON, for error messages that read as upstream's."""

from __future__ import annotations

import re

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_END = "unexpected end of JSON input"
_LONGEST = 256 * 1024


class _SyntaxError(ValueError):
    pass


def syntax_error(data: bytes) -> str:
    """The scanner's message. Bodies over 256 KiB are not scanned again only to phrase an error."""
    if len(data) > _LONGEST:
        return "invalid JSON"
    try:
        _Scanner(data.decode("latin-1")).scan()
    except _SyntaxError as error:
        return str(error)
    return "invalid UTF-8 in string literal"


class _Scanner:
    """Follows the grammar with a stack of open brackets until something does not fit."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._open: list[str] = []

    def scan(self) -> None:
        self._value("looking for beginning of value")
        while self._open:
            self._after_value()
        self._skip_space()
        if self._position < len(self._text):
            raise self._unexpected("after top-level value")

    def _skip_space(self) -> None:
        match = _SPACE.match(self._text, self._position)
        assert match is not None
        self._position = match.end()

    def _peek(self) -> str:
        self._skip_space()
        if self._position >= len(self._text):
            raise _SyntaxError(_END)
        return self._text[self._position]

    def _unexpected(self, context: str) -> _SyntaxError:
        if self._position >= len(self._text):
            return _SyntaxError(_END)
        return _SyntaxError(f"invalid character {_quoted(self._text[self._position])} {context}")

    def _value(self, context: str) -> None:
        character = self._peek()
        if character == "{":
            self._position += 1
            self._open.append("{")
            if self._peek() != "}":
                self._key()
                self._value("looking for beginning of value")
        elif character == "[":
            self._position += 1
            self._open.append("[")
            if self._peek() != "]":
                self._value("looking for beginning of value")
        elif character == '"':
            self._string()
        elif character in _LITERALS:
            self._literal(_LITERALS[character])
        elif character in "-0123456789":
            self._number()
        else:
            raise self._unexpected(context)

    def _after_value(self) -> None:
        """Close the innermost bracket or go on to its next element."""
        kind = self._open[-1]
        character = self._peek()
        self._position += 1
        if character == ("}" if kind == "{" else "]"):
            self._open.pop()
        elif character == ",":
            if kind == "{":
                self._key()
            self._value("looking for beginning of value")
        else:
            self._position -= 1
            raise self._unexpected("after object key:value pair" if kind == "{" else "after array element")

    def _key(self) -> None:
        if self._peek() != '"':
            raise self._unexpected("looking for beginning of object key string")
        self._string()
        if self._peek() != ":":
            raise self._unexpected("after object key")
        self._position += 1

    def _string(self) -> None:
        match = _STRING.match(self._text, self._position)
        assert match is not None
        self._position = match.end()
        if self._text[self._position : self._position + 1] == '"':
            self._position += 1
            return
        if self._text[self._position : self._position + 1] != "\\":
            raise self._unexpected("in string literal")
        self._position += 1
        if self._text[self._position : self._position + 1] != "u":
            raise self._unexpected("in string escape code")
        self._position += 1
        while self._text[self._position : self._position + 1] in set("0123456789abcdefABCDEF"):
            self._position += 1
        raise self._unexpected("in \\u hexadecimal character escape")

    def _literal(self, word: str) -> None:
        for expected in word:
            if self._text[self._position : self._position + 1] != expected:
                raise self._unexpected(f"in literal {word} (expecting {_quoted(expected)})")
            self._position += 1

    def _number(self) -> None:
        match = _NUMBER.match(self._text, self._position)
        if match is None:
            self._position += 1
            raise self._unexpected("in numeric literal")
        self._position = match.end()
        following = self._text[self._position : self._position + 1]
        if following == "." and "." not in match.group():
            self._position += 1
            raise self._unexpected("after decimal point in numeric literal")
        if following in ("e", "E") and "e" not in match.group().lower():
            self._position += 1
            if self._text[self._position : self._position + 1] in ("+", "-"):
                self._position += 1
            raise self._unexpected("in exponent of numeric literal")


def _quoted(character: str) -> str:
    if character == "'":
        return "'\\''"
    if character == '"':
        return "'\"'"
    escapes = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\"}
    if character in escapes:
        return f"'{escapes[character]}'"
    return f"'{character}'" if character.isprintable() else f"'\\x{ord(character):02x}'"
