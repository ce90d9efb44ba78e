"""Statuses reach the API server at once, newest last, without losing anyone's update."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from msgspec.structs import replace

from api.errors import Conflict, NotFound
from api.types import Pod, PodCondition, PodStatus
from cluster.client import Client
from kubelet.pods.status_writer import StatusWriter
from tests.support.kubelet import UID, pod

THEIRS = PodCondition(type="example.com/lb", status="True")


class Server:
    """One pod, with optimistic concurrency as the API server has it."""

    def __init__(self, stored: Pod) -> None:
        self.stored: Pod | None = replace(stored, metadata=replace(stored.metadata, resource_version="1"))
        self.log: list[str] = []
        self.changed = asyncio.Event()
        self.held = asyncio.Event()
        self.held.set()

    async def update(self, object: Pod, *, subresource: str) -> Pod:
        await self.held.wait()
        stored = self._get()
        if object.metadata.resource_version != stored.metadata.resource_version:
            self.log.append("conflict")
            raise Conflict("pods", "web", "the object has been modified")
        self.log.append(f"write {object.status.phase}")
        self._store(replace(stored, status=object.status))
        return self._get()

    async def get(self, record: type[Pod], name: str, namespace: str) -> Pod:
        self.log.append("read")
        return self._get()

    async def delete(self, record: type[Pod], name: str, namespace: str, **options: Any) -> None:
        assert options == {"grace_period_seconds": 0, "uid": UID}
        self._get()
        self.log.append("delete")
        self.stored = None
        self.changed.set()

    def others_write(self) -> None:
        """Somebody else sets a condition of theirs."""
        stored = self._get()
        self._store(replace(stored, status=replace(stored.status, conditions=[*stored.status.conditions, THEIRS])))

    def _get(self) -> Pod:
        if self.stored is None:
            raise NotFound("pods", "web")
        return self.stored

    def _store(self, pod: Pod) -> None:
        version = str(int(pod.metadata.resource_version) + 1)
        self.stored = replace(pod, metadata=replace(pod.metadata, resource_version=version))
        self.changed.set()


@asynccontextmanager
async def writing(server: Server, seen: Pod | None = None) -> AsyncIterator[StatusWriter]:
    writer = StatusWriter(cast(Client, server), lambda namespace, name: seen)
    task = asyncio.create_task(writer.run())
    try:
        yield writer
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(server: Server, entry: str) -> None:
    async with asyncio.timeout(60):
        while entry not in server.log:
            server.changed.clear()
            await server.changed.wait()


def status(phase: str) -> PodStatus:
    return PodStatus(phase=phase, conditions=[PodCondition(type="Ready", status="False")])


async def test_a_write_that_meets_a_newer_object_is_made_again_on_it() -> None:
    server = Server(pod())
    first = server._get()
    server.others_write()
    async with writing(server) as writer:
        writer.set(first, status("Running"))
        await until(server, "write Running")
    assert server.log == ["conflict", "read", "write Running"]
    assert THEIRS in server._get().status.conditions


async def test_the_informers_object_is_used_when_it_is_newer() -> None:
    server = Server(pod())
    first = server._get()
    server.others_write()
    async with writing(server, seen=server._get()) as writer:
        writer.set(first, status("Running"))
        await until(server, "write Running")
    assert server.log == ["write Running"]


async def test_statuses_set_while_one_is_being_written_are_one_write() -> None:
    server = Server(pod())
    server.held.clear()
    async with writing(server) as writer:
        writer.set(server._get(), status("Pending"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for phase in ("Running", "Succeeded"):
            writer.set(server._get(), status(phase))
        server.held.set()
        await until(server, "write Succeeded")
    assert server.log[-1] == "write Succeeded"
    assert "write Running" not in server.log


async def test_the_same_status_is_not_written_twice() -> None:
    server = Server(pod())
    async with writing(server) as writer:
        writer.set(server._get(), status("Running"))
        await until(server, "write Running")
        writer.set(server._get(), status("Running"))
        writer.set(server._get(), status("Succeeded"))
        await until(server, "write Succeeded")
    assert server.log == ["write Running", "write Succeeded"]


async def test_a_finished_pod_is_deleted_after_its_last_status() -> None:
    server = Server(pod())
    async with writing(server) as writer:
        writer.set(server._get(), status("Failed"))
        writer.finish(server._get())
        await until(server, "delete")
    assert server.log == ["write Failed", "delete"]


async def test_a_pod_that_ends_while_a_status_is_being_written_is_told_of_before_it_is_deleted() -> None:
    server = Server(pod())
    server.held.clear()
    async with writing(server) as writer:
        writer.set(server._get(), status("Running"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        writer.set(server._get(), status("Failed"))
        writer.finish(server._get())
        server.held.set()
        await until(server, "delete")
    assert server.log == ["write Running", "write Failed", "delete"]


async def test_a_lazy_status_gives_way_to_the_next() -> None:
    server = Server(pod())
    async with writing(server) as writer:
        writer.set(server._get(), status("Pending"), lazy=True)
        writer.set(server._get(), status("Running"))
        await until(server, "write Running")
    assert server.log == ["write Running"]


async def test_a_pod_that_is_gone_is_forgotten() -> None:
    server = Server(pod())
    gone = server._get()
    server.stored = None
    other = pod(meta={"uid": "another"})
    async with writing(server) as writer:
        writer.set(gone, status("Running"))
        server.stored = replace(other, metadata=replace(other.metadata, resource_version="9"))
        writer.finish(gone)
        for _ in range(50):
            await asyncio.sleep(0)
    assert "delete" not in server.log
    assert server.stored is not None
