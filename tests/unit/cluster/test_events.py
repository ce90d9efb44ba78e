"""The event recorder: tells once, counts repeats, writes different events side by side, limits the talkative."""

from __future__ import annotations

import asyncio
from typing import Any

from api.errors import NotFound
from api.types import ConfigMap, Event, ObjectMeta
from cluster.events import EventRecorder
from tests.support.clock import FakeClock


class RecordingClient:
    """Keeps what is written; `expired` names are NotFound to patches."""

    def __init__(self) -> None:
        self.created: list[Event] = []
        self.counts: dict[str, int] = {}
        self.expired: set[str] = set()
        self.at_once = 0
        self.most_at_once = 0

    async def create(self, event: Event, **_: Any) -> Event:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        self.created.append(event)
        return event

    async def patch(self, record: type, name: str, namespace: str, body: dict[str, Any], **_: Any) -> None:
        if name in self.expired:
            raise NotFound("events", name)
        self.counts[name] = body["count"]


def config_map(name: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default", uid=f"uid-{name}"))


async def written(client: RecordingClient, recorder: EventRecorder, rounds: int = 50) -> None:
    """Let the recorder write what it has."""
    running = asyncio.create_task(recorder.run())
    for _ in range(rounds):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])


def recorder_of(client: RecordingClient, clock: FakeClock | None = None) -> EventRecorder:
    return EventRecorder(client, "tester", "host-1", clock or FakeClock())  # type: ignore[arg-type]


async def test_the_same_event_again_is_counted() -> None:
    client = RecordingClient()
    recorder = recorder_of(client)
    for _ in range(3):
        recorder.record(config_map("a"), "Normal", "Seen", "a thing was seen")
    await written(client, recorder)
    (event,) = client.created
    assert (event.reason, event.message, event.count) == ("Seen", "a thing was seen", 1)
    assert event.involved_object.name == "a"
    assert client.counts == {event.metadata.name: 3}


async def test_an_event_that_expired_is_told_anew() -> None:
    client = RecordingClient()
    recorder = recorder_of(client)
    recorder.record(config_map("a"), "Normal", "Seen", "again")
    await written(client, recorder)
    client.expired.add(client.created[0].metadata.name)
    recorder.record(config_map("a"), "Normal", "Seen", "again")
    await written(client, recorder)
    assert len(client.created) == 2


async def test_different_events_are_written_side_by_side() -> None:
    client = RecordingClient()
    recorder = recorder_of(client)
    for number in range(20):
        recorder.record(config_map(f"m{number}"), "Normal", "Seen", "one each")
    await written(client, recorder)
    assert len(client.created) == 20
    assert client.most_at_once == 20


async def test_one_object_may_not_talk_without_end() -> None:
    client, clock = RecordingClient(), FakeClock()
    recorder = recorder_of(client, clock)
    for number in range(100):
        recorder.record(config_map("a"), "Normal", "Seen", f"message {number}")
    await written(client, recorder, 200)
    assert len(client.created) == 25
    clock.advance(300)
    recorder.record(config_map("a"), "Normal", "Seen", "after a while")
    await written(client, recorder)
    assert len(client.created) == 26


async def test_a_source_may_be_limited_as_a_whole() -> None:
    client, clock = RecordingClient(), FakeClock()
    recorder = EventRecorder(client, "tester", "host-1", clock, per_second=2.0)  # type: ignore[arg-type]
    for number in range(10):
        recorder.record(config_map(f"a{number}"), "Normal", "Seen", "a thing was seen")
    clock.advance(1.0)
    for number in range(10):
        recorder.record(config_map(f"b{number}"), "Normal", "Seen", "a thing was seen")
    await written(client, recorder)
    assert [event.involved_object.name for event in client.created] == ["a0", "a1", "a2", "a3", "b0", "b1"]
