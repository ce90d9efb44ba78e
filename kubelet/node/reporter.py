"""Registering the node and keeping its status true.

The first write already says Ready when the runtime answers. Later ones are made only when something changed, or when
the report interval has passed (upstream: kubelet_node_status.go). A node whose object was deleted registers again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from api import timestamps
from api.errors import AlreadyExists, Conflict, NotFound, StatusError
from api.types import Node, NodeSpec, ObjectMeta, Taint
from cluster.client import Client
from cluster.events import EventRecorder
from cluster.logs import get_logger
from kubelet.config import Intervals, NodeConfig
from kubelet.node import machine
from kubelet.node.status import EVENTS, Identity, Measured, same, status_of

FIRST_RETRY_SECONDS = 0.2
MAX_RETRY_SECONDS = 7.0

log = get_logger()


@dataclass(frozen=True, slots=True)
class Registration:
    """What the node registers with. second_pod_cidr: of the other IP family, if there is one."""

    name: str
    pod_cidr: str
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[tuple[str, str, str], ...] = ()
    second_pod_cidr: str = ""

    @property
    def pod_cidrs(self) -> list[str]:
        return [cidr for cidr in (self.pod_cidr, self.second_pod_cidr) if cidr]

    @staticmethod
    def of(config: NodeConfig) -> Registration:
        labels = {
            "beta.kubernetes.io/arch": machine.architecture(),
            "beta.kubernetes.io/os": "linux",
            "kubernetes.io/arch": machine.architecture(),
            "kubernetes.io/hostname": config.name,
            "kubernetes.io/os": "linux",
        }
        labels |= config.labels
        return Registration(config.name, config.pod_cidr, labels, config.taints, config.second_pod_cidr)

    def node(self) -> Node:
        """The Node to create, without a status."""
        return Node(
            metadata=ObjectMeta(name=self.name, labels=self.labels),
            spec=NodeSpec(
                pod_cidr=self.pod_cidr,
                pod_cidrs=self.pod_cidrs,
                taints=[Taint(key=key, value=value, effect=effect) for key, value, effect in self.taints],
            ),
        )


class NodeReporter:
    """`measure` looks at machine and runtime. `node` is the object as last seen or written."""

    def __init__(
        self,
        client: Client,
        recorder: EventRecorder,
        registration: Registration,
        identity: Identity,
        intervals: Intervals,
        measure: Callable[[], Awaitable[Measured]],
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._registration = registration
        self._identity = identity
        self._intervals = intervals
        self._measure = measure
        self._written_at = 0.0
        self._wake = asyncio.Event()
        self.node: Node | None = None

    def node_changed(self, old: Node | None, new: Node | None) -> None:
        """Handler of the node informer: takes over the newest object, notices a deletion."""
        changed = new or old
        if changed is None or changed.metadata.name != self._registration.name:
            return
        if new is None:
            if self.node is not None and old is not None and self.node.metadata.uid == old.metadata.uid:
                self.node = None
                self._wake.set()
        elif self.node is None or _revision(new) >= _revision(self.node):
            self.node = new
            # Said of a node that was not heard of for a while: it is heard of again.
            if any(condition.status == "Unknown" for condition in new.status.conditions):
                self._wake.set()

    @property
    def pressed(self) -> bool:
        """Whether something has happened since the last report that wants one at once."""
        return self._wake.is_set()

    def wake(self) -> None:
        """Look at the status soon: something it tells of has changed."""
        self._wake.set()

    async def run(self) -> None:
        """Register, then report until cancelled."""
        retry = FIRST_RETRY_SECONDS
        while True:
            try:
                await self.report(time.time())
            except StatusError as error:
                log.warning("could not write the node's status", reason=error.message, retry_seconds=retry)
                await asyncio.sleep(retry)
                retry = min(retry * 2, MAX_RETRY_SECONDS)
                continue
            retry = FIRST_RETRY_SECONDS
            try:
                async with asyncio.timeout(self._intervals.status_check):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def report(self, now: float) -> None:
        """Write the status if there is need. Raises StatusError."""
        self._wake.clear()
        measured = await self._measure()
        if self.node is None:
            await self._register(measured, now)
        node = self.node
        if node is None:
            return
        status = status_of(self._identity, measured, node.status, timestamps.now_text(now))
        if same(status, node.status) and now - self._written_at < self._intervals.status_report:
            return
        try:
            written = await self._client.update(replace(node, status=status), subresource="status")
        except Conflict:
            self.node = await self._client.get(Node, self._registration.name)
            self._wake.set()
            return
        except NotFound:
            self.node = None
            self._wake.set()
            return
        self._took(node, written, now)

    async def _register(self, measured: Measured, now: float) -> None:
        """Create the node with its status, or take over the one that is there."""
        fresh = self._registration.node()
        status = status_of(self._identity, measured, fresh.status, timestamps.now_text(now))
        try:
            created = await self._client.create(replace(fresh, status=status))
        except AlreadyExists:
            self.node = await self._adopt(await self._client.get(Node, fresh.metadata.name))
            log.info("took over the node", node=fresh.metadata.name)
            self._written_at = 0.0
        else:
            self._took(fresh, created, now)
            log.info("registered the node", node=fresh.metadata.name)
        if self.node is not None:
            self._recorder.record(self.node, "Normal", "Starting", "Starting kubelet.")

    async def _adopt(self, found: Node) -> Node:
        """Bring labels and pod CIDR of an earlier registration up to date."""
        wanted = self._registration
        changes: dict[str, object] = {}
        labels = {key: value for key, value in wanted.labels.items() if found.metadata.labels.get(key) != value}
        if labels:
            changes["metadata"] = {"labels": labels}
        if wanted.pod_cidr and not found.spec.pod_cidr:
            changes["spec"] = {"podCIDR": wanted.pod_cidr, "podCIDRs": wanted.pod_cidrs}
        elif wanted.pod_cidrs != (known := [cidr for cidr in found.spec.pod_cidrs or [found.spec.pod_cidr] if cidr]):
            registered, ours = ",".join(known), ",".join(wanted.pod_cidrs)
            log.warning("the node is registered with another pod CIDR", registered=registered, ours=ours)
        if not changes:
            return found
        return await self._client.patch(Node, wanted.name, "", changes)

    def _took(self, before: Node, written: Node, now: float) -> None:
        self.node = written
        self._written_at = now
        known = {condition.type: condition.status for condition in before.status.conditions}
        for condition in written.status.conditions:
            reason = EVENTS.get((condition.type, condition.status))
            if reason is not None and known.get(condition.type) != condition.status:
                text = f"Node {written.metadata.name} status is now: {reason}"
                self._recorder.record(written, "Normal", reason, text)


def _revision(node: Node) -> int:
    return int(node.metadata.resource_version or 0)
