"""An etcd watch of a key range that survives disconnects, in order and without gaps.

It resumes after the last revision it has delivered completely. Only compaction of that revision ends
it: then the caller has to list again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import grpc

from apiserver.etcd.client import EtcdClient
from apiserver.etcd.errors import Compacted, EtcdError, Uncertain, translate
from cluster.logs import get_logger
from cluster.pb import etcd_pb2 as pb

RETRY_SECONDS = 0.1
RETRY_LOGGED_SECONDS = 5.0

log = get_logger()


@dataclass(frozen=True, slots=True)
class WatchEvents:
    """Events in revision order; after them everything up to `revision` has been seen."""

    events: Sequence[pb.Event]
    revision: int


class EtcdWatch:
    """Watches `[key, range_end)` for changes after `revision`.

    `connected` tells whether a stream is established at this moment.
    """

    def __init__(self, client: EtcdClient, key: bytes, range_end: bytes, revision: int) -> None:
        self._client = client
        self._key = key
        self._range_end = range_end
        self._revision = revision
        self.connected = False

    async def batches(self) -> AsyncIterator[WatchEvents]:
        """Yield for ever. Raises `Compacted` when the next revision is gone."""
        loop = asyncio.get_running_loop()
        logged = -RETRY_LOGGED_SECONDS
        while True:
            try:
                async for batch in self._stream():
                    yield batch
                reason = "the stream ended"
            except Uncertain as error:
                reason = str(error)
            finally:
                self.connected = False
            if loop.time() - logged >= RETRY_LOGGED_SECONDS:
                logged = loop.time()
                log.warning("lost the watch on etcd, reconnecting", reason=reason, revision=self._revision)
            await asyncio.sleep(RETRY_SECONDS)

    async def _stream(self) -> AsyncIterator[WatchEvents]:
        """One connection's worth of batches."""
        endpoint = self._client.endpoint
        call = endpoint.watch()
        try:
            await call.write(self._create_request())
            fragments: list[pb.Event] = []
            while (response := await call.read()) is not grpc.aio.EOF:
                if response.canceled:
                    raise _cancelled(response)
                self.connected = True
                fragments.extend(response.events)
                # The events of one revision may be spread over fragments: only the last completes them.
                if response.fragment or response.created:
                    continue
                events, fragments = fragments, []
                # While catching up the header runs ahead of the events. It counts only in a progress
                # notification, where it says how far the silence reaches.
                reached = events[-1].kv.mod_revision if events else response.header.revision
                self._revision = max(self._revision, reached)
                yield WatchEvents(events, self._revision)
        except grpc.aio.AioRpcError as error:
            self._client.rotate(endpoint)
            raise translate(error) from error
        finally:
            call.cancel()

    def _create_request(self) -> pb.WatchRequest:
        return pb.WatchRequest(
            create_request=pb.WatchCreateRequest(
                key=self._key,
                range_end=self._range_end,
                start_revision=self._revision + 1,
                progress_notify=True,
                fragment=True,
            )
        )


def _cancelled(response: pb.WatchResponse) -> EtcdError:
    if response.compact_revision:
        return Compacted(f"the watch's revision was compacted at {response.compact_revision}")
    return Uncertain(response.cancel_reason or "etcd cancelled the watch")
