"""Compacts etcd's history every five minutes, as upstream does; several API servers share the work.

Whoever moves the marker key in a round compacts to what the revision was a round ago, so that clients always
have at least one interval of history.
"""

from __future__ import annotations

import asyncio

from apiserver.etcd.client import EtcdClient
from apiserver.etcd.errors import Compacted, EtcdError
from apiserver.storage.keys import Keys
from cluster.logs import get_logger
from cluster.pb import etcd_pb2 as pb

INTERVAL_SECONDS = 300.0

log = get_logger()


class Compactor:
    def __init__(self, client: EtcdClient, keys: Keys, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._client = client
        self._key = keys.compaction
        self._interval_seconds = interval_seconds
        # The marker's version and etcd's revision when this server last looked.
        self._version = 0
        self._revision = 0

    async def run(self) -> None:
        """Compact for ever; what fails is tried again in the next round."""
        while True:
            await asyncio.sleep(self._interval_seconds)
            try:
                await self.round()
            except EtcdError as error:
                log.warning("could not compact etcd", reason=str(error))

    async def round(self) -> None:
        """Move the marker; if nobody else did since the last round, compact to that round's revision."""
        target = self._revision
        response = await self._client.txn(
            pb.TxnRequest(
                compare=[pb.Compare(target=pb.Compare.VERSION, key=self._key, version=self._version)],
                success=[pb.RequestOp(request_put=pb.PutRequest(key=self._key, value=b"%d" % target))],
                failure=[pb.RequestOp(request_range=pb.RangeRequest(key=self._key))],
            )
        )
        self._revision = response.header.revision
        if not response.succeeded:
            kvs = response.responses[0].response_range.kvs
            self._version = kvs[0].version if kvs else 0
            return
        self._version += 1
        if not target:
            return
        try:
            await self._client.compact(target)
        except Compacted:
            return
        log.info("compacted etcd", revision=target)
