"""Objects that come into being in one transaction, so that many creations charge a quota with one write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from api.scheme import Resource
from apiserver.admission.chain import Request
from apiserver.storage.keys import Keys, object_key
from apiserver.storage.transactions import Side
from apiserver.stored import Stored

# Etcd takes 128 operations and 1.5 MB in one transaction, unless told otherwise.
_MAX_OPERATIONS: Final = 100
_MAX_BYTES: Final = 512 * 1024


@dataclass(frozen=True, slots=True)
class NewObject:
    """What is to be written: `data` at its place in `storage`, with the side keys it needs for itself."""

    resource: Resource
    storage: str
    namespace: str
    name: str
    data: bytes
    ttl_seconds: int
    sides: Sequence[Side]


class Waiter:
    """One creation under way and what it came to."""

    __slots__ = ("new", "outcome", "request")

    def __init__(self, request: Request, new: NewObject) -> None:
        self.request = request
        self.new = new
        self.outcome: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()

    def succeed(self, stored: Stored) -> None:
        if not self.outcome.done():
            self.outcome.set_result(stored)

    def fail(self, error: BaseException) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)


def take(waiting: list[Waiter]) -> list[Waiter]:
    """Remove from the front as many as fit one transaction; whoever gave up waiting is left out."""
    group: list[Waiter] = []
    names: set[tuple[str, str]] = set()
    operations = size = 0
    while waiting:
        first = waiting[0]
        if first.outcome.done():
            del waiting[0]
            continue
        operations += 1 + len(first.new.sides)
        size += len(first.new.data)
        # An object that expires is written by itself: only the first key of a transaction can have a lease.
        alone = bool(first.new.ttl_seconds)
        # Of two that want the same name the second is to find it taken.
        name = (first.new.storage, first.new.name)
        if group and (operations > _MAX_OPERATIONS or size > _MAX_BYTES or alone or name in names):
            break
        group.append(waiting.pop(0))
        names.add(name)
        if alone:
            break
    return group


def sides(keys: Keys, news: Sequence[NewObject], charges: Iterable[Side]) -> list[Side]:
    """The side keys of the transaction whose main key is the first object's; each key once."""
    found: dict[bytes, Side] = {side.key: side for side in charges}
    for position, new in enumerate(news):
        if position:
            key = keys.object(new.storage, object_key(new.namespace, new.name))
            found[key] = Side(key, expected=0, value=new.data)
        for side in new.sides:
            if side.key not in found or side.value is not None:
                found[side.key] = side
    return list(found.values())
