"""Linux capabilities of containers: the default set of Docker and containerd, and how Pods change it."""

from __future__ import annotations

from collections.abc import Iterable

from ..base import InvalidConfig

_DEFAULT = """AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP
SETUID SYS_CHROOT"""
_NUMBERED = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
]

DEFAULT = frozenset(_DEFAULT.split())
ALL = frozenset(_NUMBERED)


def available(status: str) -> frozenset[str]:
    """What this process can give at most, from the text of its /proc/PID/status: its bounding set."""
    line = next(line for line in status.splitlines() if line.startswith("CapBnd:"))
    bounding = int(line.split()[1], 16)
    return frozenset(name for number, name in enumerate(_NUMBERED) if bounding >> number & 1)


def granted(add: Iterable[str], drop: Iterable[str], privileged: bool, everything: frozenset[str] = ALL) -> list[str]:
    """The capabilities a container has, as `CAP_NAME`, sorted. Raises InvalidConfig for an unknown name.

    `ALL` is taken first in either list; single names then win over it (containerd's order). A privileged container
    has `everything`, which is also what `ALL` adds.
    """
    added, dropped = _names(add), _names(drop)
    if privileged:
        return sorted(f"CAP_{name}" for name in everything)
    current = set(everything) if "ALL" in added else set(DEFAULT)
    if "ALL" in dropped:
        current = set()
    current |= added - {"ALL"}
    current -= dropped
    return sorted(f"CAP_{name}" for name in current)


def _names(given: Iterable[str]) -> set[str]:
    names = {name.upper().removeprefix("CAP_") for name in given}
    unknown = sorted(names - ALL - {"ALL"})
    if unknown:
        raise InvalidConfig(f'unknown capability "CAP_{unknown[0]}"')
    return names
