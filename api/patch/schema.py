"""What a strategic merge must know about a value: how each field merges, read from the records' annotations."""

from dataclasses import dataclass

from api.patch import failures
from api.types.record import Record
from api.types.reflection import TypeInfo, fields

MERGE = "merge"
REPLACE = "replace"
RETAIN_KEYS = "retainKeys"


@dataclass(frozen=True, slots=True)
class Merging:
    """How a field merges. `strategy` is "", "merge" or "replace"; `merge_key` is "" for lists of scalars."""

    type: TypeInfo
    strategy: str = ""
    merge_key: str = ""
    retain_keys: bool = False


def of_record(record_type: type[Record]) -> TypeInfo:
    return TypeInfo("record", record=record_type)


def field(holder: TypeInfo, name: str) -> Merging:
    """How the field `name` of a map-shaped value merges. Raises `StatusError` if the record has no such field."""
    if holder.shape == "map" and holder.element is not None:
        return Merging(holder.element)
    if holder.record is None:
        # Free-form JSON: merges like a merge patch, lists are replaced.
        return Merging(holder)
    info = fields(holder.record).get(name)
    if info is None:
        struct = f"{holder.record.__module__.rpartition('.')[2]}.{holder.record.__name__}"
        raise failures.unexpected(f'unable to find api field in struct {struct} for the json field "{name}"')
    strategies = info.facts.patch_strategy.split(",")
    return Merging(
        type=info.type,
        strategy=next((word for word in strategies if word in (MERGE, REPLACE)), ""),
        merge_key=info.facts.patch_merge_key,
        retain_keys=RETAIN_KEYS in strategies,
    )


def element(listed: Merging) -> TypeInfo:
    """The type of the elements of a list field."""
    return listed.type.element or listed.type
