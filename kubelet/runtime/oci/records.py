"""What the runtime remembers of its sandboxes and containers: one small JSON file each.

The files are the only memory: a new kubelet process reads them and looks at the kernel for the rest. The sandboxes'
files are also the table of pod addresses in use, so that an address cannot leak or be given twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from ..base import ContainerStatus, SandboxSpec


class SandboxRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A sandbox. `namespaces` maps `net`, `ipc`, `uts` to the inode numbers of those made for it.

    `second_ip` is of the other IP family than `ip`; "" unless the cluster is dual-stack.
    `complete` is set once all of it stands and unset before anything of it is taken down.
    """

    id: str
    spec: SandboxSpec
    created_at: int
    complete: bool = False
    ip: str = ""
    namespaces: dict[str, int] = {}
    second_ip: str = ""


class ContainerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A container. `starting` is set while its start is under way; `monitor` is its conmon's process id.

    `pause` marks the one that only holds its sandbox's process namespace and is nobody else's to see.
    """

    status: ContainerStatus
    cgroup: str
    stop_signal: str
    starting: bool = False
    monitor: int = 0
    pause: bool = False

    @property
    def id(self) -> str:
        """The container's id."""
        return self.status.id


def make_private(directory: Path) -> None:
    """Make a folder that is root's alone: below it are environments with secrets, and files that set user ids."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


Record = TypeVar("Record", bound=_Identified)


class RecordFiles(Generic[Record]):
    """The records of one kind, as files `ID/record.json` in one folder."""

    def __init__(self, directory: Path, kind: type[Record]) -> None:
        self._directory = directory
        self._decoder = msgspec.json.Decoder(kind)

    def directory(self, identifier: str) -> Path:
        """The folder of one record; other files of it may live there too."""
        return self._directory / identifier

    def save(self, record: Record) -> None:
        """Write or replace a record at once. Its folder is made."""
        directory = self._directory / record.id
        directory.mkdir(parents=True, exist_ok=True)
        temporary = directory / "record.json.new"
        temporary.write_bytes(msgspec.json.encode(record))
        temporary.rename(directory / "record.json")

    def load(self) -> tuple[list[Record], list[str]]:
        """All records, and the ids of folders without a readable one: what a crash left half made."""
        records, broken = [], []
        make_private(self._directory)
        for directory in sorted(self._directory.iterdir()):
            try:
                records.append(self._decoder.decode((directory / "record.json").read_bytes()))
            except (FileNotFoundError, msgspec.DecodeError):
                broken.append(directory.name)
        return records, broken
