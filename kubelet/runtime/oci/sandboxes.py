"""The life of sandboxes: run, found again, stopped, removed.

A record is written before anything is made and is removed after all is taken down, so whatever a killed kubelet left
half made has a record, or a folder of its name, to be cleaned up by.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from pathlib import Path

import msgspec

from ..base import NotFound, RuntimeFailure, SandboxSpec, SandboxState, SandboxStatus
from .addresses import next_address, second_address
from .hostports import HostPorts, check_host_ips
from .isolation import Isolation
from .records import RecordFiles, SandboxRecord
from .threads import in_own_thread


class Sandboxes:
    """All sandboxes of one kubelet."""

    def __init__(self, directory: Path, isolation: Isolation, host_ports: HostPorts, *pod_cidrs: str) -> None:
        self._files = RecordFiles(directory, SandboxRecord)
        self._isolation = isolation
        self._host_ports = host_ports
        # The second one of the other IP family; "" for none.
        self._pod_cidr, self._second_pod_cidr = (*pod_cidrs, "")[:2]
        self._records: dict[str, SandboxRecord] = {}
        self._last_address = ""

    async def recover(self) -> None:
        """Take up what an earlier process left. To be called once, first. Raises RuntimeFailure."""
        records, broken = self._files.load()
        for record in sorted(records, key=lambda each: each.created_at):
            self._records[record.id] = record
            self._last_address = record.ip or self._last_address
        leftovers = self._isolation.existing() - set(self._records)
        for identifier in {*broken, *leftovers}:
            await self._take_down(identifier)
            shutil.rmtree(self._files.directory(identifier), ignore_errors=True)
        for record in records:
            if not self._isolation.stands(record):
                await self.stop(record.id)
        await self._apply_host_ports()

    async def run(self, spec: SandboxSpec) -> SandboxStatus:
        """Make a sandbox. Raises RuntimeFailure; nothing of it is left then."""
        check_host_ips(spec)
        ip, second_ip = self._allocate(spec)
        identifier, now = secrets.token_hex(32), time.time_ns()
        record = SandboxRecord(id=identifier, spec=spec, created_at=now, ip=ip, second_ip=second_ip)
        self._save(record)
        try:
            namespaces = await in_own_thread(lambda: self._isolation.build(record))
            record = msgspec.structs.replace(record, complete=True, namespaces=namespaces)
            self._save(record)
            if spec.port_mappings:
                await self._apply_host_ports()
        except (OSError, RuntimeFailure) as error:
            await self.remove(record.id)
            if isinstance(error, RuntimeFailure):
                raise
            name = f"{spec.pod_namespace}/{spec.pod_name}"
            raise RuntimeFailure(f"failed to set up sandbox for pod {name}: {error}") from error
        return self.status(record)

    async def stop(self, sandbox_id: str) -> None:
        """Take down what stands of it and give back its address; nothing happens when it is not known."""
        record = self._records.get(sandbox_id)
        if record is None:
            return
        self._save(msgspec.structs.replace(record, complete=False))
        if record.spec.port_mappings:
            await self._apply_host_ports()
        await self._take_down(sandbox_id)
        if sandbox_id in self._records:
            self._save(msgspec.structs.replace(record, complete=False, ip="", second_ip="", namespaces={}))

    async def remove(self, sandbox_id: str) -> None:
        """Stop it and forget it."""
        await self.stop(sandbox_id)
        if self._records.pop(sandbox_id, None) is not None:
            shutil.rmtree(self._files.directory(sandbox_id))

    def record(self, sandbox_id: str) -> SandboxRecord:
        """Raises NotFound."""
        try:
            return self._records[sandbox_id]
        except KeyError:
            raise NotFound(f"sandbox {sandbox_id} does not exist") from None

    def ready_record(self, sandbox_id: str) -> SandboxRecord:
        """Raises NotFound, and RuntimeFailure when it does not stand."""
        record = self.record(sandbox_id)
        if not self._isolation.stands(record):
            raise RuntimeFailure(f"sandbox of pod {record.spec.pod_namespace}/{record.spec.pod_name} is not ready")
        return record

    def status(self, record: SandboxRecord) -> SandboxStatus:
        """Its record and what the kernel says."""
        ready = self._isolation.stands(record)
        own_network = ready and "net" in record.namespaces
        return SandboxStatus(
            id=record.id,
            spec=record.spec,
            state=SandboxState.READY if ready else SandboxState.NOT_READY,
            created_at=record.created_at,
            ip=record.ip,
            second_ip=record.second_ip,
            network_namespace=str(self._isolation.path(record.id, "net")) if own_network else "",
        )

    def statuses(self) -> list[SandboxStatus]:
        """All sandboxes, oldest first."""
        return [self.status(record) for record in sorted(self._records.values(), key=lambda each: each.created_at)]

    def _allocate(self, spec: SandboxSpec) -> tuple[str, str]:
        """Its addresses; taken as soon as its record is saved, with nothing awaited between."""
        if spec.host_network or spec.no_network:
            return "", ""
        if not self._pod_cidr:
            raise RuntimeFailure("this node has no pod CIDR yet: start the kubelet with --pod-cidr")
        used = {record.ip for record in self._records.values()}
        self._last_address = address = next_address(self._pod_cidr, used, self._last_address)
        second = self._second_pod_cidr
        return address, second_address(self._pod_cidr, second, address) if second else ""

    async def _take_down(self, sandbox_id: str) -> None:
        try:
            await asyncio.to_thread(self._isolation.remove, sandbox_id)
        except OSError as error:
            raise RuntimeFailure(f"cannot take down sandbox {sandbox_id}: {error}") from error

    async def _apply_host_ports(self) -> None:
        complete = [record for record in self._records.values() if record.complete]
        await self._host_ports.apply(complete)

    def _save(self, record: SandboxRecord) -> None:
        self._files.save(record)
        self._records[record.id] = record
