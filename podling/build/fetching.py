"""ADD from an address: fetched whole into a file, or refused with what to do instead."""

from __future__ import annotations

import hashlib
import http.client
import posixpath
import stat
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import unquote, urlsplit

from podling.build.sources import Entry, Source, SourceError

_SILENCE_SECONDS = 30.0
_MAX_BYTES = 4 << 30
_CHUNK = 1 << 20


def is_address(word: str) -> bool:
    """Whether a source is somewhere else."""
    return word.startswith(("http://", "https://", "git://", "git@", "ssh://"))


def fetch(address: str, folder: Path, checksum: str) -> Source:
    """The file at an address, of mode 0600 as Docker has it. `checksum`: sha256:HEX, or "". Raises SourceError."""
    parts = urlsplit(address)
    name = unquote(posixpath.basename(parts.path))
    if parts.scheme not in ("http", "https") or parts.path.endswith(".git"):
        raise SourceError(f"{address} is a git repository, which ADD does not fetch here: clone it into the context")
    if not name:
        raise SourceError(f"{address} names no file: it ends in /")
    file = folder / hashlib.sha256(address.encode()).hexdigest()
    try:
        digest = _download(address, file)
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        reason = (isinstance(reason, OSError) and reason.strerror) or reason
        raise SourceError(
            f"cannot fetch {address}: {reason}. Without a network, put the file into the build context and COPY it"
        ) from error
    if checksum and digest != checksum:
        raise SourceError(f"{address} should have digest {checksum} but has {digest}")
    file.chmod(0o600)
    return Source(name, file, (Entry("", file, stat.S_IFREG | 0o600),))


def _download(address: str, file: Path) -> str:
    digest, done = hashlib.sha256(), 0
    with urllib.request.urlopen(address, timeout=_SILENCE_SECONDS) as answer, file.open("wb") as target:
        expected = answer.headers.get("Content-Length")
        while chunk := answer.read(_CHUNK):
            done += len(chunk)
            if done > _MAX_BYTES:
                raise SourceError(f"{address} is larger than {_MAX_BYTES >> 30} GiB")
            digest.update(chunk)
            target.write(chunk)
    if expected is not None and int(expected) != done:
        raise OSError(f"the connection ended after {done} of {expected} bytes")
    return f"sha256:{digest.hexdigest()}"
