"""The two faces of an Event: core/v1 is what is stored, events.k8s.io/v1 renames its fields.

Follows upstream's conversion (`pkg/apis/core` <-> `events/v1`): message and note, involvedObject and
regarding, reportingComponent and reportingController; the rest of core's fields are "deprecated...".
"""

from __future__ import annotations

from api.types import Event, EventSeries, EventsV1Event, EventsV1EventSeries


def to_events_group(event: Event) -> EventsV1Event:
    """A stored Event as the events group shows it."""
    return EventsV1Event(
        metadata=event.metadata,
        event_time=event.event_time,
        series=_series_of_events_group(event.series),
        reporting_controller=event.reporting_component,
        reporting_instance=event.reporting_instance,
        action=event.action,
        reason=event.reason,
        regarding=event.involved_object,
        related=event.related,
        note=event.message,
        type=event.type,
        deprecated_source=event.source,
        deprecated_first_timestamp=event.first_timestamp,
        deprecated_last_timestamp=event.last_timestamp,
        deprecated_count=event.count,
    )


def to_core(event: EventsV1Event) -> Event:
    """An Event of the events group as it is stored."""
    return Event(
        metadata=event.metadata,
        event_time=event.event_time,
        series=_series_of_core(event.series),
        reporting_component=event.reporting_controller,
        reporting_instance=event.reporting_instance,
        action=event.action,
        reason=event.reason,
        involved_object=event.regarding,
        related=event.related,
        message=event.note,
        type=event.type,
        source=event.deprecated_source,
        first_timestamp=event.deprecated_first_timestamp,
        last_timestamp=event.deprecated_last_timestamp,
        count=event.deprecated_count,
    )


def _series_of_events_group(series: EventSeries | None) -> EventsV1EventSeries | None:
    if series is None:
        return None
    return EventsV1EventSeries(count=series.count, last_observed_time=series.last_observed_time)


def _series_of_core(series: EventsV1EventSeries | None) -> EventSeries | None:
    if series is None:
        return None
    return EventSeries(count=series.count, last_observed_time=series.last_observed_time)
