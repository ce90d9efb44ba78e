"""Making and unmaking a pod's sandbox: pinned namespaces, the files all its containers share, its network.

Everything stands below `RUN-DIR/sandboxes/ID`: the namespaces as bind mounts `net`, `uts`, `ipc`, the shared memory
folder `shm`, and `hostname`, `hosts`, `resolv.conf`. There is no process to hold the namespaces.
"""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

from ..base import InvalidConfig, SandboxSpec
from . import syscalls
from .network import PodNetwork
from .records import SandboxRecord, make_private
from .user_namespaces import Helper, first_id, write_as_root

_FLAGS = {"net": syscalls.CLONE_NEWNET, "uts": syscalls.CLONE_NEWUTS, "ipc": syscalls.CLONE_NEWIPC}
_SHM_OPTIONS = "mode=1777,size=65536k"
_DEFAULT_SYSCTLS = {"net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647"}
"""What containerd sets in each pod: any user may bind any port and ping."""


class Isolation:
    """What stands of sandboxes below one folder."""

    def __init__(self, directory: Path, network: PodNetwork) -> None:
        self._directory = directory
        self._network = network

    def existing(self) -> set[str]:
        """The ids of sandboxes of which anything stands."""
        make_private(self._directory)
        return {each.name for each in self._directory.iterdir()}

    def path(self, sandbox_id: str, name: str) -> Path:
        """One of the files of a sandbox."""
        return self._directory / sandbox_id / name

    def build(self, record: SandboxRecord) -> dict[str, int]:
        """Make it; the inode numbers of its namespaces. To be called in a thread that ends afterwards.

        Raises OSError, InvalidConfig; `remove` then takes away what was made.
        """
        spec = record.spec
        self._write_files(record)
        kinds = _own_namespaces(spec)
        inodes = self._enter_own(record, kinds) if spec.user_namespace else self._enter(record, kinds)
        if "uts" in kinds:
            socket.sethostname(spec.hostname or spec.pod_name)
        if "net" in kinds and spec.no_network:
            self._network.set_up_loopback()
        elif "net" in kinds:
            self._network.attach(record.id, record.ip, record.second_ip)
        users = self.path(record.id, "user") if spec.user_namespace else None
        _set_sysctls(spec, kinds, users)
        if "ipc" in kinds:
            shm = self.path(record.id, "shm")
            flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
            owner = first_id(record.ip) if spec.user_namespace else 0
            syscalls.mount("shm", shm, "tmpfs", flags, f"{_SHM_OPTIONS},uid={owner},gid={owner}")
        return inodes

    def remove(self, sandbox_id: str) -> None:
        """Take down whatever of it stands. Raises OSError."""
        self._network.detach(sandbox_id)
        for name in ("shm", "user", *_FLAGS):
            syscalls.unmount(self.path(sandbox_id, name))
        shutil.rmtree(self._directory / sandbox_id, ignore_errors=True)

    def stands(self, record: SandboxRecord) -> bool:
        """Whether it is complete and its namespaces are still those made for it, which a reboot undoes."""
        if not record.complete or not (self._directory / record.id).is_dir():
            return False
        return all(_inode(self.path(record.id, kind)) == inode for kind, inode in record.namespaces.items())

    def _enter(self, record: SandboxRecord, kinds: list[str]) -> dict[str, int]:
        """Put the calling thread into fresh namespaces and pin them; their inode numbers."""
        flags = 0
        for kind in kinds:
            flags |= _FLAGS[kind]
        if flags:
            syscalls.unshare(flags)
        return {kind: self._pin(record.id, kind, f"/proc/thread-self/ns/{kind}") for kind in kinds}

    def _enter_own(self, record: SandboxRecord, kinds: list[str]) -> dict[str, int]:
        """As `_enter`, with namespaces that belong to a user namespace of the pod's own."""
        every = ["user", *kinds]
        with Helper(every, first_id(record.ip)) as helper:
            helper.join()
            return {kind: self._pin(record.id, kind, helper.path(kind)) for kind in every}

    def _pin(self, sandbox_id: str, kind: str, source: str) -> int:
        pin = self.path(sandbox_id, kind)
        pin.touch()
        syscalls.mount(source, pin, "", syscalls.MS_BIND)
        return _inode(pin)

    def _write_files(self, record: SandboxRecord) -> None:
        spec = record.spec
        directory = self._directory / record.id
        directory.mkdir(parents=True)
        (directory / "shm").mkdir()
        hostname = spec.hostname or (socket.gethostname() if spec.host_network else spec.pod_name)
        (directory / "hostname").write_text(f"{hostname}\n")
        (directory / "hosts").write_text(spec.hosts or _default_hosts(record.ip, hostname))
        (directory / "resolv.conf").write_text(spec.resolv_conf)


def _own_namespaces(spec: SandboxSpec) -> list[str]:
    """A pod on the host's network has the node's name: its own too, as several nodes may be on one machine."""
    kinds = ["uts"] if spec.host_network else ["net", "uts"]
    return kinds if spec.host_ipc else [*kinds, "ipc"]


def _default_hosts(address: str, hostname: str) -> str:
    own = f"{address}\t{hostname}\n" if address else ""
    return f"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n{own}"


def _set_sysctls(spec: SandboxSpec, kinds: list[str], users: Path | None) -> None:
    """Set them in the calling thread's namespaces; `users` is the user namespace these belong to, if not our own."""
    defaults = _DEFAULT_SYSCTLS if "net" in kinds else {}
    for name, value in {**defaults, **spec.sysctls}.items():
        needed = "net" if name.startswith("net.") else "ipc"
        if needed not in kinds:
            raise InvalidConfig(f"sysctl {name!r} is not allowed: the pod shares the host's {needed} namespace")
        parts = name.split("/") if "/" in name else name.split(".")
        if not all(parts) or ".." in parts:
            raise InvalidConfig(f"invalid sysctl {name!r}")
        try:
            if users is not None and needed == "ipc":
                write_as_root(users, users.with_name("ipc"), Path("/proc/sys", *parts), value)
            else:
                Path("/proc/sys", *parts).write_text(value)
        except OSError as error:
            raise InvalidConfig(f"cannot set sysctl {name!r} to {value!r}: {error.strerror}") from error


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
