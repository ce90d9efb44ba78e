"""Cron schedules: the language, and the times it means. Expected times were worked out by hand."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from api import cron

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def following(schedule, after, count=1, zone=""):
    """The next times, in UTC."""
    parsed, moment, found = cron.parse(schedule, cron.time_zone(zone)), at(after), []
    for _ in range(count):
        moment = parsed.next(moment)
        if moment is None:
            return [*found, None]
        found.append(datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S"))
    return found


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("*/15 * * * *", "2024-01-01 14:46:00", "2024-01-01 15:00:00"),
        ("?/5 * * * *", "2024-01-01 00:00:00", "2024-01-01 00:05:00"),
        ("* * * * *", "2024-01-01 00:00:59", "2024-01-01 00:01:00"),
        ("0 0 * * *", "2024-02-28 23:59:59", "2024-02-29 00:00:00"),
        ("20-35/15 * * * *", "2024-01-01 14:45:00", "2024-01-01 15:20:00"),
        ("10/20 * * * *", "2024-01-01 00:11:00", "2024-01-01 00:30:00"),
        ("0 0 1 */3 *", "2024-01-02 00:00:00", "2024-04-01 00:00:00"),
        ("0 0 29 2 *", "2024-03-01 00:00:00", "2028-02-29 00:00:00"),
        ("0 0 * feb mon/2", "2024-01-01 00:00:00", "2024-02-02 00:00:00"),
        ("0 0 * Feb Mon", "2024-01-01 00:00:00", "2024-02-05 00:00:00"),
        # Both days restricted: either will do. One of them a star: both must agree.
        ("0 0 13 * 5", "2024-09-01 00:00:00", "2024-09-06 00:00:00"),
        ("0 0 1,15 * *", "2024-09-02 00:00:00", "2024-09-15 00:00:00"),
        ("0 0 */10 * Sun", "2024-07-01 00:00:00", "2024-07-07 00:00:00"),
        ("0 0 * * Sun", "2024-07-01 00:00:00", "2024-07-07 00:00:00"),
        ("@hourly", "2024-01-01 00:00:00", "2024-01-01 01:00:00"),
        ("@weekly", "2024-07-01 00:00:00", "2024-07-07 00:00:00"),
        ("@monthly", "2024-07-01 00:00:00", "2024-08-01 00:00:00"),
        ("@yearly", "2024-07-01 00:00:00", "2025-01-01 00:00:00"),
        ("@every 90m", "2024-01-01 00:00:30", "2024-01-01 01:30:30"),
        ("@every 1h10m30s", "2024-01-01 00:00:00", "2024-01-01 01:10:30"),
        ("@every 10ms", "2024-01-01 00:00:00", "2024-01-01 00:00:01"),
        ("TZ=Asia/Tokyo 0 9 * * *", "2024-01-01 00:00:01", "2024-01-02 00:00:00"),
        ("CRON_TZ=UTC 0 9 * * *", "2024-01-01 00:00:01", "2024-01-01 09:00:00"),
    ],
)
def test_the_next_time(schedule, after, expected):
    assert following(schedule, after) == [expected]


@pytest.mark.parametrize("schedule", ["0 0 31 2 *", "59 23 31 4,6 *", "0 0 30 Feb ?"])
def test_a_schedule_may_never_come_round(schedule):
    assert following(schedule, "2024-01-01 00:00:00") == [None]


def test_times_go_on_from_each_other():
    assert following("30 6-16/4 * * 1-5", "2024-07-05 14:31:00", 3) == [
        "2024-07-08 06:30:00",
        "2024-07-08 10:30:00",
        "2024-07-08 14:30:00",
    ]


def test_a_zone_s_clock_decides():
    assert following("0 8 * * *", "2024-01-01 12:00:00", zone=BERLIN) == ["2024-01-02 07:00:00"]
    assert following("0 8 * * *", "2024-07-01 12:00:00", zone=BERLIN) == ["2024-07-02 06:00:00"]


def test_an_hour_that_clocks_skip_is_skipped():
    # 31 March 2024: from 02:00 to 03:00.
    assert following("30 2 * * *", "2024-03-30 12:00:00", zone=BERLIN) == ["2024-04-01 00:30:00"]
    assert following("0 * * * *", "2024-03-31 00:00:00", 2, zone=BERLIN) == [
        "2024-03-31 01:00:00",
        "2024-03-31 02:00:00",
    ]


def test_an_hour_that_clocks_repeat_comes_twice_for_what_runs_hourly():
    # 3 November 2024: from 02:00 back to 01:00.
    assert following("0 * * * *", "2024-11-03 04:30:00", 3, zone=NEW_YORK) == [
        "2024-11-03 05:00:00",
        "2024-11-03 06:00:00",
        "2024-11-03 07:00:00",
    ]


def test_where_clocks_skip_midnight_days_still_come():
    # In Sao Paulo 4 November 2018 began at 01:00.
    assert following("0 5 * * *", "2018-11-03 12:00:00", 2, zone="America/Sao_Paulo") == [
        "2018-11-04 07:00:00",
        "2018-11-05 07:00:00",
    ]


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("0 0 * * * *", "expected exactly 5 fields, found 6: [0 0 * * * *]"),
        ("60 0 * * *", "end of range (60) above maximum (59): 60"),
        ("0 24 * * *", "end of range (24) above maximum (23): 24"),
        ("0 0 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("0 0 * 13 *", "end of range (13) above maximum (12): 13"),
        ("0 0 * * 7", "end of range (7) above maximum (6): 7"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("@fortnightly", "unrecognized descriptor: @fortnightly"),
        ("@every 5", 'failed to parse duration @every 5: time: missing unit in duration "5"'),
        ("@every x", 'failed to parse duration @every x: time: invalid duration "x"'),
        ("TZ=Nowhere/At_All * * * * *", "provided bad location Nowhere/At_All: unknown time zone Nowhere/At_All"),
        ("TZ=UTC", "expected exactly 5 fields, found 0: []"),
    ],
)
def test_what_is_no_schedule_says_why(schedule, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        cron.parse(schedule)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/localtime", "Europe/../Europe/Berlin", "nowhere", " "])
def test_a_time_zone_is_a_name_of_the_database(name):
    with pytest.raises(ValueError, match="unknown time zone"):
        cron.time_zone(name)
