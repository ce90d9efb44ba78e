"""Reading a Dockerfile: text → instructions, each with its line. Pure.

Knows lines, continuations, comments, parser directives, here-documents, flags and the JSON form; what an instruction
means is `state` and `builder`'s. Source: Dockerfile reference (docs.docker.com), "Format", "Parser directives",
"Here-documents".
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from podling.errors import CommandError

_WITHOUT_FLAGS = (
    *("ARG", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "MAINTAINER", "ONBUILD", "SHELL", "STOPSIGNAL", "USER"),
    *("VOLUME", "WORKDIR"),
)
# The flags each instruction knows; those with a trailing * may come several times.
FLAGS: Mapping[str, frozenset[str]] = {
    "FROM": frozenset(["platform"]),
    "RUN": frozenset(["mount", "network", "security"]),
    "COPY": frozenset(["from", "chown", "chmod", "link", "parents", "exclude"]),
    "ADD": frozenset(["chown", "chmod", "link", "checksum", "keep-git-dir", "exclude", "unpack"]),
    "HEALTHCHECK": frozenset(["interval", "timeout", "start-period", "start-interval", "retries"]),
    **{name: frozenset[str]() for name in _WITHOUT_FLAGS},
}
_JSON_FORMS = frozenset(["RUN", "CMD", "ENTRYPOINT", "SHELL", "VOLUME", "COPY", "ADD"])
_HEREDOC_FORMS = frozenset(["RUN", "COPY", "ADD"])
_NOT_IN_ONBUILD = frozenset(["FROM", "MAINTAINER", "ONBUILD"])
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")
_HEREDOC = re.compile(r"""(?:^|(?<=\s))\d*<<(-?)\s*(?:"(\w+)"|'(\w+)'|(\w+))(?=\s|$)""")
_FLAG = re.compile(r"--([a-z][a-z-]*)(?:=(\S*))?(?:\s+|$)")
_MAX_BYTES = 4 << 20


class DockerfileError(CommandError):
    """What is wrong, in which line, and what may be meant."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}")
        self.line = line


@dataclass(frozen=True)
class Heredoc:
    """A here-document: its name, and its text as it is to be used. `literal`: variables in it are not expanded."""

    name: str
    text: str
    literal: bool


@dataclass(frozen=True)
class Instruction:
    """One instruction. `rest` is everything behind keyword and flags; `words` its JSON form, None when it is none."""

    keyword: str
    line: int
    text: str
    rest: str
    flags: tuple[tuple[str, str], ...] = ()
    words: tuple[str, ...] | None = None
    heredocs: tuple[Heredoc, ...] = ()

    def flag(self, name: str, default: str = "") -> str:
        """A flag's value; the last wins."""
        return dict(self.flags).get(name, default)


@dataclass(frozen=True)
class Dockerfile:
    """The instructions of a file, and the character that escapes in it."""

    file: str
    instructions: tuple[Instruction, ...]
    escape: str = "\\"

    def error(self, instruction: Instruction, message: str) -> DockerfileError:
        """An error about an instruction of this file."""
        return DockerfileError(self.file, instruction.line, message)


@dataclass
class _Lines:
    """The lines of a text, taken one after the other. `number` is of the last one taken, from 1."""

    lines: list[str]
    number: int = field(default=0)

    def take(self) -> str | None:
        if self.number >= len(self.lines):
            return None
        self.number += 1
        return self.lines[self.number - 1]


