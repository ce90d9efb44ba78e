"""Messages go out at once until there are many, then at a steady pace."""

from __future__ import annotations

from cluster.pacing import Pacer


def sent_in(pacer: Pacer, seconds: float, every: float, start: float = 0.0) -> list[float]:
    """The waits told to a sender that has something to say every so often."""
    now, waits = start, []
    while now < start + seconds:
        wait = pacer.sent(now)
        waits.append(wait)
        now += max(wait, every)
    return waits


def test_what_is_said_now_and_then_never_waits() -> None:
    assert set(sent_in(Pacer(per_second=100, burst=5), 10, every=0.02)) == {0.0}


def test_a_burst_goes_out_at_once_and_what_follows_is_gathered() -> None:
    waits = sent_in(Pacer(per_second=100, burst=5), 1.0, every=0.001)
    assert waits[:5] == [0.0] * 5
    assert len(waits) <= 106
    assert max(waits) <= 0.0101


def test_after_a_pause_there_is_a_burst_again() -> None:
    pacer = Pacer(per_second=100, burst=5)
    sent_in(pacer, 1.0, every=0.001)
    assert sent_in(pacer, 0.01, every=0.001, start=10.0)[:5] == [0.0] * 5
