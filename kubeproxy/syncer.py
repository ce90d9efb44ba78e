"""Keeps the kernel's rules equal to the Services and EndpointSlices, from one change to the next.

At the start, and whenever the kernel refuses a change, the whole table is replaced, without traffic ever meeting half a
table or none; after that each batch of changes is one small transaction, or two. Affinity survives both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from api import timestamps
from api.types import EndpointSlice, Node, Service, ServiceCIDR
from cluster.clock import Clock
from cluster.logs import get_logger
from kubeproxy import conntrack, metrics
from kubeproxy.base_table import Network
from kubeproxy.endpoints import SERVICE_NAME_LABEL, NodeView
from kubeproxy.family_rules import FamilyRules
from kubeproxy.kernel import Kernel, KernelError
from kubeproxy.pending import Change, Pending, ServiceKey

TRIGGER_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time"
BATCH = 500
CHECK_SECONDS = 30.0  # how often to look whether our table is still there (upstream's --iptables-sync-period)
RETRY_SECONDS = 1.0
UNHEALTHY_AFTER_SECONDS = 60.0

log = get_logger()


class Syncer:
    """Told of changes by informers' handlers; `run` carries them out.

    networks: the primary IP family's, and the other's in a dual-stack cluster. node: what is known without the Node
    object. service, slices: the objects as they are now, by (namespace, name) of the service.
    """

    def __init__(
        self,
        kernel: Kernel,
        networks: Sequence[Network],
        node: NodeView,
        service: Callable[[ServiceKey], Service | None],
        slices: Callable[[ServiceKey], Sequence[EndpointSlice]],
        clock: Clock,
    ) -> None:
        self._kernel = kernel
        self._families = [FamilyRules(network) for network in networks]
        self._cidrs: dict[str, list[str]] = {}
        self._bare_node = node
        self._node = node
        self._service = service
        self._slices = slices
        self._clock = clock
        self._began = clock.time()
        self._pending = Pending()
        self._changed = asyncio.Event()
        self._node_changed = True
        self._whole = True

    def service_changed(self, old: Service | None, new: Service | None) -> None:
        """An informer's handler."""
        metadata = (new or old).metadata  # type: ignore[union-attr]
        self._pending.service_changed((metadata.namespace, metadata.name), self._clock.monotonic())
        metrics.service_changes_total.inc()
        self._note_queued()

    def slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        """An informer's handler."""
        for slice_ in (old, new):
            key = service_of(slice_) if slice_ is not None else None
            if slice_ is not None and key is not None:
                trigger = _trigger_time(slice_) if slice_ is new else None
                # What happened before this process began says nothing of how fast it is.
                recent = trigger if trigger is not None and trigger >= self._began else None
                self._pending.endpoints_changed(key, self._clock.monotonic(), recent)
        metrics.endpoint_changes_total.inc()
        self._note_queued()

    def node_changed(self, old: Node | None, new: Node | None) -> None:
        """An informer's handler, for this node's own object."""
        view = self._bare_node.with_object(new)
        if view == self._node:
            return
        if view.zone != self._node.zone:
            self._look_at_all()
        self._node = view
        self._node_changed = True
        self._note_queued()

    def service_cidr_changed(self, old: ServiceCIDR | None, new: ServiceCIDR | None) -> None:
        """An informer's handler."""
        for object in (old, new):
            if object is not None:
                self._cidrs.pop(object.metadata.name, None)
        if new is not None:
            self._cidrs[new.metadata.name] = new.spec.cidrs
        cidrs = [cidr for cidrs in self._cidrs.values() for cidr in cidrs]
        news = [rules.join(cidrs) for rules in self._families]
        if any(news):
            self._look_at_all()
            self._node_changed = True
            self._note_queued()

    @property
    def node(self) -> NodeView:
        """This node, as it is known now."""
        return self._node

    def healthy(self) -> bool:
        """Whether no change has been waiting for long."""
        since = self._pending.oldest_since
        return since is None or self._clock.monotonic() - since < UNHEALTHY_AFTER_SECONDS

    def _look_at_all(self) -> None:
        for key in {key for rules in self._families for key in rules.services}:
            self._pending.service_changed(key, self._clock.monotonic())

    async def run(self) -> None:
        """Carry out changes as they come, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                await self._check()
            self._changed.clear()
            while self._whole or self._node_changed or self._pending:
                try:
                    await self.sync()
                except KernelError as error:
                    metrics.sync_failures_total.inc()
                    log.error("could not change the rules", reason=str(error), retry_seconds=RETRY_SECONDS)
                    await asyncio.sleep(RETRY_SECONDS)

    async def sync(self) -> None:
        """Carry out what is pending, or a batch of it. Raises KernelError; the next call then replaces the table."""
        started = self._clock.monotonic()
        changes = self._pending.take(len(self._pending) if self._whole else BATCH)
        try:
            await self._carry_out(changes)
        except BaseException:
            self._whole = True
            self._pending.put_back(changes)
            raise
        self._observe(changes, started)
        for rules in self._families:
            if rules.stale:
                await self._forget_stale(rules)

    async def _carry_out(self, changes: Iterable[ServiceKey]) -> None:
        """Bring the kernel up to date with the changed services."""
        services = {key: (self._service(key), self._slices(key)) for key in changes}
        node_changed, self._node_changed = self._node_changed, False
        changed = [rules.change(services, self._node, node_changed=node_changed) for rules in self._families]
        for rules, transactions in zip(self._families, changed, strict=True):
            if self._whole:
                transactions = rules.replacement(await asyncio.to_thread(rules.read_affinity, self._kernel))
            for transaction in transactions:
                await asyncio.to_thread(self._kernel.run, transaction)
        self._whole = False

    async def _check(self) -> None:
        """Notice when someone else took our table away."""
        try:
            for rules in self._families:
                await asyncio.to_thread(self._kernel.run, rules.check())
        except KernelError as error:
            log.warning("the rules were gone; putting them back", reason=str(error))
            self._whole = True

    async def _forget_stale(self, rules: FamilyRules) -> None:
        flows, rules.stale = rules.stale, set()
        try:
            metrics.stale_flows_total.inc(await asyncio.to_thread(conntrack.forget, flows, rules.family))
        except OSError as error:
            log.warning("could not forget UDP connections to gone endpoints", reason=str(error), flows=len(flows))

    def _note_queued(self) -> None:
        metrics.last_queued_timestamp_seconds.set(self._clock.time())
        self._changed.set()

    def _observe(self, changes: dict[ServiceKey, Change], started: float) -> None:
        now = self._clock.time()
        metrics.sync_duration_seconds.observe(self._clock.monotonic() - started)
        metrics.last_sync_timestamp_seconds.set(now)
        metrics.items.set(sum(map(len, self._families)))
        for change in changes.values():
            for trigger in change.triggers:
                metrics.network_programming_duration_seconds.observe(max(0.0, now - trigger))
        services, endpoints = self._pending.counts()
        metrics.service_changes_pending.set(services)
        metrics.endpoint_changes_pending.set(endpoints)
        for policy in ("internal", "external"):
            count = sum(rules.without_local[policy] for rules in self._families)
            metrics.no_local_endpoints.labels(policy).set(count)


def service_of(slice_: EndpointSlice) -> ServiceKey | None:
    """The service that a slice belongs to, if any."""
    name = slice_.metadata.labels.get(SERVICE_NAME_LABEL)
    return (slice_.metadata.namespace, name) if name else None


def _trigger_time(slice_: EndpointSlice) -> float | None:
    """When the change that led to this slice's state began, in seconds since the epoch."""
    text = slice_.metadata.annotations.get(TRIGGER_ANNOTATION)
    if not text:
        return None
    try:
        return timestamps.parse(text)
    except ValueError:
        return None
