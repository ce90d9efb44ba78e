"""Events about objects: told once, counted when they repeat, dropped rather than waited for.

Behaviour: client-go's event correlator. The same event again raises the count of the first; a source that says too much
about one object is limited (25 at once, then one in five minutes).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from api import scheme, timestamps
from api.errors import NotFound, StatusError
from api.types import Event, EventSource, ObjectMeta, ObjectReference
from api.types.record import Record
from cluster.client import Client
from cluster.clock import Clock, LoopClock
from cluster.logs import get_logger

NORMAL = "Normal"
WARNING = "Warning"

MAX_REMEMBERED = 4_096
MAX_WAITING = 1_000
MAX_AT_ONCE = 100
BURST = 25.0
REFILL_PER_SECOND = 1 / 300

log = get_logger()


@dataclass(frozen=True, slots=True)
class _Fact:
    """What happened to an object, and when."""

    reference: ObjectReference
    type: str
    reason: str
    message: str
    seconds: float  # since the epoch

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two events the same."""
        reference = self.reference
        return (
            reference.kind,
            reference.namespace,
            reference.name,
            reference.uid,
            reference.field_path,
            self.type,
            self.reason,
            self.message,
        )


@dataclass(slots=True)
class _Told:
    """An event that is in the API server already."""

    name: str
    namespace: str
    count: int


@dataclass(slots=True)
class _Bucket:
    """Token bucket for one object, or for all of a source."""

    tokens: float
    refilled_at: float

    def take(self, now: float, burst: float = BURST, per_second: float = REFILL_PER_SECOND) -> bool:
        self.tokens = min(burst, self.tokens + (now - self.refilled_at) * per_second)
        self.refilled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def reference_to(object: Record, field_path: str = "") -> ObjectReference:
    """The reference by which others name `object`."""
    resource = scheme.of(object)
    metadata = object.metadata  # type: ignore[attr-defined]
    return ObjectReference(
        api_version=resource.api_version,
        kind=resource.kind,
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        resource_version=metadata.resource_version,
        field_path=field_path,
    )


class EventRecorder:
    """Writes Events in the background; `run()` is the task that does it.

    per_second: how many events of all objects together, after twice as many at once; None for no such limit
    (upstream: the kubelet's eventRecordQPS).
    """

    def __init__(
        self,
        client: Client,
        component: str,
        host: str = "",
        clock: Clock | None = None,
        *,
        per_second: float | None = None,
    ) -> None:
        self._client = client
        self._component = component
        self._host = host
        self._clock = clock or LoopClock()
        self._waiting: asyncio.Queue[_Fact] = asyncio.Queue(MAX_WAITING)
        self._told: OrderedDict[tuple[str, ...], _Told] = OrderedDict()
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._named_last = 0
        self._dropping = False
        self._per_second = per_second
        self._all = _Bucket(2 * (per_second or 0.0), self._clock.monotonic())

    def record(self, object: Record, type: str, reason: str, message: str, *, field_path: str = "") -> None:
        """Tell of something that happened to `object`. Never waits; a full queue or a spent limit drops the event."""
        now = self._clock.monotonic()
        if self._per_second is not None and not self._all.take(now, 2 * self._per_second, self._per_second):
            return
        reference = reference_to(object, field_path)
        if not self._bucket((reference.kind, reference.uid or reference.name)).take(now):
            return
        try:
            self._waiting.put_nowait(_Fact(reference, type, reason, message, self._clock.time()))
        except asyncio.QueueFull:
            if not self._dropping:
                log.warning("dropping events: too many at once", object=reference.name, reason=reason)
            self._dropping = True
        else:
            self._dropping = False

    async def run(self) -> None:
        """Write what is recorded until cancelled: different events side by side, the same one in order."""
        while True:
            facts = [await self._waiting.get()]
            while len(facts) < MAX_AT_ONCE and not self._waiting.empty():
                facts.append(self._waiting.get_nowait())
            by_key: dict[tuple[str, ...], list[_Fact]] = {}
            for fact in facts:
                by_key.setdefault(fact.key, []).append(fact)
            await asyncio.gather(*map(self._write_in_order, by_key.values()))

    async def _write_in_order(self, facts: list[_Fact]) -> None:
        for fact in facts:
            try:
                await self._write(fact)
            except StatusError as error:
                log.debug("could not write an event", object=fact.reference.name, reason=error.message)

    async def _write(self, fact: _Fact) -> None:
        told = self._told.get(fact.key)
        if told is not None:
            try:
                await self._count(told, fact.seconds)
                self._told.move_to_end(fact.key)
                return
            except NotFound:
                pass  # it expired meanwhile: tell it anew
        self._told[fact.key] = await self._create(fact)
        if len(self._told) > MAX_REMEMBERED:
            self._told.popitem(last=False)

    async def _create(self, fact: _Fact) -> _Told:
        now = timestamps.now_text(fact.seconds)
        namespace = fact.reference.namespace or "default"
        # Named by the time, as upstream: a list in name order is then in order of time.
        self._named_last = max(self._named_last + 1, int(fact.seconds * 1_000_000_000))
        name = f"{fact.reference.name}.{self._named_last:x}"
        event = Event(
            metadata=ObjectMeta(name=name, namespace=namespace),
            involved_object=fact.reference,
            type=fact.type,
            reason=fact.reason,
            message=fact.message,
            source=EventSource(component=self._component, host=self._host),
            reporting_component=self._component,
            reporting_instance=self._host,
            first_timestamp=now,
            last_timestamp=now,
            count=1,
        )
        await self._client.create(event)
        return _Told(name, namespace, 1)

    async def _count(self, told: _Told, seconds: float) -> None:
        told.count += 1
        body = {"count": told.count, "lastTimestamp": timestamps.now_text(seconds)}
        await self._client.patch(Event, told.name, told.namespace, body)

    def _bucket(self, key: tuple[str, str]) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(BURST, self._clock.monotonic())
            if len(self._buckets) > MAX_REMEMBERED:
                self._buckets.popitem(last=False)
        return bucket
