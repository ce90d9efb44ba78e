"""Objects in etcd: create, optimistic replace and delete, each one guarded transaction.

A write whose answer was lost is never repeated blindly: the same guarded transaction is sent again, which
cannot apply twice, and what it then finds tells whether the first one counted. Reads from memory are
`apiserver.storage.reader`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from api import codec, errors
from api.scheme import Resource
from apiserver.etcd.client import EtcdClient
from apiserver.etcd.errors import EtcdError, LeaseNotFound, Uncertain
from apiserver.storage import transactions
from apiserver.storage.authorship import Authorship
from apiserver.storage.keys import Keys, object_key
from apiserver.storage.leases import Leases
from apiserver.storage.transactions import Side
from apiserver.stored import Stored
from cluster.pb import etcd_pb2 as pb

# How long the outcome of a write is pursued after etcd stopped answering.
OUTCOME_SECONDS = 15.0
RETRY_SECONDS: Final = 0.1
# How many later versions of an object are looked through for a write of ours.
HISTORY_STEPS: Final = 16

T = TypeVar("T")


class SideConflict(Exception):
    """A side key of a transaction was not as expected (an allocation taken, a namespace changed)."""

    def __init__(self, side: Side) -> None:
        super().__init__(side.key)
        self.side = side


class Stale(Exception):
    """The object is no longer what the write was based on; `actual` is what it is now, None if gone."""

    def __init__(self, actual: Stored | None) -> None:
        super().__init__(actual)
        self.actual = actual


@dataclass(slots=True)
class Planned:
    """What an update wants: new stored bytes, or no change (None), or the object's end (`delete`)."""

    data: bytes | None
    delete: bool = False
    sides: Sequence[Side] = ()
    ttl_seconds: int = 0


