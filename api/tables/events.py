"""How events are shown: those of core/v1 and, by their equivalent fields, those of events.k8s.io/v1."""

from dataclasses import dataclass

from api.tables.layout import Cell, Column, Layout, wide
from api.tables.text import UNKNOWN, since
from api.types import Event, EventSource, EventsV1Event, ObjectReference


@dataclass(frozen=True, slots=True)
class _Common:
    """What both versions of an event say, under one name each."""

    first_seen: str | None
    last_seen: str | None
    count: int
    about: ObjectReference
    source: EventSource
    reporter: str
    message: str


def _of_core(event: Event) -> _Common:
    return _Common(
        event.first_timestamp or event.event_time,
        event.series.last_observed_time if event.series else event.last_timestamp,
        event.series.count if event.series else event.count or 1,
        event.involved_object,
        event.source,
        event.reporting_component,
        event.message,
    )


def _of_events_v1(event: EventsV1Event) -> _Common:
    return _Common(
        event.deprecated_first_timestamp or event.event_time,
        event.series.last_observed_time if event.series else event.deprecated_last_timestamp,
        event.series.count if event.series else event.deprecated_count or 1,
        event.regarding,
        event.deprecated_source,
        event.reporting_controller,
        event.note,
    )


def _cells(event: Event | EventsV1Event, now: float) -> list[Cell]:
    common = _of_core(event) if isinstance(event, Event) else _of_events_v1(event)
    first_seen = since(common.first_seen, now)
    last_seen = since(common.last_seen, now) if common.last_seen else UNKNOWN if event.series else first_seen
    kind = common.about.kind.lower()
    sources = (common.source.component or common.reporter, common.source.host or event.reporting_instance)
    return [
        last_seen,
        event.type,
        event.reason,
        f"{kind}/{common.about.name}" if common.about.name else kind,
        common.about.field_path,
        ", ".join(part for part in sources if part),
        common.message.strip(),
        first_seen,
        common.count,
        event.metadata.name,
    ]


EVENTS = Layout(
    columns=(
        Column("Last Seen", "When the event was last observed."),
        Column("Type", "Normal, or Warning."),
        Column("Reason", "Why, in one word for programs."),
        Column("Object", "The object the event is about."),
        wide("Subobject", "The part of the object the event is about."),
        wide("Source", "The component that reported the event, and where it runs."),
        Column("Message", "What happened, for people."),
        wide("First Seen", "When the event was first observed."),
        wide("Count", "How often the event was observed."),
        Column("Name", "The event's name.", format="name", priority=1),
    ),
    cells=_cells,
)
