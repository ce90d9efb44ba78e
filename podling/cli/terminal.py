"""The person's terminal while a remote process has it: raw, its size passed on, restored whatever happens."""

from __future__ import annotations

import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def size() -> tuple[int, int]:
    """Columns and lines."""
    columns, lines = os.get_terminal_size(sys.stdin.fileno())
    return columns, lines


@contextmanager
def raw(resized: Callable[[], None]) -> Iterator[None]:
    """Pass every key through; call `resized` when the window changes."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    handler = signal.signal(signal.SIGWINCH, lambda *_: resized())
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, handler)
