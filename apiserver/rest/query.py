"""Query parameters as Kubernetes reads them, and the options made of them.

Conversion follows upstream (apimachinery `runtime/conversion.go`): the first value counts, a bool is false for
"false" and "0" and true for anything else, numbers must be whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote_plus

from api import durations, errors
from api.types import DeleteOptions, Preconditions
from apiserver.requests import ListOptions, WriteOptions

Query = Mapping[str, Sequence[str]]
EMPTY: Final[Query] = {}
_NO_LIST_OPTIONS: Final = ListOptions()
_NO_WRITE_OPTIONS: Final = WriteOptions()


def parse(text: str) -> Query:
    """Every value of every parameter, decoded, in order."""
    if not text:
        return EMPTY
    values: dict[str, list[str]] = {}
    for pair in text.split("&"):
        if pair:
            key, _, value = pair.partition("=")
            values.setdefault(_decode(key), []).append(_decode(value))
    return values


def first(query: Query, key: str) -> str:
    values = query.get(key)
    return values[0] if values else ""


def flag(query: Query, key: str) -> bool:
    """False when absent; present without a value is true."""
    values = query.get(key)
    return bool(values) and values[0].lower() not in ("false", "0")  # type: ignore[index]


def optional_flag(query: Query, key: str) -> bool | None:
    return flag(query, key) if query.get(key) else None


def optional_integer(query: Query, key: str) -> int | None:
    """None when absent or empty. Raises `BadRequest` in the words of Go's strconv."""
    text = first(query, key)
    if not text:
        return None
    digits = text[1:] if text[0] in "+-" else text
    if not (digits.isascii() and digits.isdigit()):
        raise errors.BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    digits = digits.lstrip("0") or "0"
    # Python refuses to read very long numbers, for the time it takes.
    size = int(digits) if len(digits) < 20 else 2**64
    value = -size if text[0] == "-" else size
    if not -(2**63) <= value < 2**63:
        raise errors.BadRequest(f'strconv.ParseInt: parsing "{text}": value out of range')
    return value


def timeout_seconds(query: Query) -> float | None:
    """How long the client gives a request; None when it does not say, or zero. Raises `BadRequest`."""
    text = first(query, "timeout")
    try:
        seconds = durations.seconds(text) if text else 0
    except ValueError as error:
        raise errors.BadRequest(f"invalid timeout specified in the request URL - {error}") from None
    return seconds if seconds > 0 else None


def list_options(query: Query, name: str = "") -> ListOptions:
    """The options of a list, watch or delete-collection; `name` restricts it to one object."""
    if not query and not name:
        return _NO_LIST_OPTIONS
    return ListOptions(
        label_selector=first(query, "labelSelector"),
        field_selector=first(query, "fieldSelector"),
        # Below zero means no limit, as upstream's storage takes it.
        limit=max(0, optional_integer(query, "limit") or 0),
        continue_token=first(query, "continue"),
        resource_version=first(query, "resourceVersion"),
        resource_version_match=first(query, "resourceVersionMatch"),
        allow_watch_bookmarks=flag(query, "allowWatchBookmarks"),
        send_initial_events=optional_flag(query, "sendInitialEvents"),
        timeout_seconds=optional_integer(query, "timeoutSeconds"),
        name=name,
    )


def write_options(query: Query) -> WriteOptions:
    if not query:
        return _NO_WRITE_OPTIONS
    return WriteOptions(
        dry_run=tuple(query.get("dryRun", ())),
        field_validation=first(query, "fieldValidation"),
        field_manager=first(query, "fieldManager"),
        force=flag(query, "force"),
    )


def delete_options(query: Query, *, collection: bool = False) -> DeleteOptions | None:
    """The options a delete carries in its query; None when there are none. They count only without a body.

    `uid` and `resourceVersion` are preconditions, but for a `collection`, where the latter is the list's.
    """
    grace = optional_integer(query, "gracePeriodSeconds")
    orphan = optional_flag(query, "orphanDependents")
    propagation = first(query, "propagationPolicy") or None
    dry_run = list(query.get("dryRun", ()))
    uid = (not collection and first(query, "uid")) or None
    revision = (not collection and first(query, "resourceVersion")) or None
    preconditions = Preconditions(uid=uid, resource_version=revision) if uid or revision else None
    if grace is None and orphan is None and propagation is None and not dry_run and preconditions is None:
        return None
    return DeleteOptions(
        grace_period_seconds=grace,
        orphan_dependents=orphan,
        propagation_policy=propagation,
        dry_run=dry_run,
        preconditions=preconditions,
    )


def _decode(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text
