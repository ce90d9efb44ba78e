"""inotify(7) for the event loop: sleep until something happens to files of a folder."""

from __future__ import annotations

import asyncio
import ctypes
import os
from pathlib import Path
from types import TracebackType
from typing import Final

_IN_MODIFY: Final = 0x2
_IN_MOVED_TO: Final = 0x80
_IN_CREATE: Final = 0x100

_libc = ctypes.CDLL(None, use_errno=True)


class FolderWatch:
    """`await changed()` returns once a file in the folder was written to, made or renamed since the last call."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise _error("inotify_init1")
        mask = _IN_MODIFY | _IN_CREATE | _IN_MOVED_TO
        if _libc.inotify_add_watch(self._descriptor, os.fsencode(folder), mask) < 0:
            error = _error(str(folder))
            os.close(self._descriptor)
            raise error
        self._event = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._descriptor, self._drain)

    async def changed(self) -> None:
        await self._event.wait()
        self._event.clear()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    def __enter__(self) -> FolderWatch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _drain(self) -> None:
        try:
            while os.read(self._descriptor, 4096):
                pass
        except BlockingIOError:
            self._event.set()


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), what)
