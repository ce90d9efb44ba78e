"""What is kept and shown of the logs of stopped containers."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.pb import streams_pb2 as pb
from podling.run import container, stopped_logs

LOG = "2026-01-01T00:00:01.5Z one\n2026-01-01T00:00:02.000000001Z two words\n2026-01-01T00:00:09.0Z \n"
NOW = 1767225610.0  # 2026-01-01T00:00:10Z


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, "one\ntwo words\n\n"),
        ({"timestamps": True, "tail_lines": 1}, "2026-01-01T00:00:09.0Z \n"),
        ({"tail_lines": 2}, "two words\n\n"),
        ({"tail_lines": 0}, ""),
        ({"since_seconds": 8}, "two words\n\n"),
        ({"since_time": "2026-01-01T00:00:05Z"}, "\n"),
        ({"since_time": "2026-01-01T01:00:09+01:00"}, "\n"),
    ],
)
def test_logs_are_shown_as_those_of_running_containers(options: dict[str, Any], shown: str) -> None:
    assert stopped_logs.shown(LOG, pb.LogsRequest(**options), NOW) == shown


def test_of_a_long_log_the_last_whole_lines_are_kept() -> None:
    assert stopped_logs.last(b"first\nsecond\nthird\n", 14) == b"second\nthird\n"
    assert stopped_logs.last(b"first\n", 6) == b"first\n"


@pytest.mark.parametrize(
    ("states", "runs"),
    [([], False), ([{"waiting": {}}], False), ([{"terminated": {}}], False), ([{"running": {}}], True)],
)
def test_what_runs(states: list[dict[str, Any]], runs: bool) -> None:
    assert container.runs({"status": {"containerStatuses": [{"state": state} for state in states]}}) is runs
