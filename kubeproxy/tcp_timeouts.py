"""How long the kernel remembers TCP connections that are silent, as upstream's kube-proxy has it.

Its own minute for half-closed ones is too short: a client that has said all, and waits for its answer, would never get
it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

SECONDS: Final = {"established": 24 * 3600, "close_wait": 3600}
SYSCTLS: Final = Path("/proc/sys/net/netfilter")  # of this process's network namespace


def apply(sysctls: Path = SYSCTLS) -> None:
    """Raises OSError where the kernel's settings are not ours to change."""
    for state, seconds in SECONDS.items():
        setting = sysctls / f"nf_conntrack_tcp_timeout_{state}"
        if setting.read_text().strip() != str(seconds):
            setting.write_text(str(seconds))
