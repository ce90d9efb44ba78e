"""etcd's key-value, lease and maintenance calls.

One channel per endpoint; calls go to the current one, and a transport failure moves on to the next.
Nothing is retried here: whether a lost answer may be asked for again is the caller's knowledge
(`apiserver.storage.store`). Watching is `apiserver.etcd.watch`.
"""

from __future__ import annotations

from typing import Any

import grpc

from apiserver.etcd.config import EtcdConfig
from apiserver.etcd.errors import Uncertain, translate
from cluster.pb import etcd_pb2 as pb
from cluster.pb.etcd_pb2_grpc import KVStub, LeaseStub, MaintenanceStub, WatchStub

CALL_TIMEOUT_SECONDS = 10.0

# A fragment of a watch is at most etcd's request limit and a half MiB; a range is as large as we ask.
_OPTIONS = (
    ("grpc.max_receive_message_length", 512 * 1024 * 1024),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    # etcd restarts within a second: do not let gRPC's exponential back-off outlast it.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 500),
)


class _Endpoint:
    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None) -> None:
        self.address = address
        if credentials is None:
            self.channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        else:
            self.channel = grpc.aio.secure_channel(address, credentials, options=_OPTIONS)
        kv, lease = KVStub(self.channel), LeaseStub(self.channel)
        self.range = kv.Range
        self.put = kv.Put
        self.txn = kv.Txn
        self.compact = kv.Compact
        self.lease_grant = lease.LeaseGrant
        self.watch = WatchStub(self.channel).Watch
        self.status = MaintenanceStub(self.channel).Status


class EtcdClient:
    """Raises `OSError` when a PEM file cannot be read, `etcd.errors.EtcdError` from every call."""

    def __init__(self, config: EtcdConfig) -> None:
        credentials = None
        if config.ca_file is not None:
            credentials = grpc.ssl_channel_credentials(
                config.ca_file.read_bytes(),
                config.key_file.read_bytes() if config.key_file else None,
                config.cert_file.read_bytes() if config.cert_file else None,
            )
        self._endpoints = [_Endpoint(address, credentials) for address in config.endpoints]
        self._current = 0

    @property
    def endpoint(self) -> _Endpoint:
        return self._endpoints[self._current]

    async def range(
        self,
        key: bytes,
        range_end: bytes = b"",
        *,
        limit: int = 0,
        revision: int = 0,
        count_only: bool = False,
    ) -> pb.RangeResponse:
        """Read linearizably, or at `revision` when it is not 0."""
        request = pb.RangeRequest(key=key, range_end=range_end, limit=limit, revision=revision, count_only=count_only)
        return await self._call("range", request)

    async def revision(self) -> int:
        """The store's revision now, as a linearizable read sees it."""
        response = await self._call("range", _REVISION_PROBE)
        revision: int = response.header.revision
        return revision

    async def txn(self, request: pb.TxnRequest) -> pb.TxnResponse:
        """One transaction. `Uncertain` leaves open whether it was applied."""
        return await self._call("txn", request)

    async def put(self, key: bytes, value: bytes) -> int:
        """Write without condition; the revision of the write."""
        response = await self._call("put", pb.PutRequest(key=key, value=value))
        revision: int = response.header.revision
        return revision

    async def compact(self, revision: int) -> None:
        await self._call("compact", pb.CompactionRequest(revision=revision))

    async def lease_grant(self, ttl_seconds: int) -> int:
        """A new lease; its ID."""
        response = await self._call("lease_grant", pb.LeaseGrantRequest(TTL=ttl_seconds))
        lease: int = response.ID
        return lease

    async def status(self, timeout_seconds: float) -> pb.StatusResponse:
        return await self._call("status", pb.StatusRequest(), timeout_seconds)

    def rotate(self, failed: _Endpoint) -> None:
        """Prefer the next endpoint, unless somebody has moved on from `failed` already."""
        if self._endpoints[self._current] is failed:
            self._current = (self._current + 1) % len(self._endpoints)

    async def close(self) -> None:
        for endpoint in self._endpoints:
            await endpoint.channel.close()

    async def _call(self, method: str, request: Any, timeout_seconds: float = CALL_TIMEOUT_SECONDS) -> Any:
        endpoint = self._endpoints[self._current]
        try:
            return await getattr(endpoint, method)(request, timeout=timeout_seconds)
        except grpc.aio.AioRpcError as error:
            translated = translate(error)
            if isinstance(translated, Uncertain):
                self.rotate(endpoint)
            raise translated from error


# A key that is never written: only the header's revision is of interest.
_REVISION_PROBE = pb.RangeRequest(key=b"\x00podling", count_only=True)


def prefix_end(prefix: bytes) -> bytes:
    """The end of the range of all keys that begin with `prefix` (etcd's WithPrefix)."""
    return prefix[:-1] + bytes([prefix[-1] + 1])
