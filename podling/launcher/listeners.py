"""Sockets of a node's DNS, kept open by the supervisor: queries that come while its kube-proxy restarts wait in them.

They are made inside the node's network namespace, by a thread that enters it and ends there: the namespace is a
thread's own affair. As long as they are open the namespace lives.
"""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNET = 0x40000000
# The address is the kube-proxy's to add, later.
IP_FREEBIND = 15
BACKLOG = 200

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Listeners:
    """A bound UDP and a listening TCP socket on one address."""

    udp: socket.socket
    tcp: socket.socket

    @property
    def descriptors(self) -> tuple[int, int]:
        return self.udp.fileno(), self.tcp.fileno()

    def close(self) -> None:
        self.udp.close()
        self.tcp.close()


def open_in(namespace: Path, address: str, port: int) -> Listeners:
    """Listen inside a network namespace. Raises OSError."""
    outcome: list[Listeners | OSError] = []

    def work() -> None:
        try:
            _enter(namespace)
            outcome.append(_open(address, port))
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=work, name=f"listen in {namespace.name}")
    thread.start()
    thread.join()
    if isinstance(outcome[0], OSError):
        raise outcome[0]
    return outcome[0]


def _enter(namespace: Path) -> None:
    """Move the calling thread into a network namespace."""
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(namespace))
    finally:
        os.close(descriptor)


def _open(address: str, port: int) -> Listeners:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listeners = Listeners(udp, tcp)
    try:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for each in (udp, tcp):
            each.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
            each.bind((address, port))
        tcp.listen(BACKLOG)
    except OSError:
        listeners.close()
        raise
    return listeners
