"""Pods with users of their own: a user namespace, and mounts that show the same files to other numbers.

User 0 of such a pod is nobody on the machine. What is on disk keeps its numbers: layers and volumes are shown to the
pod through id-mapped mounts (mount_setattr(2)), so nothing is chowned and volumes mean the same to every pod.
Source of the behaviour: upstream's KEP-127. Every pod has its own 65,536 numbers, told by its address.
"""

from __future__ import annotations

import ctypes
import errno
import ipaddress
import os
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ..base import ContainerSpec, RuntimeFailure
from . import syscalls

RANGE = 65_536
KINDS = {
    "user": syscalls.CLONE_NEWUSER,
    "net": syscalls.CLONE_NEWNET,
    "uts": syscalls.CLONE_NEWUTS,
    "ipc": syscalls.CLONE_NEWIPC,
}

_SYS_OPEN_TREE, _SYS_MOVE_MOUNT, _SYS_MOUNT_SETATTR = 428, 429, 442
_OPEN_TREE_CLONE, _AT_RECURSIVE, _AT_EMPTY_PATH, _AT_FDCWD = 0x1, 0x8000, 0x1000, -100
_MOVE_MOUNT_F_EMPTY_PATH = 0x4
_MOUNT_ATTR_IDMAP = 0x00100000

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def first_id(address: str) -> int:
    """The machine's number for user 0 of the pod with this address: no other pod of the cluster has the range."""
    return (int(ipaddress.IPv4Address(address)) & 0xFFFF) * RANGE


class Helper:
    """A process that stands in fresh namespaces while they are pinned. To be used as a context manager."""

    def __init__(self, kinds: Sequence[str], first: int) -> None:
        self._kinds = kinds
        self._first = first
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Helper:
        flags = [f"--{kind}" for kind in self._kinds]
        command = ["unshare", *flags, "sh", "-c", "echo; read end"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._process = process
        try:
            if process.stdout is None or process.stdout.readline() != b"\n":
                raise RuntimeFailure("this kernel gives no user namespaces: see /proc/sys/user/max_user_namespaces")
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{process.pid}/{name}").write_text(f"0 {self._first} {RANGE}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def path(self, kind: str) -> str:
        """Where a namespace can be opened."""
        assert self._process is not None
        return f"/proc/{self._process.pid}/ns/{kind}"

    def join(self) -> None:
        """Put the calling thread into all of them but the user namespace, which no thread may join."""
        for kind in self._kinds:
            if kind != "user":
                namespace = os.open(self.path(kind), os.O_RDONLY | os.O_CLOEXEC)
                try:
                    syscalls.set_namespace(namespace, KINDS[kind])
                finally:
                    os.close(namespace)

    def __exit__(self, *_: object) -> None:
        process = self._process
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()


def write_as_root(user_namespace: Path, ipc_namespace: Path, file: Path, value: str) -> None:
    """Write a file of the kernel's as user 0 of a user namespace: IPC settings are nobody else's. Raises OSError."""
    enter = ["nsenter", f"--user={user_namespace}", f"--ipc={ipc_namespace}", "--setuid=0", "--setgid=0"]
    command = [*enter, "sh", "-c", 'printf %s "$2" > "$1"', "sh", str(file), value]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise OSError(errno.EINVAL, done.stderr.decode(errors="replace").strip() or "refused", str(file))


def show(source: Path, target: Path, user_namespace: Path) -> None:
    """Mount what is at `source` at `target`, made if need be, as those of a user namespace see it. Raises OSError.

    OSError with EINVAL: the file system cannot be shown to other users (upstream: such volumes fail as well).
    """
    if source.is_dir():
        target.mkdir(parents=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    namespace = os.open(user_namespace, os.O_RDONLY | os.O_CLOEXEC)
    tree = -1
    try:
        flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_RECURSIVE
        tree = _checked(_libc.syscall(_SYS_OPEN_TREE, _AT_FDCWD, os.fsencode(source), ctypes.c_uint(flags)), source)
        attributes = _MountAttributes(attr_set=_MOUNT_ATTR_IDMAP, userns_fd=namespace)
        size = ctypes.c_size_t(ctypes.sizeof(attributes))
        flags = _AT_EMPTY_PATH | _AT_RECURSIVE
        result = _libc.syscall(_SYS_MOUNT_SETATTR, tree, b"", ctypes.c_uint(flags), ctypes.byref(attributes), size)
        _checked(result, source)
        result = _libc.syscall(
            _SYS_MOVE_MOUNT, tree, b"", _AT_FDCWD, os.fsencode(target), ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH)
        )
        _checked(result, target)
    finally:
        os.close(namespace)
        if tree >= 0:
            os.close(tree)


def _checked(result: int, subject: Path) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(subject))
    return result


def shown(spec: ContainerSpec, layers: Sequence[Path], bundle: Path, users: Path) -> tuple[ContainerSpec, list[Path]]:
    """Volumes and layers as the container's user namespace sees them: by id-mapped mounts in its bundle."""
    mounts = []
    for index, mount in enumerate(spec.mounts):
        place = bundle / "mounts" / str(index)
        show(Path(mount.host_path), place, users)
        mounts.append(msgspec.structs.replace(mount, host_path=str(place)))
    places = [bundle / "layers" / str(index) for index in range(len(layers))]
    for layer, place in zip(layers, places, strict=True):
        show(layer, place, users)
    return msgspec.structs.replace(spec, mounts=mounts), places


def open_way(bundle: Path, first: int) -> None:
    """Let user 0 of the pod reach its bundle, and nobody read the folders on the way. Raises OSError.

    Those are the folder of bundles, the node's run folder and the one it is in, which is the cluster's; what is further
    up is somebody else's, and has to let people through by itself.
    """
    os.chown(bundle, 0, first)
    bundle.chmod(0o710)
    for directory in bundle.parents[:3]:
        mode = stat.S_IMODE(directory.stat().st_mode)
        if not mode & stat.S_IXOTH:
            directory.chmod(mode | stat.S_IXOTH)
