"""Which creations share a transaction."""

from __future__ import annotations

from typing import Any

from api import scheme
from api.types import ConfigMap, ObjectMeta
from apiserver.admission.chain import CREATE, Request
from apiserver.admission.quotas import groups
from apiserver.admission.quotas.groups import NewObject, Waiter
from apiserver.auth.user import User
from apiserver.requests import WriteOptions
from apiserver.storage.keys import Keys
from apiserver.storage.transactions import Side

KIND = scheme.find("configmaps")
GUARD = Side(b"ns", expected=3)


def waiter(name: str, *, size: int = 10, ttl: int = 0, sides: Any = (GUARD,)) -> Waiter:
    record = ConfigMap(metadata=ObjectMeta(name=name, namespace="d"))
    request = Request(User("jane"), CREATE, KIND, "", "d", name, record, None, WriteOptions())
    return Waiter(request, NewObject(KIND, "configmaps", "d", name, b"x" * size, ttl, sides))


def taken(*waiting: Waiter) -> list[list[str]]:
    left, found = list(waiting), []
    while group := groups.take(left):
        found.append([each.new.name for each in group])
    return found


async def test_whoever_waits_goes_together_as_far_as_one_transaction_reaches() -> None:
    assert taken(*(waiter(name) for name in "abc")) == [["a", "b", "c"]]
    assert [len(group) for group in taken(*(waiter(f"c{number}") for number in range(120)))] == [50, 50, 20]
    assert taken(waiter("a", size=400_000), waiter("b", size=400_000)) == [["a"], ["b"]]
    assert taken(waiter("huge", size=900_000)) == [["huge"]]


async def test_one_name_is_written_once_in_a_transaction() -> None:
    assert taken(waiter("a"), waiter("b"), waiter("a"), waiter("c")) == [["a", "b"], ["a", "c"]]


async def test_what_expires_goes_alone_and_who_gave_up_not_at_all() -> None:
    gone = waiter("gone")
    gone.outcome.cancel()
    assert taken(waiter("a"), gone, waiter("short", ttl=60), waiter("b")) == [["a"], ["short"], ["b"]]


async def test_every_key_stands_once_and_what_is_written_wins_over_what_is_guarded() -> None:
    keys = Keys()
    touched = Side(b"ns", expected=3, value=b"n")
    news = [waiter("a").new, waiter("b", sides=(touched,)).new, waiter("c").new]
    charge = Side(b"quota", expected=7, value=b"q")
    found = {side.key: side for side in groups.sides(keys, news, [charge])}
    assert found[b"ns"] is touched
    assert found[b"quota"] is charge
    assert found[keys.object("configmaps", "d/b")] == Side(b"/registry/configmaps/d/b", expected=0, value=b"x" * 10)
    assert keys.object("configmaps", "d/a") not in found
    assert len(found) == len(groups.sides(keys, news, [charge])) == 4
