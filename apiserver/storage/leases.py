"""Etcd leases for objects that expire by themselves (Events), shared as by upstream's lease manager."""

from __future__ import annotations

import asyncio

from apiserver.etcd.client import EtcdClient

# A lease takes objects for a twentieth of the time to live, at most a minute, and at most so many.
SHARED_FRACTION = 0.05
SHARED_SECONDS = 60.0
SHARED_OBJECTS = 1_000


class Leases:
    def __init__(self, client: EtcdClient) -> None:
        self._client = client
        self._lock = asyncio.Lock()
        self._lease = 0
        self._ttl_seconds = 0
        self._reuse_until = 0.0
        self._attached = 0

    async def take(self, ttl_seconds: int) -> int:
        """A lease that lives for at least `ttl_seconds`, for one object. Raises `EtcdError`."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if ttl_seconds != self._ttl_seconds or now >= self._reuse_until or self._attached >= SHARED_OBJECTS:
                reuse_seconds = min(SHARED_SECONDS, SHARED_FRACTION * ttl_seconds)
                self._lease = await self._client.lease_grant(ttl_seconds + round(reuse_seconds))
                self._ttl_seconds = ttl_seconds
                self._reuse_until = now + reuse_seconds
                self._attached = 0
            self._attached += 1
            return self._lease

    def forget(self, lease: int) -> None:
        """The lease turned out to be gone."""
        if lease == self._lease:
            self._reuse_until = 0.0