def parse(data: bytes, file: str) -> Dockerfile:
    """Read a Dockerfile. `file` names it in errors. Raises DockerfileError."""
    if len(data) > _MAX_BYTES:
        raise DockerfileError(file, 1, f"it is larger than {_MAX_BYTES >> 20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DockerfileError(file, line, "it is not UTF-8 text") from None
    lines = text.split("\n")
    escape = _escape(lines, file)
    taken = _Lines([line.removesuffix("\r") for line in lines])
    instructions = tuple(_instructions(taken, escape, file))
    if not instructions:
        raise DockerfileError(file, 1, "it is empty: the first instruction is FROM")
    return Dockerfile(file, instructions, escape)


def parse_onbuild(text: str, file: str, line: int) -> Instruction:
    """An instruction an image carries for those built from it. Raises DockerfileError."""
    found = parse(text.encode(), file).instructions
    if len(found) != 1 or found[0].keyword in _NOT_IN_ONBUILD:
        raise DockerfileError(file, line, f"ONBUILD cannot carry {text!r}")
    only = found[0]
    return Instruction(only.keyword, line, only.text, only.rest, only.flags, only.words, only.heredocs)


def _escape(lines: list[str], file: str) -> str:
    """The escape directive; directives end at the first line that is none."""
    escape = "\\"
    for number, line in enumerate(lines, 1):
        match = _DIRECTIVE.match(line.strip())
        if match is None:
            break
        if match[1].lower() == "escape":
            if match[2] not in ("\\", "`"):
                raise DockerfileError(file, number, f"escape is \\ or `, not {match[2]}")
            escape = match[2]
        elif match[1].lower() not in ("syntax", "check"):
            break
    return escape


def _instructions(lines: _Lines, escape: str, file: str) -> Iterator[Instruction]:
    continued = re.compile(rf"^(.*){re.escape(escape)}[ \t]*$")
    while (line := lines.take()) is not None:
        if _is_comment(line):
            continue
        start, parts = lines.number, []
        while True:
            match = continued.match(line)
            parts.append(match[1] if match else line)
            if match is None:
                break
            following = lines.take()
            while following is not None and _is_comment(following):
                following = lines.take()
            if following is None:
                break
            line = following
        yield _instruction("".join(parts).strip(), start, lines, file)


def _is_comment(line: str) -> bool:
    stripped = line.strip()
    return not stripped or stripped.startswith("#")


def _instruction(text: str, line: int, lines: _Lines, file: str) -> Instruction:
    word, _, rest = text.partition(" ") if " " in text.split("\t", 1)[0] else text.partition("\t")
    keyword = word.upper()
    if keyword not in FLAGS:
        raise DockerfileError(file, line, f"unknown instruction: {word}{_hint(keyword)}")
    rest = rest.strip()
    if not rest:
        raise DockerfileError(file, line, f"{keyword} needs at least one argument")
    flags, rest = _split_flags(keyword, rest, line, file)
    heredocs = _heredocs(keyword, rest, lines, line, file)
    words = _json_words(rest) if keyword in _JSON_FORMS and not heredocs else None
    if keyword == "SHELL" and words is None:
        raise DockerfileError(file, line, 'SHELL is written as JSON: SHELL ["/bin/sh", "-c"]')
    return Instruction(keyword, line, f"{keyword} {text[len(word) :].strip()}", rest, flags, words, heredocs)


def _hint(keyword: str) -> str:
    near = difflib.get_close_matches(keyword, FLAGS, n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


def _split_flags(keyword: str, rest: str, line: int, file: str) -> tuple[tuple[tuple[str, str], ...], str]:
    flags: list[tuple[str, str]] = []
    while rest.startswith("--") and (match := _FLAG.match(rest)) is not None:
        name = match[1]
        if name not in FLAGS[keyword]:
            known = ", ".join(f"--{each}" for each in sorted(FLAGS[keyword])) or "none"
            raise DockerfileError(file, line, f"unknown flag --{name} of {keyword}; it has {known}")
        flags.append((name, match[2] if match[2] is not None else "true"))
        rest = rest[match.end() :]
    return tuple(flags), rest.strip()


def _json_words(rest: str) -> tuple[str, ...] | None:
    """The JSON form; a bracket that does not begin a list of strings is the shell form, as Docker has it."""
    if not rest.startswith("["):
        return None
    try:
        words = json.loads(rest)
    except ValueError:
        return None
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        return tuple(words)
    return None


def _heredocs(keyword: str, rest: str, lines: _Lines, line: int, file: str) -> tuple[Heredoc, ...]:
    if keyword not in _HEREDOC_FORMS or "<<" not in rest:
        return ()
    found = []
    for match in _HEREDOC.finditer(rest):
        name = match[2] or match[3] or match[4]
        body: list[str] = []
        while True:
            taken = lines.take()
            if taken is None:
                raise DockerfileError(file, line, f"the here-document {name} is not ended: a line {name} is missing")
            if match[1]:
                taken = taken.lstrip("\t")
            if taken == name:
                break
            body.append(taken + "\n")
        found.append(Heredoc(name, "".join(body), match[4] is None))
    return tuple(found)


def without_heredocs(rest: str) -> str:
    """An argument text without its `<<NAME` words."""
    return _HEREDOC.sub("", rest).strip()
