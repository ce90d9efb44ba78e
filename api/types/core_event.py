"""Events as the core group shows them (core/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_reference import ObjectReference
from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Int32, MicroTime, Time

PACKAGE = "core/v1"


class EventSeries(Record, frozen=True, kw_only=True):
    """How often an event was repeated."""

    count: Int32 = 0
    last_observed_time: MicroTime | None = always(None)


class EventSource(Record, frozen=True, kw_only=True):
    """The component that reported an event."""

    component: str = ""
    host: str = ""


class Event(Record, frozen=True, kw_only=True):
    """A report about an object, kept for a while."""

    api_version: str = always("v1")
    kind: str = always("Event")
    metadata: Annotated[ObjectMeta, Field(required=True)] = field(default_factory=ObjectMeta)
    action: str = ""
    count: Int32 = 0
    event_time: MicroTime | None = always(None)
    first_timestamp: Time | None = always(None)
    involved_object: Annotated[ObjectReference, Field(required=True)] = field(default_factory=ObjectReference)
    last_timestamp: Time | None = always(None)
    message: str = ""
    reason: str = ""
    related: ObjectReference | None = None
    reporting_component: str = always("")
    reporting_instance: str = always("")
    series: EventSeries | None = None
    source: EventSource = field(default_factory=EventSource)
    type: str = ""
