"""Words of a Dockerfile: variables in them, quotes around them. Pure.

Source: Dockerfile reference, "Environment replacement"; moby's shell/lex.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from podling.build import patterns

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]|[*#@!?-]")
_MODIFIER = re.compile(r":?[-+?]")
_PATTERN_MODIFIER = re.compile(r"##?|%%?|//?")
_ASSIGNMENT = re.compile(r"[A-Za-z_.][^\s=]*=|\"[^\"]+\"=|'[^']+'=")


class WordError(ValueError):
    """A word that cannot be read, or a variable that has to be set and is not."""


def expand(text: str, variables: Mapping[str, str], escape: str = "\\", *, keep_quotes: bool = False) -> str:
    """Replace variables and take quotes and escapes away (unless they are to be kept). Raises WordError."""
    return _Expansion(text, variables, escape, keep_quotes).run()


def expand_variables(text: str, variables: Mapping[str, str], escape: str = "\\") -> str:
    """Replace variables in a file's text, where quotes mean nothing. Raises WordError."""
    result, at = "", 0
    while at < len(text):
        character = text[at]
        if character == escape and text[at + 1 : at + 2] in ("$", escape):
            result += text[at + 1]
            at += 2
        elif character == "$":
            expansion = _Expansion(text, variables, escape, keep_quotes=False, at=at)
            result += expansion.variable()
            at = expansion.at
        else:
            result += character
            at += 1
    return result


def split(text: str, escape: str = "\\") -> list[str]:
    """Words between blanks; blanks in quotes and escaped ones stay. Quotes are kept for `expand`. Raises WordError."""
    words, current, quote = [], "", ""
    characters = iter(text)
    for character in characters:
        if quote:
            current += character
            if character == escape and quote == '"':
                current += next(characters, "")
            elif character == quote:
                quote = ""
        elif character == escape:
            current += character + next(characters, "")
        elif character in "\"'":
            quote = character
            current += character
        elif character.isspace():
            if current:
                words.append(current)
            current = ""
        else:
            current += character
    if quote:
        raise WordError(f"a {quote} is not closed: {text}")
    return [*words, current] if current else words


def assignments(
    text: str, variables: Mapping[str, str], escape: str = "\\", *, legacy: bool = True
) -> Iterator[tuple[str, str]]:
    """`KEY=VALUE ...`, or, where it is allowed, the old `KEY the whole rest`. Raises WordError."""
    if legacy and not _ASSIGNMENT.match(text):
        key, _, value = text.partition(" ") if " " in text else text.partition("\t")
        if not value.strip():
            raise WordError(f"{key} has no value: write {key}=VALUE")
        yield expand(key, variables, escape), expand(value.strip(), variables, escape, keep_quotes=False)
        return
    for word in split(text, escape):
        key, equals, value = _partition(word)
        if not equals:
            raise WordError(f"{word} is not KEY=VALUE")
        name = expand(key, variables, escape)
        if not name:
            raise WordError(f"{word} has no name before its =")
        yield name, expand(value, variables, escape)


def _partition(word: str) -> tuple[str, str, str]:
    """At the first = that is in no quotes."""
    quote = ""
    for index, character in enumerate(word):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "=":
            return word[:index], "=", word[index + 1 :]
    return word, "", ""


class _Expansion:
    def __init__(self, text: str, variables: Mapping[str, str], escape: str, keep_quotes: bool, at: int = 0) -> None:
        self._text = text
        self._variables = variables
        self._escape = escape
        self._keep = keep_quotes
        self._keep_escapes = keep_quotes
        self.at = at

    def run(self, until: str = "") -> str:
        """To the end, or to the character `until`, which is taken, too."""
        result = ""
        while self.at < len(self._text):
            character = self._text[self.at]
            if until and character == until:
                self.at += 1
                return result
            if character == "'":
                result += self._single()
            elif character == '"':
                result += self._double()
            elif character == "$":
                result += self.variable()
            elif character == self._escape:
                result += self._escaped(everywhere=True)
            else:
                result += character
                self.at += 1
        if until:
            raise WordError(f"a {until} is missing: {self._text}")
        return result

    def _single(self) -> str:
        end = self._text.find("'", self.at + 1)
        if end < 0:
            raise WordError(f"a ' is not closed: {self._text}")
        inside = self._text[self.at + 1 : end]
        self.at = end + 1
        return f"'{inside}'" if self._keep else inside

    def _double(self) -> str:
        self.at += 1
        result = ""
        while self.at < len(self._text):
            character = self._text[self.at]
            if character == '"':
                self.at += 1
                return f'"{result}"' if self._keep else result
            if character == "$":
                result += self.variable()
            elif character == self._escape:
                result += self._escaped(everywhere=False)
            else:
                result += character
                self.at += 1
        raise WordError(f'a " is not closed: {self._text}')

    def _escaped(self, *, everywhere: bool) -> str:
        """In double quotes only some characters can be escaped; before others the escape is itself."""
        following = self._text[self.at + 1 : self.at + 2]
        self.at += 1 + len(following)
        if self._keep_escapes or (not everywhere and following not in ('"', "$", self._escape)):
            return self._escape + following
        return following

    def variable(self) -> str:
        """The value of what begins with the $ at `at`, which is moved behind it."""
        self.at += 1
        if self._text[self.at : self.at + 1] != "{":
            match = _NAME.match(self._text, self.at)
            if match is None:
                return "$"
            self.at = match.end()
            return self._variables.get(match[0], "")
        self.at += 1
        match = _NAME.match(self._text, self.at)
        if match is None:
            raise WordError(f"a name is missing after ${{: {self._text}")
        self.at = match.end()
        return self._braced(match[0])

    def _braced(self, name: str) -> str:
        value = self._variables.get(name)
        if self._text[self.at : self.at + 1] == "}":
            self.at += 1
            return value or ""
        if pattern := _PATTERN_MODIFIER.match(self._text, self.at):
            self.at = pattern.end()
            return self._cut(value or "", pattern[0])
        match = _MODIFIER.match(self._text, self.at)
        if match is None:
            raise WordError(f"unsupported modifier in ${{{name}...}}: there are :- - :+ + :? ? # ## % %% / and //")
        self.at = match.end()
        word = self.run(until="}")
        has = value is not None and (value != "" or not match[0].startswith(":"))
        if match[0].endswith("-"):
            return (value or "") if has else word
        if match[0].endswith("+"):
            return word if has else ""
        if not has:
            raise WordError(f"{name} is not set{': ' + word if word else ''}")
        return value or ""

    def _cut(self, value: str, modifier: str) -> str:
        """A value without what a pattern fits, or with something else in its place."""
        pattern = self._pattern(until="/" if modifier[0] == "/" else "}")
        twice = len(modifier) == 2
        if modifier[0] == "/":
            replacement = self.run(until="}")
            return patterns.replaced(value, pattern, self._escape, replacement, everywhere=twice)
        cut = patterns.without_prefix if modifier[0] == "#" else patterns.without_suffix
        return cut(value, pattern, self._escape, longest=twice)

    def _pattern(self, until: str) -> str:
        """A pattern keeps its escapes: they say which * is one."""
        before, self._keep_escapes = self._keep_escapes, True
        try:
            return self.run(until=until)
        finally:
            self._keep_escapes = before
