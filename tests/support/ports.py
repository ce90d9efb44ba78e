"""Ports to listen on, for processes that are told theirs."""

from __future__ import annotations

import os
import socket
from itertools import count
from typing import Final

LOOPBACK: Final = "127.0.0.1"

# Below the ports the kernel gives to whoever asks for any (32768 and up) and below node ports (30000 and up): neither
# a connection nor a server of another test can come between the choice of a port and its use. Above clusters' own.
_FIRST: Final = 12_000
_COUNT: Final = 16_000

_numbers = count(os.getpid() * 97)


def free_port() -> int:
    """A port of loopback that nobody listens on, and that this process is not told of twice."""
    for _ in range(_COUNT):
        port = _FIRST + next(_numbers) % _COUNT
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port between {_FIRST} and {_FIRST + _COUNT}")
