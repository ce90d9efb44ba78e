"""What the runtime finds on its machine: programs, and what the kernel lets this process do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ..base import RuntimeFailure


def executable(name: str, package: str) -> str:
    """The path of a program. Raises RuntimeFailure."""
    found = shutil.which(name)
    if found is None:
        raise RuntimeFailure(f"{name} is not installed: apt-get install {package}")
    return found


def runc_version(runc: str) -> str:
    """As 1.1.5. Raises RuntimeFailure."""
    try:
        output = subprocess.run([runc, "--version"], check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise RuntimeFailure(f"{runc} does not run: {error}") from error
    return output.split()[2].split("+")[0]


def least_oom_score_adj(capabilities: frozenset[str]) -> int:
    """Without CAP_SYS_RESOURCE nobody may be made safer than this process (as containerd's restrict_oom_score_adj)."""
    if "SYS_RESOURCE" in capabilities:
        return -1000
    return int(Path("/proc/self/oom_score_adj").read_text())
