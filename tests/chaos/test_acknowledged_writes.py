"""A write that was acknowledged is never lost, whatever is killed with -9 at whatever moment."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import signal
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp

from api import errors
from api.types import ConfigMap, ObjectMeta
from cluster.client import Client
from cluster.connection import Connection, open_channel
from cluster.informer import Informer
from tests.support.chaos import Processes, choose
from tests.support.cluster import Cluster
from tests.support.kube import Space
from tests.support.ledger import Ledger
from tests.support.polling import eventually

KILLS = 16
OBJECTS = 6
WRITERS = 3
PAUSE_SECONDS = 0.02
RETRY_SECONDS = 0.1

Tree = dict[str, Any]


class Refused(Exception):
    """The server said that the write was not carried out."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Unknown(Exception):
    """Nobody can say whether the write was carried out."""


class NotSent(Exception):
    """There was nobody to send the write to."""


class GrpcDoor:
    """Writes through `cluster.client`. Answers are (name, uid)."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def create(self, tree: Tree) -> tuple[str, str]:
        return await self._told(self._client.create(self._record(tree)))

    async def update(self, tree: Tree) -> tuple[str, str]:
        return await self._told(self._client.update(self._record(tree)))

    async def delete(self, name: str) -> None:
        await self._told(self._client.delete(ConfigMap, name, self._namespace))

    def _record(self, tree: Tree) -> ConfigMap:
        metadata = tree["metadata"]
        return ConfigMap(
            metadata=ObjectMeta(
                name=metadata.get("name", ""),
                generate_name=metadata.get("generateName", ""),
                namespace=self._namespace,
            ),
            data=tree["data"],
        )

    async def _told(self, call: Awaitable[Any]) -> tuple[str, str]:
        try:
            record = await call
        except errors.StatusError as error:
            raise _outcome(error.code) from error
        return (record.metadata.name, record.metadata.uid) if record is not None else ("", "")


class RestDoor:
    """Writes over HTTPS."""

    def __init__(self, session: aiohttp.ClientSession, space: Space) -> None:
        self._session = session
        self._url = space.cluster.server + space.path("configmaps")

    async def create(self, tree: Tree) -> tuple[str, str]:
        return await self._told("POST", self._url, tree)

    async def update(self, tree: Tree) -> tuple[str, str]:
        return await self._told("PUT", f"{self._url}/{tree['metadata']['name']}", tree)

    async def delete(self, name: str) -> None:
        await self._told("DELETE", f"{self._url}/{name}", None)

    async def _told(self, method: str, url: str, tree: Tree | None) -> tuple[str, str]:
        body = None if tree is None else {"apiVersion": "v1", "kind": "ConfigMap", **tree}
        try:
            async with self._session.request(method, url, json=body) as answer:
                if answer.status >= 300:
                    raise _outcome(answer.status)
                metadata = (await answer.json()).get("metadata", {})
        except aiohttp.ClientConnectorError as error:
            raise NotSent from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unknown from error
        return metadata.get("name", ""), metadata.get("uid", "")


def _outcome(code: int) -> Exception:
    """What 4xx refuses was not done; 5xx may have been."""
    return Refused(code) if code < 500 and code != 408 else Unknown()


class Writer:
    """Creates, updates and deletes a few objects of its own, and creates others with generated names."""

    def __init__(self, name: str, door: GrpcDoor | RestDoor, ledger: Ledger, generator: random.Random) -> None:
        self._name = name
        self._door = door
        self._ledger = ledger
        self._generator = generator
        self._contents = (f"{name}-{number}" for number in itertools.count())
        # Whether each object is there, as far as was told.
        self._there = dict.fromkeys((f"{name}-object-{number}" for number in range(OBJECTS)), False)
        self.generated: list[str] = []
        self.attempts: list[str] = []

    async def run(self, stopping: asyncio.Event) -> None:
        """Write until told to stop; what was begun is waited for."""
        while not stopping.is_set():
            name = self._generator.choice(list(self._there))
            await self._step(name)
            if self._generator.random() < 0.2:
                await self._generate()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _step(self, name: str) -> None:
        content = next(self._contents)
        tree = {"metadata": {"name": name}, "data": {"content": content}}
        if not self._there[name]:
            await self._write(name, content, self._door.create(tree), there=True)
        elif self._generator.random() < 0.1:
            await self._write(name, None, self._delete(name), there=False)
        else:
            await self._write(name, content, self._door.update(tree), there=True)

    async def _delete(self, name: str) -> tuple[str, str]:
        await self._door.delete(name)
        return "", ""

    async def _write(self, name: str, content: str | None, call: Awaitable[tuple[str, str]], *, there: bool) -> None:
        try:
            _, uid = await call
        except Refused as refused:
            # An earlier write, whose answer was lost, was carried out after all.
            assert refused.code in (404, 409), f"{name}: {refused.code}"
            self._there[name] = refused.code == 409
        except NotSent:
            await asyncio.sleep(RETRY_SECONDS)
        except Unknown:
            self._ledger.leave_open(name, content)
        else:
            self._ledger.acknowledge(name, content, uid)
            self._there[name] = there

    async def _generate(self) -> None:
        attempt = next(self._contents)
        self.attempts.append(attempt)
        tree = {"metadata": {"generateName": f"{self._name}-generated-"}, "data": {"content": attempt}}
        with contextlib.suppress(Unknown, NotSent):
            await self._door.create(tree)
            self.generated.append(attempt)


async def follow(session: aiohttp.ClientSession, space: Space, seen: dict[str, Tree]) -> None:
    """List once, then watch over REST, resuming after each break; `seen` is the state as told."""
    url = space.cluster.server + space.path("configmaps")
    revision = ""
    while True:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            if not revision:
                async with session.get(url) as answer:
                    if answer.status != 200:
                        continue
                    listed = await answer.json()
                    seen.clear()
                    seen.update({item["metadata"]["name"]: item for item in listed["items"]})
                    revision = listed["metadata"]["resourceVersion"]
            query = {"watch": "1", "resourceVersion": revision, "allowWatchBookmarks": "true"}
            async with session.get(url, params=query, timeout=aiohttp.ClientTimeout(total=None)) as answer:
                if answer.status == 410:
                    revision = ""
                if answer.status == 200:
                    async for line in answer.content:
                        revision = _apply(json.loads(line), seen) or ""
        await asyncio.sleep(0.05)


def _apply(event: Tree, seen: dict[str, Tree]) -> str:
    """Take in a watch event; the revision to resume from, "" to list again."""
    tree = event["object"]
    if event["type"] == "ERROR":
        return ""
    metadata = tree["metadata"]
    if event["type"] == "DELETED":
        seen.pop(metadata["name"], None)
    elif event["type"] != "BOOKMARK":
        seen[metadata["name"]] = tree
    return str(metadata["resourceVersion"])


@contextlib.asynccontextmanager
async def connected(cluster: Cluster, plan_grpc: str) -> AsyncIterator[tuple[Client, aiohttp.ClientSession]]:
    pki = cluster.directory / "pki"
    files = (pki / "ca.crt", pki / "admin.crt", pki / "admin.key")
    context = ssl.create_default_context(cafile=str(files[0]))
    context.load_cert_chain(files[1], files[2])
    connector, timeout = aiohttp.TCPConnector(ssl=context), aiohttp.ClientTimeout(total=30)
    async with open_channel(Connection(plan_grpc, *files)) as channel:
        client = Client(channel)
        try:
            async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
                # aiohttp sends a PUT or DELETE again whose connection broke, though it may have been carried out, and
                # tells only what became of the second. There is no public way to have it not do that.
                session._retry_connection = False
                yield client, session
        finally:
            await client.close()


@contextlib.asynccontextmanager
async def running(*jobs: Awaitable[None]) -> AsyncIterator[None]:
    """Jobs in the background; one that fails fails the test."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def hit(processes: Processes, generator: random.Random, kills: int) -> list[str]:
    """Kill one process after the other; some may be down when their turn comes."""
    story = []
    for _ in range(kills):
        await asyncio.sleep(generator.uniform(0.2, 1.0))
        name = choose(generator, list(await asyncio.to_thread(processes.all)))
        pid = await asyncio.to_thread(processes.kill, name, signal.SIGKILL)
        story.append(f"{name} ({pid})")
    return story


