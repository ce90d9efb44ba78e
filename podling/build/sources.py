"""What COPY and ADD take from where: patterns resolved to files, with a digest of everything that counts.

A digest covers paths, kinds, modes, content and links, never times: a touched file is not a changed one.
"""

from __future__ import annotations

import difflib
import glob
import hashlib
import os
import posixpath
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from podling.build import ignore, paths
from podling.build.ignore import Ignored

_CHUNK = 1 << 20


class SourceError(Exception):
    """What was named is not there, or may not be used. The text is for people."""


class NothingFits(SourceError):
    """A pattern that fits nothing."""


@dataclass(frozen=True)
class Origin:
    """A root files are taken from. `name` is what people call it; `strict`: no link may lead out of it."""

    root: Path
    name: str
    strict: bool
    ignored: Ignored = field(default_factory=Ignored)


@dataclass(frozen=True)
class Entry:
    """One path to be copied: `path` relative to its source ("" for the source itself), `file` where it is."""

    path: str
    file: Path
    mode: int


@dataclass(frozen=True)
class Source:
    """A file or folder that one word of COPY named."""

    name: str
    file: Path
    entries: tuple[Entry, ...]

    @property
    def is_folder(self) -> bool:
        """Folders are copied by their content."""
        return stat.S_ISDIR(self.entries[0].mode)


def find(origin: Origin, pattern: str, excluded: Sequence[str] = ()) -> list[Source]:
    """The sources a word names. Raises SourceError."""
    inside = posixpath.normpath("/" + pattern).lstrip("/") or "."
    names = _matches(origin, inside) if glob.has_magic(inside) else [inside]
    left_out = ignore.parse("\n".join(excluded))
    found = [source for name in names if (source := _source(origin, name, left_out)) is not None]
    if not found:
        kind = NothingFits if glob.has_magic(inside) else SourceError
        raise kind(_missing(origin, pattern, inside))
    return found


def find_all(origin: Origin, words: Sequence[str], excluded: Sequence[str]) -> list[Source]:
    """What several words name. A pattern may fit nothing if others do: so files are copied that need not be there."""
    found: list[Source] = []
    missing: list[SourceError] = []
    for word in words:
        try:
            found += find(origin, word, excluded)
        except NothingFits as error:
            missing.append(error)
    if missing and not found:
        raise missing[0]
    return found


def digest(sources: Sequence[Source]) -> str:
    """Changes when anything that would be copied does."""
    total = hashlib.sha256()
    for source in sources:
        for entry in source.entries:
            # A folder's own name does not count: only what is in it is copied.
            name = entry.path if source.is_folder else posixpath.basename(source.name)
            total.update(f"{name}\0{stat.S_IFMT(entry.mode):o}\0{stat.S_IMODE(entry.mode):o}\0".encode())
            total.update(_content(entry))
    return total.hexdigest()


def _matches(origin: Origin, pattern: str) -> list[str]:
    """Names a pattern fits, sorted: `*` and `?` do not cross a `/`, `**` does."""
    expression = ignore.compile_pattern(pattern)
    depth = None if "**" in pattern else pattern.count("/")
    return sorted(name for name in _walk_names(origin, depth) if expression.fullmatch(name))


def _walk_names(origin: Origin, depth: int | None) -> Iterator[str]:
    for folder, folders, files in os.walk(origin.root):
        relative = os.path.relpath(folder, origin.root)
        prefix = "" if relative == "." else relative + "/"
        yield from (prefix + name for name in (*folders, *files))
        if depth is not None and prefix.count("/") >= depth:
            folders.clear()


def _source(origin: Origin, name: str, excluded: Ignored) -> Source | None:
    try:
        file = _resolve(origin, name)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SourceError(f"cannot read {name} in {origin.name}: {error.strerror}") from error
    if name != "." and origin.ignored(name) and not origin.ignored.has_exceptions:
        return None
    prefix = "" if name == "." else name + "/"

    def left_out(path: str) -> bool:
        return origin.ignored(prefix + path) or excluded(path)

    entries = tuple(_entries(file, left_out))
    if not stat.S_ISDIR(entries[0].mode) and origin.ignored(name):
        return None
    return Source(name, file, entries)


def _resolve(origin: Origin, name: str) -> Path:
    """Where a source really is. One of a build context must be in it: its links are the author's, not a root's."""
    if not origin.strict:
        return paths.resolve(origin.root, name)
    real, root = (origin.root / name).resolve(strict=False), origin.root.resolve()
    if not real.is_relative_to(root):
        raise SourceError(f"{name} leads out of {origin.name}, to {real}: only what is in it can be copied")
    if not os.path.lexists(real):
        raise FileNotFoundError(name)
    return real


def _entries(file: Path, left_out: Callable[[str], bool]) -> Iterator[Entry]:
    mode = file.lstat().st_mode
    yield Entry("", file, mode)
    if not stat.S_ISDIR(mode):
        return
    for folder, folders, files in os.walk(file, onerror=_raise):
        relative = os.path.relpath(folder, file)
        prefix = "" if relative == "." else relative + "/"
        folders.sort()
        for name in sorted([*folders, *files]):
            path = prefix + name
            below = Path(folder, name)
            kind = below.lstat().st_mode
            # A socket is somebody's open end, no file; Docker leaves it out, too.
            if left_out(path) or stat.S_ISSOCK(kind):
                continue
            yield Entry(path, below, kind)


def _raise(error: OSError) -> None:
    raise SourceError(f"cannot read {error.filename}: {error.strerror}") from error


def _content(entry: Entry) -> bytes:
    if stat.S_ISLNK(entry.mode):
        return os.fsencode(os.readlink(entry.file))  # noqa: PTH115
    if not stat.S_ISREG(entry.mode):
        return b""
    total = hashlib.sha256()
    try:
        with entry.file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                total.update(chunk)
    except OSError as error:
        raise SourceError(f"cannot read {entry.file}: {error.strerror}") from error
    return total.digest()


def _missing(origin: Origin, pattern: str, inside: str) -> str:
    if origin.ignored(inside):
        return f"{pattern} is left out of {origin.name} by .dockerignore"
    near = _near(origin, inside)
    return f"there is no {pattern} in {origin.name}{near}"


def _near(origin: Origin, inside: str) -> str:
    folder = origin.root / posixpath.dirname(inside)
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    close = difflib.get_close_matches(posixpath.basename(inside), names, n=1)
    return f" (did you mean {posixpath.join(posixpath.dirname(inside), close[0])}?)" if close else ""
