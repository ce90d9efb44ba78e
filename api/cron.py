"""Cron schedules as CronJobs write them: five fields, names, steps, "@hourly", "@every 90m", "TZ=" before.

The language, the errors' words and the meaning of days and of clock changes are those of the parser upstream
uses (robfig/cron v3, ParseStandard). Times are seconds since the epoch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Protocol

from api import durations

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# A schedule that does not come round within so many years never does ("0 0 31 2 *").
_YEARS_AHEAD: Final = 5
_DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ZONE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9._+-]+)*")


class Schedule(Protocol):
    """When something is due."""

    def next(self, after: float) -> float | None:
        """The first due time after `after`, in whole seconds; None when there is none within five years."""


@dataclass(frozen=True, slots=True)
class Bounds:
    low: int
    high: int
    names: Mapping[str, int] = field(default_factory=dict)


_BOUNDS: Final = (
    Bounds(0, 59),
    Bounds(0, 23),
    Bounds(1, 31),
    Bounds(1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    Bounds(0, 6, {name: number for number, name in enumerate(_DAYS)}),
)


@dataclass(frozen=True, slots=True)
class Field:
    """The values one field allows; `star`: it was written as "*" or "?", without a step."""

    values: frozenset[int]
    star: bool


@dataclass(frozen=True, slots=True)
class Every:
    """At a constant distance (seconds) from the last time."""

    seconds: int

    def next(self, after: float) -> float | None:
        return int(after) + self.seconds


@dataclass(frozen=True, slots=True)
class Calendar:
    """At the minutes of the calendar, in a time zone, at which all fields agree."""

    minutes: Field
    hours: Field
    days: Field
    months: Field
    weekdays: Field
    zone: tzinfo

    def next(self, after: float) -> float | None:
        moment = datetime.fromtimestamp(int(after) // 60 * 60, self.zone)
        moment = self._later(moment, 60)
        last_year = moment.year + _YEARS_AHEAD
        while moment.year <= last_year:
            ahead = self._advance(moment)
            if ahead is None:
                return moment.timestamp()
            moment = ahead
        return None

    def _advance(self, moment: datetime) -> datetime | None:
        """The next candidate, or None when `moment` is due."""
        if moment.month not in self.months.values:
            year, month = divmod(moment.year * 12 + moment.month, 12)
            return self._midnight(datetime(year, month + 1, 1), moment)
        if not self._is_day(moment):
            return self._midnight(datetime(moment.year, moment.month, moment.day) + timedelta(days=1), moment)
        if moment.hour not in self.hours.values:
            return self._later(moment, 3600 - moment.minute * 60)
        if moment.minute not in self.minutes.values:
            return self._later(moment, 60)
        return None

    def _is_day(self, moment: datetime) -> bool:
        """Days of the month and of the week must both agree, unless both are restricted: then either will do."""
        day = moment.day in self.days.values
        weekday = (moment.weekday() + 1) % 7 in self.weekdays.values
        return day and weekday if self.days.star or self.weekdays.star else day or weekday

    def _later(self, moment: datetime, seconds: int) -> datetime:
        """In time that passes, not in what clocks show."""
        return datetime.fromtimestamp(moment.timestamp() + seconds, self.zone)

    def _midnight(self, day: datetime, before: datetime) -> datetime:
        """The day's first moment: where clocks skip midnight, the moment they go on from."""
        start = datetime.fromtimestamp(day.replace(tzinfo=self.zone).timestamp(), self.zone)
        return start if start > before else self._later(before, 3600)


def parse(text: str, zone: tzinfo = UTC) -> Schedule:
    """A schedule; `zone` is where its clock stands when the text does not say. Raises `ValueError`."""
    if not text:
        raise ValueError("empty spec string")
    if text.startswith(("TZ=", "CRON_TZ=")):
        head, _, text = text.partition(" ")
        name = head.partition("=")[2]
        try:
            zone = time_zone(name)
        except ValueError as error:
            raise ValueError(f"provided bad location {name}: {error}") from error
        text = text.strip()
    if text.startswith("@"):
        return _descriptor(text, zone)
    words = text.split()
    if len(words) != len(_BOUNDS):
        raise ValueError(f"expected exactly 5 fields, found {len(words)}: [{' '.join(words)}]")
    minutes, hours, days, months, weekdays = (_field(*pair) for pair in zip(words, _BOUNDS, strict=True))
    return Calendar(minutes, hours, days, months, weekdays, zone)


def time_zone(name: str) -> tzinfo:
    """An IANA time zone ("Europe/Berlin"); "" and "UTC" are UTC. Raises `ValueError` as Go's LoadLocation does."""
    if name in ("", "UTC"):
        return UTC
    # Few processes ever meet a zone: the database's reader is loaded for those.
    import zoneinfo

    if not _ZONE_NAME.fullmatch(name) or ".." in name:
        raise ValueError(f"unknown time zone {name}")
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone {name}") from error


def _descriptor(text: str, zone: tzinfo) -> Schedule:
    if text in _DESCRIPTORS:
        return parse(_DESCRIPTORS[text], zone)
    if text.startswith("@every "):
        duration = text.removeprefix("@every ")
        try:
            seconds = durations.seconds(duration)
        except ValueError as error:
            raise ValueError(f"failed to parse duration {text}: {error}") from error
        return Every(max(int(seconds), 1))
    raise ValueError(f"unrecognized descriptor: {text}")


def _field(text: str, bounds: Bounds) -> Field:
    values: set[int] = set()
    star = False
    for part in filter(None, text.split(",")):
        some, starred = _range(part, bounds)
        values.update(some)
        star = star or starred
    return Field(frozenset(values), star)


def _range(text: str, bounds: Bounds) -> tuple[range, bool]:
    """One of a field's parts: "7", "1-5", "*", with or without "/2"; and whether it means every value."""
    span, *steps = text.split("/")
    low, *rest = span.split("-")
    star = low in ("*", "?")
    if star:
        start, end = bounds.low, bounds.high
    else:
        start = end = _value(low, bounds)
        if len(rest) == 1:
            end = _value(rest[0], bounds)
        elif rest:
            raise ValueError(f"too many hyphens: {text}")
    step = 1
    if len(steps) > 1:
        raise ValueError(f"too many slashes: {text}")
    if steps:
        step = _number(steps[0])
        # "N/step" means "N-max/step".
        end = end if rest else bounds.high
    _check_range(start, end, step, bounds, text)
    return range(start, end + 1, step), star and step == 1


def _check_range(start: int, end: int, step: int, bounds: Bounds, text: str) -> None:
    if start < bounds.low:
        raise ValueError(f"beginning of range ({start}) below minimum ({bounds.low}): {text}")
    if end > bounds.high:
        raise ValueError(f"end of range ({end}) above maximum ({bounds.high}): {text}")
    if start > end:
        raise ValueError(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise ValueError(f"step of range should be a positive number: {text}")


def _value(text: str, bounds: Bounds) -> int:
    known = bounds.names.get(text.lower())
    return _number(text) if known is None else known


def _number(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    if len(text) > 18:
        raise ValueError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": value out of range')
    number = int(text)
    if number < 0:
        raise ValueError(f"negative number ({number}) not allowed: {text}")
    return number
