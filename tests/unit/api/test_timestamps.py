"""Times and durations."""

from __future__ import annotations

import pytest

from api import timestamps

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400


def test_texts() -> None:
    assert timestamps.now_text(1704067200.9) == "2024-01-01T00:00:00Z"
    assert timestamps.micro_text(1704067200.25) == "2024-01-01T00:00:00.250000Z"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-01-01T00:00:00Z", 1704067200),
        ("2024-01-01T00:00:00.500000Z", 1704067200.5),
        ("2024-01-01T02:00:00+02:00", 1704067200),
    ],
)
def test_parsing(text: str, seconds: float) -> None:
    assert timestamps.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "2024-13-01T00:00:00Z", "2024-01-01T00:00:00"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        timestamps.parse(text)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "<invalid>"), (-1, "0s"), (0, "0s"), (0.9, "0s"), (119, "119s"), (120, "2m"), (200, "3m20s"),
        (10 * MINUTE - 1, "9m59s"), (10 * MINUTE, "10m"), (3 * HOUR - 1, "179m"), (3 * HOUR, "3h"),
        (7 * HOUR + 46 * MINUTE, "7h46m"), (8 * HOUR, "8h"), (2 * DAY - 1, "47h"), (2 * DAY, "2d"),
        (5 * DAY + 21 * HOUR, "5d21h"), (8 * DAY, "8d"), (2 * YEAR - 1, "729d"), (2 * YEAR, "2y"),
        (2 * YEAR + 94 * DAY, "2y94d"), (8 * YEAR + DAY, "8y"),
    ],
)  # fmt: skip
def test_durations_as_kubectl_shows_them(seconds: float, shown: str) -> None:
    assert timestamps.human_duration(seconds) == shown


def test_age() -> None:
    assert timestamps.age("2024-01-01T00:00:00Z", 1704067200 + 200) == "3m20s"
    assert timestamps.age(None, 0) == "<unknown>"
    assert timestamps.parse_or("", 5) == 5
