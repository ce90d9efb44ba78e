"""The pages of docs/tour as scripts: what a reader would type, and what must come of it.

A page is Markdown. A fenced block whose first line is `# NAME` (yaml, dockerfile, anything that is no console) is a
file of the walk's directory. A `console` block holds commands after `$ `, each followed by the output expected of it:
`...` matches anything within a line, a line `...` any lines, blanks count as one. A command with no output below it may
print anything; each must exit 0, unless the last line expected is `exit N`. A `console retry` block has one command,
tried again until its output is as expected. A first line `<!-- cluster: own FLAGS -->` asks for a cluster of the page's
own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_OWN_CLUSTER = re.compile(r"<!-- cluster: own(?P<flags>.*?)-->")
_FILE_NAME = re.compile(r"# ([\w./-]+)\n")
_EXIT = re.compile(r"exit (\d+)")


@dataclass(frozen=True)
class File:
    """A file the reader is asked to write."""

    name: str
    content: str


@dataclass(frozen=True)
class Command:
    """What the reader types. expected: lines, None when the output does not matter."""

    line: int
    text: str
    expected: tuple[str, ...] | None
    exit_code: int
    retry: bool

    def accepts(self, output: str) -> bool:
        """Whether this output is what the page shows."""
        return self.expected is None or _lines_match(
            self.expected, [line for line in output.splitlines() if line.strip()]
        )


@dataclass(frozen=True)
class Page:
    """One walk. flags: those of `podling up` when the walk needs a cluster of its own, else None."""

    path: Path
    flags: tuple[str, ...] | None
    steps: tuple[File | Command, ...]


def read(path: Path) -> Page:
    """Raises `ValueError` for a page that cannot be walked, naming the line."""
    text = path.read_text()
    own = _OWN_CLUSTER.match(text)
    return Page(path, None if own is None else tuple(own["flags"].split()), tuple(_steps(text)))


def _steps(text: str) -> Iterator[File | Command]:
    for block in _FENCE.finditer(text):
        info, body = block["info"].split(), block["body"]
        line = text.count("\n", 0, block.start()) + 2
        if info[:1] == ["console"]:
            yield from _commands(body, line, retry="retry" in info)
        elif named := _FILE_NAME.match(body):
            yield File(named[1], body[named.end() :])


def _commands(body: str, first_line: int, *, retry: bool) -> Iterator[Command]:
    lines = body.splitlines()
    starts = [index for index, line in enumerate(lines) if line.startswith("$ ")]
    if not starts or starts[0] != 0 or (retry and len(starts) != 1):
        raise ValueError(
            f"line {first_line}: a console block starts with `$ `, and holds one command when it is to be retried"
        )
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        text = [lines[start][2:]]
        while text[-1].endswith("\\"):
            text.append(lines[start + len(text)])
        expected = [line for line in lines[start + len(text) : end] if line.strip()]
        code = _EXIT.fullmatch(expected[-1].strip()) if expected else None
        shown = expected[:-1] if code else expected
        yield Command(first_line + start, "\n".join(text), tuple(shown) or None, int(code[1]) if code else 0, retry)


def _lines_match(expected: tuple[str, ...], actual: list[str]) -> bool:
    if not expected:
        return not actual
    if expected[0].strip() == "...":
        return any(_lines_match(expected[1:], actual[skipped:]) for skipped in range(len(actual) + 1))
    return bool(actual) and _line_matches(expected[0], actual[0]) and _lines_match(expected[1:], actual[1:])


def _line_matches(expected: str, actual: str) -> bool:
    parts = (re.escape(" ".join(part.split())) for part in expected.split("..."))
    return re.fullmatch(r" ?.* ?".join(parts), " ".join(actual.split())) is not None
