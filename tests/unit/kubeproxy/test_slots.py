"""Numbered places that change as little as what is in them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubeproxy.endpoints import Destination
from kubeproxy.slots import arrange

destinations = st.builds(Destination, st.sampled_from([f"10.0.0.{n}" for n in range(12)]), st.just(80))
rows = st.lists(destinations, unique=True)


@given(rows, rows)
def test_a_row_holds_exactly_what_is_wanted(previous: list[Destination], wanted: list[Destination]) -> None:
    row = arrange(previous, wanted)
    assert sorted(row) == sorted(wanted)


@given(rows, rows)
def test_no_more_places_change_than_must(previous: list[Destination], wanted: list[Destination]) -> None:
    row = arrange(previous, wanted)
    changed = sum(index >= len(previous) or previous[index] != one for index, one in enumerate(row))
    gone, come = set(previous) - set(wanted), set(wanted) - set(previous)
    assert changed <= max(len(gone), len(come))


def test_one_of_many_that_goes_moves_only_the_last() -> None:
    many = [Destination(f"10.0.1.{n}", 80) for n in range(200)]
    row = arrange(many, many[:50] + many[51:])
    assert len(row) == 199
    assert [index for index, one in enumerate(row) if one != many[index]] == [50]
    assert row[50] == many[199]
