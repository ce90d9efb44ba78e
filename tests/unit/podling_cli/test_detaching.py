"""Ctrl-P Ctrl-Q leaves a container; every other key is the container's."""

from __future__ import annotations

import pytest

from podling.cli.detaching import DetachKeys


@pytest.mark.parametrize(
    ("typed", "passed", "leaves"),
    [
        ([b"ls\n"], b"ls\n", False),
        ([b"a\x10\x11b"], b"a", True),
        ([b"a\x10", b"\x11"], b"a", True),
        ([b"\x10", b"\x10", b"\x11"], b"\x10", True),
        ([b"\x10", b"p", b"\x11"], b"\x10p\x11", False),
        ([b"\x11\x10"], b"\x11", False),
    ],
)
def test_detach_keys(typed: list[bytes], passed: bytes, leaves: bool) -> None:
    keys = DetachKeys()
    answers = [keys.pass_on(each) for each in typed]
    assert b"".join(text for text, _ in answers) == passed
    assert answers[-1][1] is leaves
