"""Unpacking one layer's tar stream into a folder, in the form overlayfs mounts.

Whiteouts become 0/0 character devices and opaque folders the `trusted.overlay.opaque` attribute. Nothing is ever
written outside the folder: parents are resolved inside it by the kernel, last components are never followed.
Source of the rules: OCI image-spec, "Image Layer Filesystem Changeset".
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tarfile
from pathlib import Path
from typing import BinaryIO

from .compression import MALFORMED
from .errors import CorruptImage
from .filesystem import open_in_root

_BUFFER = 1 << 20
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_XATTR = "SCHILY.xattr."
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY
_MALFORMED = (tarfile.TarError, ValueError, OverflowError, *MALFORMED)


def unpack_layer(stream: BinaryIO, directory: Path) -> None:
    """Unpack an uncompressed tar stream into an empty folder. Raises CorruptImage."""
    root = os.open(directory, _DIRECTORY)
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_BUFFER) as archive:
            _Layer(root).apply(archive)
    except _MALFORMED as error:
        raise CorruptImage(f"not a whole tar archive: {error}") from error
    finally:
        os.close(root)


class _Layer:
    def __init__(self, root: int) -> None:
        self._root = root
        self._times: list[tuple[str, float]] = []

    def apply(self, archive: tarfile.TarFile) -> None:
        for entry in archive:
            path = _inside(entry.name)
            if path == ".":
                if entry.isdir():
                    self._attributes(self._root, ".", entry, follow=True)
                continue
            head, name = os.path.split(path)
            parent = self._parent(head)
            try:
                if name.startswith(_WHITEOUT):
                    self._white_out(parent, name)
                else:
                    self._create(archive, entry, parent, name)
                    if entry.isdir():
                        self._times.append((path, entry.mtime))
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EPERM):
                    raise
                raise CorruptImage(f"cannot unpack {entry.name!r}: {error.strerror}") from error
            finally:
                os.close(parent)
        self._set_directory_times()

    def _parent(self, path: str) -> int:
        """Open the folder an entry goes into; archives need not name every folder before its contents."""
        try:
            return open_in_root(self._root, path, _DIRECTORY)
        except OSError as error:
            if error.errno == errno.ENOTDIR:
                raise CorruptImage(f"{path!r} is used as a folder and is none") from error
            if error.errno not in (errno.ENOENT, errno.ELOOP):
                raise
        head, name = os.path.split(path)
        outer = self._parent(head)
        try:
            os.mkdir(name, 0o755, dir_fd=outer)
        except FileExistsError as error:
            raise CorruptImage(f"{path!r} is a link that leads nowhere and is used as a folder") from error
        finally:
            os.close(outer)
        return open_in_root(self._root, path, _DIRECTORY)

    def _white_out(self, parent: int, name: str) -> None:
        if name == _OPAQUE:
            os.setxattr(parent, "trusted.overlay.opaque", b"y")
        elif not name.startswith(_WHITEOUT * 2):
            hidden = name.removeprefix(_WHITEOUT)
            if hidden in ("", ".", ".."):
                raise CorruptImage(f"whiteout of nothing: {name!r}")
            _clear(parent, hidden)
            os.mknod(hidden, stat.S_IFCHR, 0, dir_fd=parent)

    def _create(self, archive: tarfile.TarFile, entry: tarfile.TarInfo, parent: int, name: str) -> None:
        if entry.isdir():
            self._make_directory(parent, name)
        else:
            _clear(parent, name)
            if entry.islnk():
                self._link(entry, parent, name)
                return
            if entry.issym():
                os.symlink(entry.linkname, name, dir_fd=parent)
            elif entry.isreg():
                _write_file(archive, entry, parent, name)
            elif entry.isfifo():
                os.mkfifo(name, 0o600, dir_fd=parent)
            elif entry.ischr() or entry.isblk():
                kind = stat.S_IFCHR if entry.ischr() else stat.S_IFBLK
                os.mknod(name, kind | 0o600, os.makedev(entry.devmajor, entry.devminor), dir_fd=parent)
            else:
                raise CorruptImage(f"{entry.name!r} has the unknown tar type {entry.type!r}")
        self._attributes(parent, name, entry)

    def _make_directory(self, parent: int, name: str) -> None:
        try:
            mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        except FileNotFoundError:
            mode = 0
        if not stat.S_ISDIR(mode):
            _clear(parent, name)
            os.mkdir(name, 0o700, dir_fd=parent)

    def _link(self, entry: tarfile.TarInfo, parent: int, name: str) -> None:
        head, target = os.path.split(_inside(entry.linkname))
        try:
            source = open_in_root(self._root, head, _DIRECTORY)
            try:
                os.link(target, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
            finally:
                os.close(source)
        except FileNotFoundError as error:
            raise CorruptImage(
                f"{entry.name!r} is a hard link to {entry.linkname!r}, which is not in the same layer"
            ) from error

    def _attributes(self, parent: int, name: str, entry: tarfile.TarInfo, follow: bool = False) -> None:
        os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=follow)
        if entry.issym():
            os.utime(name, (entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)
            return
        # After chown, which clears the set-user-id bits.
        os.chmod(name, entry.mode & 0o7777, dir_fd=parent)
        if entry.isreg() or entry.isdir():
            for header, value in entry.pax_headers.items():
                attribute = header.removeprefix(_XATTR)
                if attribute != header and not attribute.startswith("trusted.overlay."):
                    _set_attribute(parent, name, attribute, value.encode("utf-8", "surrogateescape"))
        os.utime(name, (entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=follow)

    def _set_directory_times(self) -> None:
        """Last, because filling a folder changes its time; one replaced meanwhile is passed over."""
        for path, mtime in reversed(self._times):
            with contextlib.suppress(OSError):
                descriptor = open_in_root(self._root, path, _DIRECTORY | os.O_NOFOLLOW)
                try:
                    os.utime(descriptor, (mtime, mtime))
                finally:
                    os.close(descriptor)


def _inside(name: str) -> str:
    """The entry's path relative to the root, with `..` unable to leave it."""
    return os.path.normpath("/" + name).lstrip("/") or "."


def _clear(parent: int, name: str) -> None:
    """A later entry of the same name replaces an earlier one."""
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return
    except IsADirectoryError:
        shutil.rmtree(name, dir_fd=parent)


def _write_file(archive: tarfile.TarFile, entry: tarfile.TarInfo, parent: int, name: str) -> None:
    content = archive.extractfile(entry)
    if content is None:
        raise CorruptImage(f"{entry.name!r} has no content")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=parent), "wb") as target:
        shutil.copyfileobj(content, target, _BUFFER)


def _set_attribute(parent: int, name: str, attribute: str, value: bytes) -> None:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        os.setxattr(descriptor, attribute, value)
    except OSError as error:
        # File systems without a kind of attribute hold images all the same, as Docker has it.
        if error.errno != errno.ENOTSUP:
            raise
    finally:
        os.close(descriptor)
