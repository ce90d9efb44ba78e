"""Carries nft transactions to the kernel: in-process through libnftables, else through the `nft` command.

In-process a changed map element costs about 0.1 ms, a run of `nft` 5-15 ms. Calls block: callers use a thread.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Protocol

from kubeproxy.ip_family import IPV4, IpFamily
from kubeproxy.items import STAND_IN_TABLE, TABLE

COMMAND_SECONDS = 60.0
LARGE_TEXT = 256 * 1024
CAP_NET_ADMIN = 12  # linux/capability.h

_ELEMENTS = re.compile(r"elements = \{([^}]*)\}")


class KernelError(Exception):
    """The kernel, or nft, refused; the message is its first words on why."""


class Kernel(Protocol):
    """The nftables of the network namespace this process is in."""

    def run(self, text: str) -> str:
        """Carry out commands as one transaction; returns what they print. Raises KernelError, with nothing changed."""
        ...


class Library:
    """libnftables in this process."""

    def __init__(self) -> None:
        """Raises OSError when the shared library is not installed."""
        from nftables import Nftables  # type: ignore[import-untyped]

        self._nftables = Nftables()
        self._libc = ctypes.CDLL(None)
        # Services and policies are written by threads of their own; the library's socket and parser are for one.
        self._one_at_a_time = threading.Lock()

    def run(self, text: str) -> str:
        with self._one_at_a_time:
            code, output, error = self._nftables.cmd(text)
        if len(text) > LARGE_TEXT:
            # Parsing took a multiple of the text's size, which glibc would keep for ever.
            self._libc.malloc_trim(0)
        if code != 0:
            raise KernelError(_first_line(error))
        return str(output)


class Command:
    """The `nft` command, one process a transaction."""

    def __init__(self, path: str) -> None:
        self._path = path

    def run(self, text: str) -> str:
        command = [self._path, "-f", "-"]
        try:
            done = subprocess.run(
                command, input=text, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise KernelError(f"nft did not end within {COMMAND_SECONDS:.0f} s") from error
        if done.returncode != 0:
            raise KernelError(_first_line(done.stderr))
        return done.stdout


def open_kernel() -> Kernel:
    """The quickest way to the kernel that is installed. Raises KernelError when there is none or it may not be used."""
    if not _may_administer_networks():
        raise KernelError("Operation not permitted: changing nftables rules needs root (CAP_NET_ADMIN)")
    try:
        return Library()
    except OSError:
        path = shutil.which("nft")
    if path is None:
        raise KernelError("neither libnftables nor nft is installed; install the package nftables")
    return Command(path)


def affinity_clients(kernel: Kernel, name: str, ip: IpFamily = IPV4) -> list[str]:
    """The elements of an affinity set, each as `ADDRESS timeout T expires T`; none when there is no such set."""
    try:
        listing = kernel.run(f"list set {ip.nft} {TABLE} {name}\n")
    except KernelError:
        return []
    found = _ELEMENTS.search(listing)
    return [element.strip() for element in found[1].split(",")] if found else []


def remove_table(kernel: Kernel, ip: IpFamily = IPV4) -> None:
    """Remove all our rules of a family, if there are any. Raises KernelError."""
    tables = [f"{ip.nft} {name}" for name in (TABLE, STAND_IN_TABLE)]
    kernel.run("".join(f"add table {table}\ndelete table {table}\n" for table in tables))


def _may_administer_networks() -> bool:
    # Asked beforehand because libnftables prints its own words on standard error.
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return bool(int(value, 16) >> CAP_NET_ADMIN & 1)
    return False


def _first_line(error: str) -> str:
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    return lines[0] if lines else "nft failed without a word"
