"""Watches over TLS: frames, forms, endings."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp

from api import errors, scheme
from apiserver.requests import Event, ListOptions
from tests.integration.rest.conftest import Door
from tests.support.rest import stored

PODS = scheme.by_path("", "v1", "pods")
URL = "/api/v1/namespaces/default/pods?watch=1&resourceVersion=5"


async def frame(answer: aiohttp.ClientResponse) -> Any:
    return json.loads(await asyncio.wait_for(answer.content.readline(), 60))


def pod(name: str, revision: int) -> Any:
    return stored(PODS, name, revision=revision, spec={"containers": [{"name": "c", "image": "i"}]})


async def test_frames_arrive_as_they_happen(door: Door) -> None:
    async with door.admin.get(URL) as answer:
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Transfer-Encoding"] == "chunked"
        one = pod("a", 8)
        door.handler.watches.send(Event("ADDED", one))
        assert await frame(answer) == {"type": "ADDED", "object": json.loads(one.data)}
        door.handler.watches.send(Event("MODIFIED", one), Event("DELETED", one), bookmark=True)
        assert [(await frame(answer))["type"] for _ in range(2)] == ["MODIFIED", "DELETED"]
        assert await frame(answer) == {
            "type": "BOOKMARK",
            "object": {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": "9"}},
        }
        door.handler.watches.batches.put_nowait(None)
        assert await asyncio.wait_for(answer.content.read(), 60) == b""
    assert door.handler.calls[-1][4] == ListOptions(resource_version="5")


async def test_the_legacy_path_watches_one_name(door: Door) -> None:
    async with door.admin.get("/api/v1/watch/namespaces/default/pods/a?timeoutSeconds=3") as answer:
        assert answer.status == 200
        door.handler.watches.batches.put_nowait(None)
    assert door.handler.calls[-1][4] == ListOptions(name="a", timeout_seconds=3)


async def test_a_client_that_leaves_ends_its_watch(door: Door) -> None:
    async with door.admin.get(URL) as answer:
        answer.close()
    await asyncio.wait_for(door.handler.watches.closed.wait(), 60)


async def test_errors_in_a_running_watch_are_events(door: Door) -> None:
    async with door.admin.get(URL) as answer:
        door.handler.watches.batches.put_nowait(errors.Expired("too slow"))
        told = await frame(answer)
        assert await asyncio.wait_for(answer.content.read(), 60) == b""
    assert (told["type"], told["object"]["code"], told["object"]["reason"]) == ("ERROR", 410, "Expired")


async def test_a_revision_that_is_gone_is_told_inside_the_stream(door: Door) -> None:
    door.handler.watches.refusal = errors.Expired("too old resource version: 1 (7)")
    async with door.admin.get(URL) as answer:
        assert answer.status == 200
        assert (await frame(answer))["object"]["message"] == "too old resource version: 1 (7)"
    door.handler.watches.refusal = errors.BadRequest("bad selector")
    async with door.admin.get(URL) as answer:
        assert (answer.status, (await answer.json())["message"]) == (400, "bad selector")


async def test_tables_send_their_columns_once(door: Door) -> None:
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    async with door.admin.get(URL, headers=accept) as answer:
        door.handler.watches.send(Event("ADDED", pod("a", 8)), Event("ADDED", pod("b", 9)))
        first, second = await frame(answer), await frame(answer)
        door.handler.watches.batches.put_nowait(None)
    assert first["object"]["kind"] == "Table"
    assert first["object"]["metadata"]["resourceVersion"] == "8"
    assert first["object"]["columnDefinitions"][0]["name"] == "Name"
    assert second["object"]["columnDefinitions"] is None
    assert second["object"]["rows"][0]["cells"][0] == "b"


async def test_metadata_only(door: Door) -> None:
    accept = {"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}
    async with door.admin.get(URL, headers=accept) as answer:
        door.handler.watches.send(Event("ADDED", pod("a", 8)), bookmark=True)
        kinds = [(await frame(answer))["object"]["kind"] for _ in range(2)]
        door.handler.watches.batches.put_nowait(None)
    assert kinds == ["PartialObjectMetadata"] * 2


async def test_over_a_websocket(door: Door) -> None:
    async with door.admin.ws_connect(URL) as socket:
        door.handler.watches.send(Event("ADDED", pod("a", 8)))
        assert (await socket.receive_json(timeout=60))["type"] == "ADDED"
        door.handler.watches.batches.put_nowait(None)
        assert (await socket.receive(timeout=60)).type is aiohttp.WSMsgType.CLOSE
    door.handler.watches.closed.clear()
    async with door.admin.ws_connect(URL):
        pass
    await asyncio.wait_for(door.handler.watches.closed.wait(), 60)


async def test_closing_the_server_ends_watches(door: Door) -> None:
    async with door.admin.get(URL) as answer:
        closing = asyncio.create_task(door.server.close())
        door.handler.watches.batches.put_nowait(None)
        assert await asyncio.wait_for(answer.content.read(), 60) == b""
        await asyncio.wait_for(closing, 60)
