"""Changes that wait for the kernel."""

from __future__ import annotations

from kubeproxy.pending import Pending

WEB, DB = ("default", "web"), ("default", "db")


def test_changes_of_one_service_are_one_change_since_the_first() -> None:
    pending = Pending()
    pending.service_changed(WEB, 1.0)
    pending.endpoints_changed(WEB, 2.0, 100.0)
    pending.endpoints_changed(WEB, 3.0, 101.0)
    assert pending.oldest_since == 1.0
    assert pending.counts() == (1, 1)
    change = pending.take(10)[WEB]
    assert change.triggers == [100.0, 101.0]
    assert len(pending) == 0
    assert pending.oldest_since is None


def test_the_oldest_are_taken_first() -> None:
    pending = Pending()
    pending.service_changed(WEB, 1.0)
    pending.service_changed(DB, 2.0)
    pending.service_changed(WEB, 3.0)
    assert list(pending.take(1)) == [WEB]
    assert list(pending.take(1)) == [DB]


def test_what_is_put_back_keeps_its_age_and_its_place() -> None:
    pending = Pending()
    pending.service_changed(WEB, 1.0)
    taken = pending.take(1)
    pending.service_changed(DB, 5.0)
    pending.endpoints_changed(WEB, 6.0, 100.0)
    pending.put_back(taken)
    assert pending.oldest_since == 1.0
    change = pending.take(1)[WEB]
    assert (change.service, change.endpoints, change.triggers) == (True, True, [100.0])
