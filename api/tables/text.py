"""How single values are written in table cells, the same for many kinds."""

from collections.abc import Iterable, Mapping, Sequence

from api import timestamps
from api.types import Container, LabelSelector, LabelSelectorRequirement, ObjectMeta

NONE = "<none>"
UNKNOWN = "<unknown>"
UNSET = "<unset>"


def since(timestamp: str | None, now: float) -> str:
    """Time since a timestamp as kubectl shows durations ("5m30s")."""
    return timestamps.age(timestamp, now)


def age(metadata: ObjectMeta, now: float) -> str:
    return since(metadata.creation_timestamp, now)


def or_none(value: str | None) -> str:
    return value or NONE


def labels(mapping: Mapping[str, str]) -> str:
    """Labels or a plain selector: "a=b,c=d"."""
    return or_none(",".join(f"{key}={mapping[key]}" for key in sorted(mapping)))


def selector(record: LabelSelector | None) -> str:
    """A label selector in the notation of kubectl's -l: "a=b,c in (d,e),!f"; empty if it has no requirement."""
    if record is None:
        return ""
    equalities = [(key, f"{key}={value}") for key, value in record.match_labels.items()]
    expressions = [(item.key, _requirement(item)) for item in record.match_expressions]
    return ",".join(text for _, text in sorted([*equalities, *expressions]))


def _requirement(item: LabelSelectorRequirement) -> str:
    values = ",".join(sorted(item.values))
    match item.operator:
        case "In":
            return f"{item.key} in ({values})"
        case "NotIn":
            return f"{item.key} notin ({values})"
        case "DoesNotExist":
            return f"!{item.key}"
        case _:
            return item.key


def names(containers: Iterable[Container]) -> str:
    return ",".join(container.name for container in containers)


def images(containers: Iterable[Container]) -> str:
    return ",".join(container.image for container in containers)


def first_three(items: Sequence[str]) -> str:
    """The first items, and how many more there are."""
    shown = ",".join(items[:3])
    return shown if len(items) <= 3 else f"{shown} + {len(items) - 3} more..."
