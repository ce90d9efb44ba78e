"""From informers' calls to transactions, with a model of the kernel."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import msgspec
import pytest

from api.types import EndpointSlice, ObjectMeta, Service, ServiceCIDR, ServiceCIDRSpec
from kubeproxy import metrics, syncer
from kubeproxy.base_table import Network
from kubeproxy.endpoints import NodeView
from kubeproxy.kernel import KernelError
from kubeproxy.syncer import Syncer
from tests.support.clock import FakeClock
from tests.support.nft_model import NftModel
from tests.support.services import endpoint_slice, service

Key = tuple[str, str]


class FlakyKernel(NftModel):
    """Refuses as many transactions as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0
        self.accepted = threading.Event()

    def run(self, text: str) -> str:
        if self.refusals:
            self.refusals -= 1
            raise KernelError("refused")
        output = super().run(text)
        if "stand-in" not in text:
            self.accepted.set()
        return output


class Node:
    """A syncer, and the objects its informers hold."""

    def __init__(self) -> None:
        self.kernel = FlakyKernel()
        self.clock = FakeClock()
        self.services: dict[Key, Service] = {}
        self.slices: dict[Key, list[EndpointSlice]] = {}
        view = NodeView("here", addresses=("192.168.0.1",))
        self.syncer = Syncer(self.kernel, [Network("10.96.0.0/16")], view, self.services.get, self._slices, self.clock)

    def _slices(self, key: Key) -> Sequence[EndpointSlice]:
        return self.slices.get(key, [])

    def put_service(self, new: Service) -> None:
        key = (new.metadata.namespace, new.metadata.name)
        old = self.services.get(key)
        self.services[key] = new
        self.syncer.service_changed(old, new)

    def put_slice(self, new: EndpointSlice, name: str = "web") -> None:
        old = self.slices.get(("default", name), [None])[0]
        self.slices["default", name] = [new]
        self.syncer.slice_changed(old, new)

    def elements(self, container: str) -> dict[str, str]:
        return self.kernel.tables["podling"].elements[container]


@pytest.fixture
def node() -> Node:
    return Node()


async def test_the_first_sync_makes_the_table_and_leaves_no_other(node: Node) -> None:
    node.put_service(service())
    node.put_slice(endpoint_slice("10.1.0.1"))
    await node.syncer.sync()
    assert set(node.kernel.tables) == {"podling"}
    assert node.elements("service-ports") == {"10.96.0.50 . tcp . 80": "goto pick-address-tcp/1"}
    assert "192.168.0.1" in node.elements("node-addresses")


async def test_a_table_is_replaced_only_while_another_stands_in(node: Node) -> None:
    await node.syncer.sync()
    first, second, third = node.kernel.transactions
    assert "podling-stand-in" in first and "table ip podling {" not in first
    assert "table ip podling {" in second and "podling-stand-in" not in second
    assert third == "delete table ip podling-stand-in\n"


async def test_service_cidrs_join_and_leave_the_cluster_networks(node: Node) -> None:
    await node.syncer.sync()
    assert set(node.elements("service-networks")) == {"10.96.0.0/16"}
    more = ServiceCIDR(metadata=ObjectMeta(name="more"), spec=ServiceCIDRSpec(cidrs=["203.0.113.0/24", "fd00::/64"]))
    within = ServiceCIDR(metadata=ObjectMeta(name="kubernetes"), spec=ServiceCIDRSpec(cidrs=["10.96.0.0/20"]))
    for each in (more, within):
        node.syncer.service_cidr_changed(None, each)
    await node.syncer.sync()
    assert set(node.elements("service-networks")) == {"10.96.0.0/16", "203.0.113.0/24"}
    node.syncer.service_cidr_changed(more, None)
    await node.syncer.sync()
    assert set(node.elements("service-networks")) == {"10.96.0.0/16"}


async def test_a_change_is_a_small_transaction(node: Node) -> None:
    await node.syncer.sync()
    node.put_service(service())
    await node.syncer.sync()
    assert len(node.kernel.transactions) == 4
    assert node.kernel.transactions[-1] == "add element ip podling idle-ports { 10.96.0.50 . tcp . 80 }\n"


async def test_a_refused_change_is_made_up_for_by_a_whole_table(node: Node) -> None:
    await node.syncer.sync()
    node.put_service(service())
    node.put_slice(endpoint_slice("10.1.0.1"))
    node.kernel.refusals = 1
    with pytest.raises(KernelError):
        await node.syncer.sync()
    await node.syncer.sync()
    assert set(node.kernel.tables) == {"podling"}
    assert node.elements("service-ports") == {"10.96.0.50 . tcp . 80": "goto pick-address-tcp/1"}


async def test_it_is_unhealthy_while_changes_wait_for_long(node: Node) -> None:
    await node.syncer.sync()
    node.put_service(service())
    node.kernel.refusals = 1
    with pytest.raises(KernelError):
        await node.syncer.sync()
    assert node.syncer.healthy()
    node.clock.advance(61)
    assert not node.syncer.healthy()
    await node.syncer.sync()
    assert node.syncer.healthy()


async def test_running_it_carries_out_changes_as_they_come_and_retries(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncer, "RETRY_SECONDS", 0.0)
    await node.syncer.sync()
    running = asyncio.create_task(node.syncer.run())
    node.kernel.refusals = 2
    node.kernel.accepted.clear()
    node.put_service(service())
    assert await asyncio.to_thread(node.kernel.accepted.wait, 60)
    assert node.elements("idle-ports") == {"10.96.0.50 . tcp . 80": ""}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_flows_of_vanished_udp_endpoints_are_forgotten_even_after_a_refusal(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[str] = []

    def forget(flows: set[object], family: object) -> int:
        forgotten.extend(sorted(flow.destination.address for flow in flows))  # type: ignore[attr-defined]
        return len(flows)

    monkeypatch.setattr(syncer.conntrack, "forget", forget)
    ports = [{"port": 53, "protocol": "UDP"}]
    node.put_service(service(ports=ports))
    node.put_slice(endpoint_slice("10.1.0.1", "10.1.0.2", ports=ports))
    await node.syncer.sync()
    node.put_slice(endpoint_slice("10.1.0.2", ports=ports))
    node.kernel.refusals = 1
    with pytest.raises(KernelError):
        await node.syncer.sync()
    assert forgotten == []
    await node.syncer.sync()
    assert forgotten == ["10.1.0.1"]


async def test_how_long_a_change_took_is_measured_from_its_trigger(node: Node) -> None:
    await node.syncer.sync()
    before = metrics.network_programming_duration_seconds._sum.get()
    node.put_service(service())
    node.clock.advance(10)
    changed = endpoint_slice("10.1.0.1")
    annotations = {syncer.TRIGGER_ANNOTATION: "2023-11-14T22:13:27Z"}  # three seconds before the clock's now
    node.put_slice(
        msgspec.structs.replace(changed, metadata=msgspec.structs.replace(changed.metadata, annotations=annotations))
    )
    await node.syncer.sync()
    assert metrics.network_programming_duration_seconds._sum.get() - before == pytest.approx(3.0)
