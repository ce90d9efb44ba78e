"""Linux capabilities of containers: the default set of Docker and containerd, and how Pods change it."""

from __future__ import annotations

from collections.abc import Iterable

from ..base import InvalidConfig

_DEFAULT = """AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP
SETUID SYS_CHROOT"""
_OTHERS = """AUDIT_CONTROL AUDIT_READ BLOCK_SUSPEND BPF CHECKPOINT_RESTORE DAC_READ_SEARCH IPC_LOCK IPC_OWNER LEASE
LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE NET_ADMIN NET_BROADCAST PERFMON SYSLOG SYS_ADMIN SYS_BOOT SYS_MODULE SYS_NICE
SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM"""

DEFAULT = frozenset(_DEFAULT.split())
ALL = DEFAULT | frozenset(_OTHERS.split())


def granted(add: Iterable[str], drop: Iterable[str], privileged: bool) -> list[str]:
    """The capabilities a container has, as `CAP_NAME`, sorted. Raises InvalidConfig for an unknown name.

    `ALL` is taken first in either list; single names then win over it (containerd's order).
    """
    added, dropped = _names(add), _names(drop)
    if privileged:
        return sorted(f"CAP_{name}" for name in ALL)
    current = set(ALL) if "ALL" in added else set(DEFAULT)
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