class Store:
    """`authorship` is told of every revision callers learn of, if somebody needs to know.

    `storage` arguments are places in etcd (`keys.storage_of`); `data` is canonical JSON without resourceVersion."""

    def __init__(self, client: EtcdClient, keys: Keys, authorship: Authorship | None = None) -> None:
        self._authorship = authorship
        self._client = client
        self._keys = keys
        self._leases = Leases(client)

    async def create(
        self,
        resource: Resource,
        storage: str,
        namespace: str,
        name: str,
        data: bytes,
        *,
        ttl_seconds: int = 0,
        sides: Sequence[Side] = (),
    ) -> Stored:
        """Raises `AlreadyExists`, `SideConflict`, and `StatusError` when etcd fails."""
        key = self._keys.object(storage, object_key(namespace, name))
        response, repeated = await self._put(key, 0, data, ttl_seconds, sides)
        if response.succeeded:
            return _stored(resource, namespace, name, response.header.revision, data)
        actual = transactions.found(response)
        if actual is not None:
            if repeated and (revision := await self._applied(key, 0, data, actual)):
                return _stored(resource, namespace, name, revision, data)
            raise errors.AlreadyExists(resource.group_resource, name)
        raise _side_conflict(response, sides)

    async def replace(
        self,
        storage: str,
        current: Stored,
        data: bytes,
        *,
        ttl_seconds: int = 0,
        sides: Sequence[Side] = (),
    ) -> Stored:
        """Write over `current`. Raises `Stale`, `SideConflict`, and `StatusError` when etcd fails."""
        key = self._key(storage, current)
        response, repeated = await self._put(key, current.revision, data, ttl_seconds, sides)
        if response.succeeded:
            revision: int = response.header.revision
            return _stored(current.resource, current.namespace, current.name, revision, data)
        actual = transactions.found(response)
        if repeated and actual is not None and actual.mod_revision != current.revision:
            revision = await self._applied(key, current.revision, data, actual)
            if revision:
                return _stored(current.resource, current.namespace, current.name, revision, data)
        raise self._stale(current, response, sides)

    async def delete(self, storage: str, current: Stored, *, sides: Sequence[Side] = ()) -> int:
        """Delete `current`; the revision of that. Raises as `replace` does."""
        request = transactions.delete(self._key(storage, current), current.revision, sides)
        response, repeated = await self._commit(request)
        if response.succeeded or (repeated and transactions.found(response) is None):
            revision: int = response.header.revision
            return revision
        raise self._stale(current, response, sides)

    async def update(
        self,
        resource: Resource,
        storage: str,
        namespace: str,
        name: str,
        guess: Stored | None,
        plan: Callable[[Stored], Planned],
    ) -> tuple[Stored, bool]:
        """Read, `plan`, write; again from the start whenever somebody else was faster (GuaranteedUpdate).

        `guess` saves the first read; whatever `plan` refuses because of a stale guess is tried again with the
        truth. Returns the object and whether it was deleted. Raises `NotFound`, and what `plan` raises.
        """
        current = guess
        certain = guess is None
        if current is None:
            current = await self.read(resource, storage, namespace, name)
        while True:
            if current is None:
                raise errors.NotFound(resource.group_resource, name)
            try:
                planned = plan(current)
            except errors.StatusError:
                if certain:
                    raise
                planned = None
            if planned is not None and (planned.data is not None or planned.delete):
                try:
                    return await self._carry_out(storage, current, planned)
                except Stale as stale:
                    current, certain = stale.actual, True
            elif certain:
                return current, False
            else:
                # A refusal or "nothing to do" counts only against the truth.
                current, certain = await self.read(resource, storage, namespace, name), True

    async def read(self, resource: Resource, storage: str, namespace: str, name: str) -> Stored | None:
        """The object as etcd has it now (linearizable)."""
        response = await self._read(self._keys.object(storage, object_key(namespace, name)))
        if not response.kvs:
            return None
        kv = response.kvs[0]
        return _stored(resource, namespace, name, kv.mod_revision, kv.value)

    async def _carry_out(self, storage: str, current: Stored, planned: Planned) -> tuple[Stored, bool]:
        if not planned.delete:
            assert planned.data is not None
            replaced = await self.replace(
                storage, current, planned.data, ttl_seconds=planned.ttl_seconds, sides=planned.sides
            )
            return replaced, False
        revision = await self.delete(storage, current, sides=planned.sides)
        data = codec.without_resource_version(current.data) if planned.data is None else planned.data
        return _stored(current.resource, current.namespace, current.name, revision, data), True

    async def _put(
        self, key: bytes, expected: int, data: bytes, ttl_seconds: int, sides: Sequence[Side]
    ) -> tuple[pb.TxnResponse, bool]:
        if not ttl_seconds:
            return await self._commit(transactions.put(key, expected, data, 0, sides))
        while True:
            lease = await self._repeatable(lambda: self._leases.take(ttl_seconds))
            try:
                return await self._commit(transactions.put(key, expected, data, lease, sides))
            except LeaseNotFound:
                self._leases.forget(lease)

    async def _commit(self, request: pb.TxnRequest) -> tuple[pb.TxnResponse, bool]:
        """The outcome of a guarded transaction, and whether it had to be sent more than once."""
        response, repeated = await self._send(request)
        if self._authorship is not None:
            self._authorship.learnt(response.header.revision)
            if response.succeeded:
                self._authorship.wrote(response.header.revision)
        return response, repeated

    async def _send(self, request: pb.TxnRequest) -> tuple[pb.TxnResponse, bool]:
        try:
            return await self._client.txn(request), False
        except Uncertain:
            pass
        except LeaseNotFound:
            raise
        except EtcdError as error:
            raise status_of(error) from error
        deadline = asyncio.get_running_loop().time() + OUTCOME_SECONDS
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            try:
                return await self._client.txn(request), True
            except Uncertain as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise status_of(error) from error
            except EtcdError as error:
                raise status_of(error) from error

    async def _applied(self, key: bytes, expected: int, data: bytes, actual: pb.KeyValue) -> int:
        """The revision at which our `data` was written over revision `expected`; 0 if it was not.

        `actual` is the present version: ours may lie beneath later ones.
        """
        for _ in range(HISTORY_STEPS):
            if actual.value == data:
                revision: int = actual.mod_revision
                if self._authorship is not None:
                    self._authorship.wrote(revision)
                return revision
            earlier = await self._read(key, actual.mod_revision - 1)
            if not earlier.kvs or earlier.kvs[0].mod_revision <= expected:
                return 0
            actual = earlier.kvs[0]
        raise status_of(Uncertain("the outcome of the write could not be determined"))

    async def _read(self, key: bytes, revision: int = 0) -> pb.RangeResponse:
        response = await self._repeatable(lambda: self._client.range(key, revision=revision))
        if self._authorship is not None:
            self._authorship.learnt(response.header.revision)
        return response

    async def _repeatable(self, call: Callable[[], Awaitable[T]]) -> T:
        """A call that does no harm when carried out twice, repeated while etcd does not answer."""
        deadline = asyncio.get_running_loop().time() + OUTCOME_SECONDS
        while True:
            try:
                return await call()
            except Uncertain as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise status_of(error) from error
                await asyncio.sleep(RETRY_SECONDS)
            except EtcdError as error:
                raise status_of(error) from error

    def _key(self, storage: str, stored: Stored) -> bytes:
        return self._keys.object(storage, object_key(stored.namespace, stored.name))

    def _stale(self, current: Stored, response: pb.TxnResponse, sides: Sequence[Side]) -> Exception:
        actual = transactions.found(response)
        if actual is None:
            return Stale(None)
        if actual.mod_revision == current.revision:
            return _side_conflict(response, sides)
        return Stale(_stored(current.resource, current.namespace, current.name, actual.mod_revision, actual.value))


def _stored(resource: Resource, namespace: str, name: str, revision: int, data: bytes) -> Stored:
    return Stored(resource, namespace, name, revision, codec.with_resource_version(data, revision))


def _side_conflict(response: pb.TxnResponse, sides: Sequence[Side]) -> Exception:
    side = transactions.broken_side(response, sides)
    if side is None:
        return errors.InternalError("etcd refused a transaction whose conditions hold")
    return SideConflict(side)


def status_of(error: EtcdError) -> errors.StatusError:
    """What the client is told: upstream passes etcd's own words on as 500, lost answers as 504."""
    if isinstance(error, Uncertain):
        return errors.Timeout("request did not complete within the allotted timeout")
    return errors.StatusError(str(error))
