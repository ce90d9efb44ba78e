"""The CRI log format, and the end of a log counted in lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelet.logs.cri import Entry, Format, Formatter, Malformed, last_lines, lines, nanoseconds, parse

TIME = b"2024-05-01T12:00:00.000000001+00:00"


def test_a_whole_line() -> None:
    assert parse(TIME + b" stdout F hello  world\n") == Entry(TIME, b"stdout", False, b"hello  world\n")


def test_a_partial_line_has_no_newline() -> None:
    assert parse(TIME + b" stderr P half") == Entry(TIME, b"stderr", True, b"half")


def test_an_empty_line() -> None:
    assert parse(TIME + b" stdout F ").text == b"\n"


@pytest.mark.parametrize("line", [b"", b"nonsense", TIME + b" stdin F x", TIME + b" stdout F"])
def test_other_lines_are_malformed(line: bytes) -> None:
    with pytest.raises(Malformed):
        parse(line)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"1970-01-01T00:00:01Z", 1_000_000_000),
        (b"1970-01-01T00:00:01.5Z", 1_500_000_000),
        (b"1970-01-01T01:00:00.000000001+01:00", 1),
        (b"1969-12-31T23:00:00-01:00", 0),
    ],
)
def test_times(text: bytes, expected: int) -> None:
    assert nanoseconds(text) == expected


def test_a_line_in_parts_is_shown_whole_with_one_time() -> None:
    formatter = Formatter(Format(timestamps=True))
    shown = b"".join(
        formatter.show(line) for line in (TIME + b" stdout P one ", TIME + b" stdout F line", TIME + b" stdout F next")
    )
    z = b"2024-05-01T12:00:00.000000001Z"
    assert shown == z + b" one line\n" + z + b" next\n"


def test_earlier_lines_and_malformed_ones_are_left_out() -> None:
    formatter = Formatter(Format(since=nanoseconds(TIME)))
    assert formatter.show(b"2024-05-01T11:59:59Z stdout F old") == b""
    assert formatter.show(TIME + b" stdout F new") == b"new\n"
    assert formatter.show(b"garbage") == b""


def test_what_was_read_is_split_into_lines() -> None:
    assert lines(b"b\nc\nd", b"a") == ([b"ab", b"c"], b"d")


@given(
    st.lists(st.binary(max_size=6).map(lambda data: data.replace(b"\n", b"")), max_size=8),
    st.booleans(),
    st.integers(0, 10),
    st.integers(1, 5),
)
def test_the_last_lines_are_found_from_the_end(parts: list[bytes], unfinished: bool, count: int, block: int) -> None:
    text = b"".join(part + b"\n" for part in parts) + (b"x" if unfinished else b"")
    blocks = (text[max(end - block, 0) : end] for end in range(len(text), 0, -block))
    distance = last_lines(blocks, count)
    whole = [part + b"\n" for part in parts] + ([b"x"] if unfinished else [])
    expected = b"".join(whole[-count:]) if count else b""
    assert text[len(text) - distance :] == expected if distance else expected == b""
