"""Parts that descriptions of many kinds share: labels, annotations, times, owners, resources, events."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from api import timestamps
from api.types import Event, ObjectMeta
from podling.describe.page import Page

NONE = "<none>"
UNSET = "<unset>"
_LONGEST_ANNOTATION = 140
_HIDDEN_ANNOTATIONS = frozenset({"kubectl.kubernetes.io/last-applied-configuration"})


def moment(timestamp: str | None) -> str:
    """A time for people: "Tue, 14 Nov 2023 22:13:20 +0000"; empty if not set."""
    if not timestamp:
        return ""
    return format_datetime(datetime.fromtimestamp(int(timestamps.parse(timestamp)), UTC))


def head(page: Page, metadata: ObjectMeta) -> None:
    """Name and namespace."""
    page.field("Name", metadata.name)
    if metadata.namespace:
        page.field("Namespace", metadata.namespace)


def labels(page: Page, title: str, mapping: Mapping[str, str], *, level: int = 0) -> None:
    """Labels, one a line, the first beside the title."""
    listed(page, title, [f"{key}={mapping[key]}" for key in sorted(mapping)], level=level)


def listed(page: Page, title: str, values: Sequence[str], *, level: int = 0) -> None:
    """Values, one a line, the first beside the title."""
    page.field(title, values[0] if values else NONE, level=level)
    for value in values[1:]:
        page.line("", value, level=level)


def annotations(page: Page, mapping: Mapping[str, str], *, level: int = 0) -> None:
    """Annotations, long ones and ones with line breaks below their key."""
    texts: list[str] = []
    for key in sorted(mapping.keys() - _HIDDEN_ANNOTATIONS):
        value = mapping[key].removesuffix("\n")
        if "\n" not in value and len(key) + len(value) + 2 < _LONGEST_ANNOTATION:
            texts.append(f"{key}: {value}")
        else:
            texts.append(f"{key}:")
            texts += [f"  {_shortened(line)}" for line in value.split("\n")]
    listed(page, "Annotations", texts, level=level)


def _shortened(text: str) -> str:
    longest = _LONGEST_ANNOTATION - 2
    return text if len(text) <= longest else f"{text[:longest]}..."


def controller(metadata: ObjectMeta) -> str:
    """The owner that controls an object, as "ReplicaSet/web-1"; empty without one."""
    return next((f"{owner.kind}/{owner.name}" for owner in metadata.owner_references if owner.controller), "")


def true_or_false(value: bool) -> str:
    return "True" if value else "False"


def events(page: Page, found: Iterable[Event], now: float) -> None:
    """Events, oldest first."""
    ordered = sorted(found, key=_last_seen)
    if not ordered:
        page.field("Events", NONE)
        return
    page.line("Events:")
    # Upstream underlines "Age" with four dashes here, and nowhere else.
    page.line("Type", "Reason", "Age", "From", "Message", level=1)
    page.line("----", "------", "----", "----", "-------", level=1)
    for event in ordered:
        source = event.source.component or event.reporting_component
        page.line(event.type, event.reason, _interval(event, now), source, event.message.strip(), level=1)


def _last_seen(event: Event) -> str:
    series = event.series.last_observed_time if event.series else None
    return series or event.last_timestamp or event.event_time or ""


def _interval(event: Event, now: float) -> str:
    if event.series is not None:
        last, count, first = event.series.last_observed_time, event.series.count, event.event_time
    else:
        last, count, first = event.last_timestamp, event.count, event.first_timestamp
    if event.series is not None or count > 1:
        return f"{timestamps.age(last, now)} (x{count} over {timestamps.age(first, now)})"
    return timestamps.age(event.first_timestamp or event.event_time, now)
