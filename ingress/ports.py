"""Whether the proxy could listen at a port. Asked before it is told: what it cannot have it would refuse silently."""

from __future__ import annotations

import errno
import socket


def is_free(address: str, port: int) -> bool:
    """Whether nobody but the proxy listens there, who shares its ports (SO_REUSEPORT) with its own user's sockets."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            # An address that is not there yet, the proxy can be told of all the same.
            return error.errno != errno.EADDRINUSE
    return True
