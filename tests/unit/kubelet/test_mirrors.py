"""A static pod's mirror comes back, whoever has had its name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api.errors import AlreadyExists
from api.types import Node, ObjectMeta, Pod
from kubelet.pods.static import is_mirror
from kubelet.static import mirrors
from kubelet.static.manifests import static_pod
from tests.support.polling import eventually

MANIFEST = b"""
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: main, image: busybox}]}
"""
STRANGER = Pod(metadata=ObjectMeta(name="web-node-1", namespace="default", uid="other"))


class Server:
    """What is there by that name, and what this node's informer shows of it."""

    def __init__(self) -> None:
        self.pod: Pod | None = None
        self.shown: Pod | None = None
        self.refused = 0
        self.looks = 0

    def seen(self, namespace: str, name: str) -> Pod | None:
        self.looks += 1
        return self.shown

    async def create(self, pod: Pod) -> Pod:
        if self.pod is not None:
            self.refused += 1
            raise AlreadyExists("pods", pod.metadata.name)
        self.pod = pod
        return pod

    async def was_refused(self) -> bool:
        return self.refused > 0

    async def was_looked_at(self) -> bool:
        return self.looks > 0

    async def has_mirror(self) -> bool:
        return self.pod is not None and is_mirror(self.pod)


@asynccontextmanager
async def working(server: Any) -> AsyncIterator[mirrors.Mirrors]:
    node = Node(metadata=ObjectMeta(name="node-1", uid="node-uid"))
    working = mirrors.Mirrors(server, lambda: node, server.seen, lambda pod: None)
    task = asyncio.create_task(working.run())
    try:
        yield working
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_name_taken_on_another_node_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirrors, "TAKEN_RETRY_SECONDS", 0.01)
    server = Server()
    server.pod = STRANGER
    async with working(server) as work:
        work.static_changed(None, static_pod(MANIFEST, "node-1", 0.0))
        await eventually(server.was_refused, 10, "the name is taken")
        server.pod = None
        await eventually(server.has_mirror, 10, "the mirror is made")


async def test_a_name_taken_on_this_node_is_had_when_it_is_free() -> None:
    server = Server()
    server.pod = server.shown = STRANGER
    async with working(server) as work:
        work.static_changed(None, static_pod(MANIFEST, "node-1", 0.0))
        await eventually(server.was_looked_at, 10, "the name is taken")
        server.pod = server.shown = None
        work.object_changed(STRANGER, None)
        await eventually(server.has_mirror, 10, "the mirror is made")
        assert server.refused == 0
