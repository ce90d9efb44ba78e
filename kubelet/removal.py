"""Deleting folders that pods have written into, whatever they made of them.

Unlike `shutil.rmtree` this needs no more stack, descriptors or path length for a tree a hundred thousand folders
deep: folders within folders are moved up before they are emptied. Links are deleted, never followed.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(directory: Path) -> None:
    """Delete a folder and everything in it; nothing happens when there is none. Raises OSError."""
    try:
        top = os.open(directory, _DIRECTORY)
    except FileNotFoundError:
        return
    try:
        _empty(top)
    finally:
        os.close(top)
    directory.rmdir()


def _empty(top: int) -> None:
    waiting = _delete_files(top)
    taken = set(waiting)
    # Names nothing in the folder has: folders moved up get them.
    fresh = (new for number in itertools.count() if (new := f".removed-{number}") not in taken)
    while waiting:
        name = waiting.pop()
        if _remove_empty(name, top):
            continue
        inner = os.open(name, _DIRECTORY, dir_fd=top)
        try:
            for below in _delete_files(inner):
                moved = next(fresh)
                os.rename(below, moved, src_dir_fd=inner, dst_dir_fd=top)
                waiting.append(moved)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=top)


def _remove_empty(name: str, parent: int) -> bool:
    """Remove a folder; False when it is not empty. Raises OSError, for a mount point too: what it shows is not ours."""
    try:
        os.rmdir(name, dir_fd=parent)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        return False
    return True


def _delete_files(directory: int) -> list[str]:
    """Delete what is no folder; the names of the folders."""
    folders = []
    for name, is_folder in _entries(directory):
        if is_folder:
            folders.append(name)
        else:
            os.unlink(name, dir_fd=directory)
    return folders


def _entries(directory: int) -> Iterator[tuple[str, bool]]:
    with os.scandir(directory) as entries:
        yield from [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
