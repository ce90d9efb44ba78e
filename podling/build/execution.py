"""RUN: a command in the stage's root file system, by runc, cut off from the machine.

Its own process, mount, IPC and host-name namespaces and, unless told otherwise, a network of nothing but loopback;
Docker's capabilities, seccomp profile and masked paths.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from cluster.cgroups import Cgroups
from cluster.seccomp import default_profile
from podling.build.mounts import Bound
from podling.errors import CommandError

_CAPABILITIES = (
    *("CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD"),
    *("CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID"),
    "CAP_SYS_CHROOT",
)
_MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug"]
_MASKED += ["/proc/scsi", "/sys/firmware"]
_READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
_SAFE = ["nosuid", "noexec", "nodev"]
_HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost\n"
_PR_SET_PDEATHSIG = 1
_KILL_SECONDS = 10.0
_PAUSE_SECONDS = 0.02
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Command:
    """What to run, as whom, where. `network`: none or host."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    directory: str
    uid: int
    gid: int
    groups: Sequence[int]
    mounts: Sequence[Bound]
    network: str


def run(command: Command, root: Path, scratch: Path, say: Callable[[str], None]) -> int:
    """Run it to its end, telling each line it writes; its exit code. Raises CommandError when it cannot be run.

    scratch: a folder for what is needed meanwhile, in the folder of the build, which names the cgroup.
    """
    runc = shutil.which("runc")
    if runc is None:
        raise CommandError("runc is not installed: apt-get install runc")
    identifier = f"build-{secrets.token_hex(6)}"
    bundle, state = scratch / "bundle", scratch / "runc"
    cgroup = _cgroup(scratch.parent)
    bundle.mkdir()
    (bundle / "hosts").write_text(_HOSTS)
    with _mount_points(root, command, bundle) as mounts:
        config = _config(command, root, mounts, f"{cgroup}/{identifier}")
        (bundle / "config.json").write_bytes(msgspec.json.encode(config))
        argv = [runc, "--root", str(state), "run", "--bundle", str(bundle), identifier]
        try:
            return _follow(argv, say)
        finally:
            _clean_up(runc, state, identifier, cgroup)


def _follow(argv: Sequence[str], say: Callable[[str], None]) -> int:
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=_die_with_us
    )
    try:
        if process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        with process.stdout as output:
            for line in output:
                say(line.decode(errors="replace").rstrip("\r\n"))
        return process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise


def _die_with_us() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_left(build: Path) -> None:
    """End what a build that was killed still runs; `build` is its folder."""
    _remove_cgroup(_cgroup(build))


def _cgroup(build: Path) -> str:
    return f"/podling-build-{build.name}"


def _clean_up(runc: str, state: Path, identifier: str, cgroup: str) -> None:
    subprocess.run(
        [runc, "--root", str(state), "delete", "--force", identifier],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _remove_cgroup(cgroup)


def _remove_cgroup(cgroup: str) -> None:
    """Kill what is in it and remove it; a process takes a moment to end."""
    cgroups = Cgroups.detect()
    deadline = time.monotonic() + _KILL_SECONDS
    while not cgroups.remove(cgroup) and time.monotonic() < deadline:
        cgroups.kill(cgroup)
        time.sleep(_PAUSE_SECONDS)


@contextlib.contextmanager
def _mount_points(root: Path, command: Command, bundle: Path) -> Iterator[list[dict[str, Any]]]:
    """The mounts; files and folders that runc makes for them where there were none are taken away again."""
    mounts = _mounts(command, bundle)
    missing = [each["destination"] for each in mounts if not os.path.lexists(_below(root, each["destination"]))]
    # Its parents as well, down to what was there.
    stubs = [parent for path in missing for parent in (path, *map(str, Path(path).parents))]
    absent = sorted({each for each in stubs if not os.path.lexists(_below(root, each))}, key=len, reverse=True)
    try:
        yield mounts
    finally:
        for path in absent:
            with contextlib.suppress(OSError):
                place = _below(root, path)
                place.rmdir() if place.is_dir() and not place.is_symlink() else _remove_empty(place)


def _remove_empty(file: Path) -> None:
    if not file.is_symlink() and file.stat().st_size == 0:
        file.unlink()


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _mounts(command: Command, bundle: Path) -> list[dict[str, Any]]:
    terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
    mounts = [
        _mount("/proc", "proc", "proc", _SAFE),
        _mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        _mount("/dev/pts", "devpts", "devpts", terminals),
        _mount("/dev/shm", "tmpfs", "shm", [*_SAFE, "mode=1777", "size=65536k"]),
        _mount("/sys", "sysfs", "sysfs", [*_SAFE, "ro"]),
        _mount("/etc/hosts", "bind", str(bundle / "hosts"), ["rbind", "ro"]),
    ]
    if Path("/etc/resolv.conf").exists():
        mounts.append(_mount("/etc/resolv.conf", "bind", "/etc/resolv.conf", ["rbind", "ro"]))
    for bound in command.mounts:
        if bound.source is None:
            mounts.append(_mount(bound.target, "tmpfs", "tmpfs", ["nosuid", "nodev", "mode=1777", *bound.options]))
        else:
            access = "ro" if bound.readonly else "rw"
            mounts.append(_mount(bound.target, "bind", str(bound.source), ["rbind", "rprivate", access]))
    return mounts


def _mount(destination: str, kind: str, source: str, options: Sequence[str]) -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}


def _config(command: Command, root: Path, mounts: list[dict[str, Any]], cgroup: str) -> dict[str, Any]:
    namespaces = [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]
    if command.network != "host":
        namespaces.append({"type": "network"})
    return {
        "ociVersion": "1.0.2",
        "hostname": "build",
        "root": {"path": str(root), "readonly": False},
        "process": {
            "terminal": False,
            "user": {"uid": command.uid, "gid": command.gid, "additionalGids": list(command.groups)},
            "args": list(command.argv),
            "env": [f"{name}={value}" for name, value in command.environment.items()],
            "cwd": command.directory,
            "capabilities": {kind: list(_CAPABILITIES) for kind in ("bounding", "effective", "permitted")},
            "noNewPrivileges": False,
        },
        "mounts": mounts,
        "linux": {
            "namespaces": namespaces,
            "cgroupsPath": cgroup,
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "seccomp": default_profile(_CAPABILITIES),
            "maskedPaths": _MASKED,
            "readonlyPaths": _READONLY,
        },
    }
