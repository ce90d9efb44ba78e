"""What is sent of a watch is put together piece by piece, as the client takes it."""

from __future__ import annotations

from collections.abc import Iterator

from apiserver.rest.watches import PIECE_BYTES, pieces


def test_frames_are_joined_up_to_a_size_and_no_sooner_than_needed() -> None:
    made = 0

    def frames() -> Iterator[bytes]:
        nonlocal made
        for _ in range(1_000):
            made += 1
            yield b"x" * 1_000

    sent = pieces(frames())
    assert PIECE_BYTES <= len(next(sent)) < PIECE_BYTES + 1_000
    assert made == PIECE_BYTES // 1_000 + 1
    assert sum(map(len, sent)) + 1_000 * (PIECE_BYTES // 1_000 + 1) == 1_000_000


def test_small_batches_go_out_at_once() -> None:
    assert list(pieces([b"a", b"b"])) == [b"ab"]
    assert list(pieces([])) == []
