"""What this machine is: cores, memory, disks, names, pressure. Reads the kernel; decides nothing."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from api.types import NodeSystemInfo
from cluster.cgroups import Cgroups
from kubelet.runtime.base import Version
from kubelet.version import KUBELET_VERSION

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system, in bytes and inodes."""

    total_bytes: int
    available_bytes: int
    total_inodes: int = 0
    free_inodes: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What there is and what is left, at a moment."""

    memory_bytes: int
    memory_available_bytes: int
    nodefs: Disk
    imagefs: Disk
    pids: int
    pids_available: int


def architecture() -> str:
    """As Go names it: amd64, arm64."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def cpu_millis() -> int:
    """Thousandths of the CPUs this process may use."""
    return len(os.sched_getaffinity(0)) * 1000


def memory_bytes() -> int:
    """The machine's memory."""
    return _meminfo("MemTotal")


def memory_available_bytes() -> int:
    """The memory programs could still get."""
    return _meminfo("MemAvailable")


def cpu_nanoseconds() -> int:
    """The CPU time all programs have used since the start of the machine."""
    user, nice, system, _, _, irq, softirq, steal, *_ = (int(word) for word in _first_line("/proc/stat").split()[1:])
    ticks = user + nice + system + irq + softirq + steal
    return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def system_info(runtime: Version) -> NodeSystemInfo:
    """`status.nodeInfo`."""
    release = _os_release()
    machine_id = _first_line("/etc/machine-id")
    return NodeSystemInfo(
        architecture=architecture(),
        boot_id=_first_line("/proc/sys/kernel/random/boot_id"),
        container_runtime_version=f"{runtime.name}://{runtime.version}",
        kernel_version=platform.release(),
        kube_proxy_version=KUBELET_VERSION,
        kubelet_version=KUBELET_VERSION,
        machine_id=machine_id,
        operating_system="linux",
        os_image=release,
        system_uuid=_first_line("/sys/class/dmi/id/product_uuid") or machine_id,
    )


def usage(capacity_bytes: int, cgroups: Cgroups, cgroup_root: str, data_dir: Path, image_store: Path) -> Usage:
    """Measure. The memory of a node that is a cgroup is what its cgroup leaves of its capacity."""
    available = memory_available_bytes()
    if cgroup_root.strip("/"):
        used = cgroups.usage(cgroup_root)
        own = capacity_bytes - (used.working_set_bytes if used is not None else 0)
        available = min(available, max(own, 0))
    limit = int(_first_line("/proc/sys/kernel/pid_max") or "0")
    tasks = int(_first_line("/proc/loadavg").split()[3].partition("/")[2])
    return Usage(
        memory_bytes=capacity_bytes,
        memory_available_bytes=available,
        nodefs=disk(data_dir),
        imagefs=disk(image_store if image_store.exists() else data_dir),
        pids=limit,
        pids_available=limit - tasks,
    )


def disk(path: Path) -> Disk:
    """The file system a path is on."""
    found = os.statvfs(path)
    return Disk(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize, found.f_files, found.f_favail)


def huge_page_sizes() -> list[str]:
    """Sizes of huge pages the kernel has, as quantities: 2Mi, 1Gi."""
    directory = Path("/sys/kernel/mm/hugepages")
    if not directory.is_dir():
        return []
    kibibytes = sorted(int(entry.name.removeprefix("hugepages-").removesuffix("kB")) for entry in directory.iterdir())
    return [f"{size >> 20}Gi" if size >= 1 << 20 else f"{size >> 10}Mi" for size in kibibytes]


def _meminfo(key: str) -> int:
    with Path("/proc/meminfo").open() as table:
        for line in table:
            name, _, rest = line.partition(":")
            if name == key:
                return int(rest.split()[0]) * 1024
    return 0


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().partition("\n")[0].strip()
    except OSError:
        return ""


def _os_release() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"