async def test_no_acknowledged_write_is_lost(
    cluster: Cluster, processes: Processes, make_space: Callable[[], Space], generator: random.Random
) -> None:
    space = make_space()
    ledger = Ledger()
    seen: dict[str, Tree] = {}
    history: dict[str, list[int]] = {}

    def note(old: ConfigMap | None, new: ConfigMap | None) -> None:
        if new is not None:
            history.setdefault(new.metadata.name, []).append(int(new.metadata.resource_version))

    async with connected(cluster, processes.plan.grpc) as (client, session):
        informer = Informer(client, ConfigMap, namespace=space.name)
        informer.add_handler(note)
        doors: dict[str, GrpcDoor | RestDoor] = {
            "grpc": GrpcDoor(client, space.name),
            "rest": RestDoor(session, space),
        }
        writers = [
            Writer(f"{kind}-{number}", door, ledger, random.Random(generator.random()))
            for kind, door in doors.items()
            for number in range(WRITERS)
        ]
        async with running(informer.run(), follow(session, space, seen)):
            stopping = asyncio.Event()
            writing = asyncio.gather(*(writer.run(stopping) for writer in writers))
            print("killed:", ", ".join(await hit(processes, generator, KILLS)))
            await asyncio.to_thread(processes.wait_well)
            stopping.set()
            await writing
            listed = await client.list(ConfigMap, space.name)
            truth = {item.metadata.name: item for item in listed.items}
            versions = {name: item.metadata.resource_version for name, item in truth.items()}

            async def watchers_know() -> bool:
                informed = {item.metadata.name: item.metadata.resource_version for item in informer.items()}
                told = {name: tree["metadata"]["resourceVersion"] for name, tree in seen.items()}
                return informed == versions and told == versions

            await eventually(watchers_know, 60, "the watchers have converged to the list")

    assert {item.metadata.name: item.data for item in informer.items()} == {
        name: item.data for name, item in truth.items()
    }
    assert {name: tree["data"] for name, tree in seen.items()} == {name: item.data for name, item in truth.items()}
    assert all(versions == sorted(set(versions)) for versions in history.values()), "told out of order"

    found = {name: (item.data["content"], item.metadata.uid) for name, item in truth.items() if "content" in item.data}
    named = {name: each for name, each in found.items() if "-generated-" not in name}
    assert ledger.judge(named) == []
    counts = Counter(content for name, (content, _) in found.items() if "-generated-" in name)
    assert [attempt for attempt, count in counts.items() if count > 1] == [], "created twice"
    assert [attempt for writer in writers for attempt in writer.generated if not counts[attempt]] == [], "lost"
    print(f"{ledger.acknowledged} writes acknowledged, {ledger.uncertain} left open")
    assert ledger.acknowledged > KILLS
