"""The guarded transactions behind every write, as etcd messages. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cluster.pb import etcd_pb2 as pb

_MOD = pb.Compare.MOD


@dataclass(frozen=True, slots=True)
class Side:
    """A second key in the same transaction: guarded by its mod revision (0: must not exist), then put or deleted.

    With neither `value` nor `delete` the key is only guarded.
    """

    key: bytes
    expected: int | None = None
    value: bytes | None = None
    delete: bool = False


def put(key: bytes, expected: int, value: bytes, lease: int = 0, sides: Sequence[Side] = ()) -> pb.TxnRequest:
    """Write `key` if its mod revision is `expected` (0: if it is not there)."""
    write = pb.RequestOp(request_put=pb.PutRequest(key=key, value=value, lease=lease))
    return _guarded(key, expected, write, sides)


def delete(key: bytes, expected: int, sides: Sequence[Side] = ()) -> pb.TxnRequest:
    """Delete `key` if its mod revision is `expected`."""
    write = pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=key))
    return _guarded(key, expected, write, sides)


def _guarded(key: bytes, expected: int, write: Any, sides: Sequence[Side]) -> pb.TxnRequest:
    compare = [pb.Compare(target=_MOD, key=key, mod_revision=expected)]
    success = [write]
    failure = [_read(key)]
    for side in sides:
        if side.expected is not None:
            compare.append(pb.Compare(target=_MOD, key=side.key, mod_revision=side.expected))
        if side.value is not None:
            success.append(pb.RequestOp(request_put=pb.PutRequest(key=side.key, value=side.value)))
        elif side.delete:
            success.append(pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=side.key)))
        failure.append(_read(side.key))
    return pb.TxnRequest(compare=compare, success=success, failure=failure)


def _read(key: bytes) -> pb.RequestOp:
    return pb.RequestOp(request_range=pb.RangeRequest(key=key))


def found(response: pb.TxnResponse, position: int = 0) -> Any:
    """What the failure branch read at `position`: a KeyValue or None."""
    kvs = response.responses[position].response_range.kvs
    return kvs[0] if kvs else None


def broken_side(response: pb.TxnResponse, sides: Sequence[Side]) -> Side | None:
    """The first side whose guard did not hold in a failed transaction."""
    for position, side in enumerate(sides, start=1):
        if side.expected is None:
            continue
        kv = found(response, position)
        if (kv.mod_revision if kv is not None else 0) != side.expected:
            return side
    return None
