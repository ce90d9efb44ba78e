"""The node's lease: the sign of life the node controller looks at (upstream: component-helpers, lease controller)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from msgspec.structs import replace

from api import timestamps
from api.errors import AlreadyExists, Conflict, NotFound, StatusError
from api.types import Lease, LeaseSpec, Node, ObjectMeta, OwnerReference
from cluster.client import Client
from cluster.logs import get_logger
from kubelet.config import Intervals

NAMESPACE = "kube-node-lease"
FIRST_RETRY_SECONDS = 0.2
MAX_RETRY_SECONDS = 7.0

log = get_logger()


def owner_of(node: Node) -> OwnerReference:
    """The reference that lets the lease go with its node."""
    return OwnerReference(api_version="v1", kind="Node", name=node.metadata.name, uid=node.metadata.uid)


class NodeLease:
    """`node` gives the registered node, or None while there is none."""

    def __init__(self, client: Client, name: str, intervals: Intervals, node: Callable[[], Node | None]) -> None:
        self._client = client
        self._name = name
        self._intervals = intervals
        self._node = node
        self._lease: Lease | None = None

    async def run(self) -> None:
        """Renew until cancelled; a failure is tried again soon."""
        retry = FIRST_RETRY_SECONDS
        while True:
            try:
                await self.renew(time.time())
            except StatusError as error:
                self._lease = None
                log.warning("could not renew the node's lease", reason=error.message, retry_seconds=retry)
                await asyncio.sleep(retry)
                retry = min(retry * 2, MAX_RETRY_SECONDS, self._intervals.lease_renew)
                continue
            retry = FIRST_RETRY_SECONDS
            await asyncio.sleep(self._intervals.lease_renew)

    async def renew(self, now: float) -> None:
        """Write the lease once, making it if need be. Raises StatusError."""
        spec = LeaseSpec(
            holder_identity=self._name,
            lease_duration_seconds=self._intervals.lease_duration,
            renew_time=timestamps.micro_text(now),
        )
        if self._lease is None:
            self._lease = await self._take(spec)
            return
        try:
            self._lease = await self._client.update(self._owned(replace(self._lease, spec=spec)))
        except (Conflict, NotFound):
            self._lease = await self._take(spec)

    async def _take(self, spec: LeaseSpec) -> Lease:
        metadata = ObjectMeta(name=self._name, namespace=NAMESPACE)
        # Created first: of five thousand new nodes none has a lease to be read.
        try:
            return await self._client.create(self._owned(Lease(metadata=metadata, spec=spec)))
        except AlreadyExists:
            found = await self._client.get(Lease, self._name, NAMESPACE)
        return await self._client.update(self._owned(replace(found, spec=spec)))

    def _owned(self, lease: Lease) -> Lease:
        node = self._node()
        if node is None or lease.metadata.owner_references:
            return lease
        return replace(lease, metadata=replace(lease.metadata, owner_references=[owner_of(node)]))
