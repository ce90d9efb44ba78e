"""Rates from counters."""

from __future__ import annotations

from kubelet.metrics.samples import Sample, Samples

SECOND = 1_000_000_000


def sample(seconds: float, used_seconds: float, memory: int = 1) -> Sample:
    return Sample(int(seconds * SECOND), int(used_seconds * SECOND), memory)


def test_two_readings_make_a_rate() -> None:
    samples = Samples()
    samples.add({"a": sample(0, 1)})
    assert samples.rate("a") is None
    samples.add({"a": sample(10, 6, memory=7)})
    rate = samples.rate("a")
    assert rate is not None
    assert (rate.cpu_nanocores, rate.window_ns, rate.memory_bytes) == (SECOND // 2, 10 * SECOND, 7)


def test_a_new_thing_is_rated_soon_an_old_one_over_a_decent_time() -> None:
    samples = Samples()
    samples.add({"a": sample(0, 0)})
    samples.add({"a": sample(10, 1), "b": sample(10, 0)})
    samples.add({"a": sample(11, 2), "b": sample(11, 1)})
    a, b = samples.rate("a"), samples.rate("b")
    assert a is not None and b is not None
    assert (a.window_ns, a.time_ns) == (10 * SECOND, 10 * SECOND)
    assert b.window_ns == 1 * SECOND
    samples.add({"a": sample(16, 4), "b": sample(16, 1)})
    a = samples.rate("a")
    assert a is not None and a.window_ns == 6 * SECOND


def test_what_is_gone_is_forgotten_and_begins_anew() -> None:
    samples = Samples()
    samples.add({"a": sample(0, 5)})
    samples.add({"a": sample(10, 6)})
    samples.add({})
    assert samples.rate("a") is None
    samples.add({"a": sample(30, 1)})
    assert samples.rate("a") is None


def test_a_counter_that_went_back_shows_no_use() -> None:
    samples = Samples()
    samples.add({"a": sample(0, 5)})
    samples.add({"a": sample(10, 1)})
    rate = samples.rate("a")
    assert rate is not None and rate.cpu_nanocores == 0
