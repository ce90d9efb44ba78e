"""Whose writes the watch shows."""

from __future__ import annotations

import pytest

from apiserver.storage.authorship import ANSWER_SECONDS, DISTRUST_SECONDS, Authorship


def test_reads_wait_for_the_latest_revision_anybody_was_told_of() -> None:
    authorship = Authorship()
    authorship.learnt(5)
    authorship.learnt(3)
    assert authorship.latest == 5


@pytest.mark.parametrize("answer_first", [True, False])
def test_our_own_writes_raise_no_suspicion_whatever_comes_first(answer_first: bool) -> None:
    authorship = Authorship()
    for revision in range(10, 20):
        if answer_first:
            authorship.wrote(revision)
        assert authorship.saw(revision, float(revision))
        if not answer_first:
            authorship.wrote(revision)
    authorship.wrote(99)
    assert authorship.saw(99, 20 + 10 * ANSWER_SECONDS)
    assert authorship.alone(1000)


def test_a_change_nobody_here_made_is_noticed_and_after_a_while_forgiven() -> None:
    authorship = Authorship()
    assert authorship.saw(10, 0)
    authorship.wrote(11)
    noticed = ANSWER_SECONDS + 1
    assert not authorship.saw(11, noticed)
    assert not authorship.alone(noticed)
    assert not authorship.alone(noticed + DISTRUST_SECONDS - 1)
    assert authorship.alone(noticed + DISTRUST_SECONDS)


def test_a_gap_in_the_watch_leaves_no_account_open() -> None:
    authorship = Authorship()
    authorship.wrote(10)
    authorship.saw(11, 0)
    authorship.start_over()
    authorship.wrote(12)
    assert authorship.saw(12, 10 * ANSWER_SECONDS)
