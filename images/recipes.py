"""How the images made on the spot are put together from what the machine has: `busybox`, `python` and `redis`.

Everything is read from where the machine's own packages put it; the order of entries, their owners and modes are
fixed, so the same machine makes the same image each time.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .errors import ImageError

_NEEDED_APPLETS = frozenset(["sh", "httpd", "nslookup", "wget", "nc"])
_FOLDERS = (
    "bin",
    "dev",
    "etc",
    "home",
    "proc",
    "root",
    "run",
    "sbin",
    "sys",
    "usr/bin",
    "usr/sbin",
    "var/log",
    "var/www",
)
_TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"
    "daemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
    "www-data:x:33:33:www-data:/var/www:/bin/false\n"
    "nobody:x:65534:65534:nobody:/home:/bin/false\n",
    "etc/group": "root:x:0:\ndaemon:x:1:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\n",
    "etc/shadow": "root:*:::::::\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
_LEFT_OUT_FOLDERS = frozenset(
    ["__pycache__", "dist-packages", "ensurepip", "idlelib", "lib2to3", "site-packages", "test", "tests", "tkinter"]
)
_LEFT_OUT_MODULES = re.compile(r"_test|_ctypes_test|_xxtest|xxlimited|_tkinter")
_LIBRARY_FOLDERS = ("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/")
_RESOLVED = re.compile(r"^\t(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$")


@dataclass(frozen=True)
class Entry:
    """One path of a layer: a folder, a link, a text, or a copy of a file of the machine."""

    name: str
    mode: int = 0o755
    source: Path | None = None
    text: bytes | None = None
    link: str = ""


def busybox_layer() -> list[Entry]:
    """busybox with a link for each of its commands, and the few files a root file system needs."""
    busybox = _busybox()
    applets = set(_output([str(busybox), "--list"]).split())
    missing = sorted(_NEEDED_APPLETS - applets)
    if missing:
        raise ImageError(f"{busybox} lacks {', '.join(missing)}: install Debian's busybox-static")
    entries = [Entry(name) for name in _FOLDERS]
    entries += [Entry("tmp", 0o1777), Entry("var/tmp", 0o1777), Entry("usr/bin/env", link="/bin/busybox")]
    entries += [Entry(name, 0o644, text=text.encode()) for name, text in _TEXTS.items()]
    entries.append(Entry("bin/busybox", source=busybox))
    entries += [Entry(f"bin/{name}", link="busybox") for name in applets if "/" not in name and name != "busybox"]
    return entries + [Entry(name, source=source) for name, source in _libraries([busybox]).items()]


def python_layer() -> list[Entry]:
    """The running Python below /usr/local: interpreter, standard library, and the libraries they load."""
    executable, library = _python()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    files = dict(_standard_library(library, f"usr/local/lib/{version}"))
    extensions = [source for name, source in files.items() if name.endswith(".so")]
    files.update(_libraries([executable, *extensions]))
    entries = [Entry(name, stat.S_IMODE(source.stat().st_mode) | 0o444, source) for name, source in files.items()]
    entries.append(Entry(f"usr/local/bin/{version}", source=executable))
    return entries + [Entry(f"usr/local/bin/{name}", link=version) for name in ("python", "python3")]


def redis_layer() -> list[Entry]:
    """Debian's Redis, server and client, and the libraries they load."""
    server, client = _redis()
    entries = [Entry("data"), Entry("usr/bin/redis-server", source=server), Entry("usr/bin/redis-cli", source=client)]
    return entries + [Entry(name, source=source) for name, source in _libraries([server, client]).items()]


def fingerprint() -> str:
    """Changes when the machine's busybox, Python, Redis or C library do, or these recipes."""
    executable, library = _python()
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in (_busybox(), executable, library, library / "os.py", library / "lib-dynload", *_redis()):
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def write_entries(entries: Sequence[Entry], target: BinaryIO) -> None:
    """Write a layer's tar, with the folders its entries need, sorted by path, all owned by root."""
    by_name = {entry.name: entry for entry in entries}
    for name in list(by_name):
        for parent in Path(name).parents[:-1]:
            by_name.setdefault(str(parent), Entry(str(parent)))
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for _, entry in sorted(by_name.items()):
            _write_entry(archive, entry)


def newest(entries: Sequence[Entry]) -> int:
    """When the youngest file was made, in seconds since the epoch: the image's date, the same at each making."""
    return max(int(entry.source.stat().st_mtime) for entry in entries if entry.source is not None)


def _write_entry(archive: tarfile.TarFile, entry: Entry) -> None:
    info = tarfile.TarInfo(entry.name)
    info.mode = entry.mode
    if entry.link:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
        archive.addfile(info)
    elif entry.text is not None:
        info.size = len(entry.text)
        archive.addfile(info, io.BytesIO(entry.text))
    elif entry.source is not None:
        with entry.source.open("rb") as content:
            status = os.fstat(content.fileno())
            # Compiled modules name their source's time, so times are kept (as whole seconds, as they do).
            info.size, info.mtime = status.st_size, int(status.st_mtime)
            archive.addfile(info, content)
    else:
        info.type = tarfile.DIRTYPE
        archive.addfile(info)


def _busybox() -> Path:
    found = shutil.which("busybox")
    if found is None:
        raise ImageError("busybox is not installed: install Debian's busybox-static")
    return Path(found).resolve()


def _redis() -> tuple[Path, Path]:
    server, client = shutil.which("redis-server"), shutil.which("redis-cli")
    if server is None or client is None:
        raise ImageError("redis-server is not installed: install Debian's redis-server")
    return Path(server).resolve(), Path(client).resolve()


def _python() -> tuple[Path, Path]:
    """The interpreter's own binary and its standard library, also when run from a virtual environment."""
    executable = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not executable.exists():
        executable = Path(sys.executable)
    return executable.resolve(), Path(sysconfig.get_path("stdlib"))


def _standard_library(library: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    tag = sys.implementation.cache_tag
    for root, folders, files in os.walk(library):
        folders[:] = sorted(
            name for name in folders if name not in _LEFT_OUT_FOLDERS and not name.startswith("config-")
        )
        inside = Path(prefix) / Path(root).relative_to(library)
        for name in sorted(files):
            source = Path(root) / name
            if not source.is_file() or (name.endswith(".so") and _LEFT_OUT_MODULES.match(name)):
                continue
            yield str(inside / name), source
            compiled = source.with_name("__pycache__") / f"{source.stem}.{tag}.pyc"
            if name.endswith(".py") and compiled.is_file():
                yield str(inside / "__pycache__" / compiled.name), compiled


def _libraries(binaries: Sequence[Path]) -> dict[str, Path]:
    """The shared libraries the binaries load, by the path each gets in the image.

    Those from unusual places go beside the C library, where the loader looks without being told.
    """
    output = _output(["ldd", *map(str, binaries)], check=False)
    found = {match[1] for line in output.splitlines() if (match := _RESOLVED.match(line))}
    home = next((os.path.dirname(path) for path in sorted(found) if "/libc.so" in path), "/lib")  # noqa: PTH120
    libraries = {}
    for path in sorted(found):
        usual = path.startswith(_LIBRARY_FOLDERS)
        libraries[(path if usual else f"{home}/{Path(path).name}").lstrip("/")] = Path(path).resolve()
    return libraries


def _output(command: Sequence[str], check: bool = True) -> str:
    try:
        done = subprocess.run(command, check=check, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ImageError(f"{command[0]} could not be run: {error}") from error
    return done.stdout
