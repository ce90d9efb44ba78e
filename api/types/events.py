"""Events as the events group shows them (events.k8s.io/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_event import EventSource
from api.types.core_reference import ObjectReference
from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Int32, MicroTime, Time

PACKAGE = "events/v1"


class EventSeries(Record, frozen=True, kw_only=True):
    """How often an event was repeated."""

    count: Annotated[Int32, Field(required=True)] = always(0)
    last_observed_time: Annotated[MicroTime | None, Field(required=True)] = always(None)


class Event(Record, frozen=True, kw_only=True):
    """A report about an object, kept for a while."""

    api_version: str = always("events.k8s.io/v1")
    kind: str = always("Event")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    action: str = ""
    deprecated_count: Int32 = 0
    deprecated_first_timestamp: Time | None = always(None)
    deprecated_last_timestamp: Time | None = always(None)
    deprecated_source: EventSource = field(default_factory=EventSource)
    event_time: Annotated[MicroTime | None, Field(required=True)] = always(None)
    note: str = ""
    reason: str = ""
    regarding: ObjectReference = field(default_factory=ObjectReference)
    related: ObjectReference | None = None
    reporting_controller: str = ""
    reporting_instance: str = ""
    series: EventSeries | None = None
    type: str = ""
