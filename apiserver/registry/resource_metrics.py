"""metrics.k8s.io: what nodes and pods use, made for each answer from what the kubelets tell (upstream: metrics-server).

A pod is shown once each of its containers has been measured twice; what nobody measured is left out of lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from api import codec, errors, quantity, timestamps
from api.scheme import Resource
from api.types import ContainerMetrics, NodeMetrics, ObjectMeta, PodMetrics
from apiserver.node_usage import NodeUsages
from apiserver.registry.registry import Registry
from apiserver.requests import ListOptions, Page
from apiserver.storage.cache import ResourceCache
from apiserver.storage.reader import selection_of
from apiserver.stored import Stored
from cluster.clock import Clock, LoopClock
from cluster.pb import usage_pb2 as pb

NANOSECONDS: Final = 1_000_000_000


class MeasuredRegistry(Registry):
    """`objects` holds what is measured, with the labels and names that requests select by; `nodes` whom to ask."""

    # As upstream's errors name the kind.
    kind_name = ""

    def __init__(
        self,
        resource: Resource,
        objects: ResourceCache,
        nodes: ResourceCache,
        usages: NodeUsages,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(resource)
        self.objects = objects
        self._nodes = nodes
        self._usages = usages
        self._clock = clock or LoopClock()

    async def _measured(self, found: Sequence[Stored]) -> list[Stored]:
        names = {name for stored in found if (name := self.node_of(stored))}
        answers = await self._usages.of(name for name in sorted(names) if _can_be_asked(self._nodes.get("", name)))
        now = timestamps.now_text(self._clock.time())
        shown = []
        for stored in found:
            answer = answers.get(self.node_of(stored))
            metadata = ObjectMeta(
                name=stored.name,
                namespace=stored.namespace,
                labels=dict(stored.labels),
                creation_timestamp=now,
            )
            record = None if answer is None else self.metrics(stored, metadata, answer)
            if record is not None:
                shown.append(Stored(self.resource, stored.namespace, stored.name, 0, codec.encode(record)))
        return shown

    def node_of(self, stored: Stored) -> str:
        """The node to ask about an object; "" when there is none."""
        raise NotImplementedError

    def metrics(self, stored: Stored, metadata: ObjectMeta, answer: pb.UsageAnswer) -> Any:
        """The object's metrics in a node's answer; None when they are not in it."""
        raise NotImplementedError

    async def get(self, namespace: str, name: str, subresource: str = "", resource_version: str = "") -> Stored:
        found = self.objects.get(namespace, name)
        measured = await self._measured([found] if found is not None else [])
        if not measured:
            raise errors.NotFound(self.kind_name, f"{namespace}/{name}" if namespace else name)
        (answer,) = measured
        return answer

    async def list(self, namespace: str, options: ListOptions) -> Page:
        return Page(await self._measured(self.objects.select(selection_of(self.objects, namespace, options))), 0)


class NodeMetricsRegistry(MeasuredRegistry):
    """What nodes use."""

    kind_name = "nodemetrics.metrics.k8s.io"

    def node_of(self, stored: Stored) -> str:
        return stored.name

    def metrics(self, stored: Stored, metadata: ObjectMeta, answer: pb.UsageAnswer) -> Any:
        if not answer.HasField("node"):
            return None
        return NodeMetrics(metadata=metadata, usage=_amounts(answer.node), **_span(answer.node))


class PodMetricsRegistry(MeasuredRegistry):
    """What the containers of pods use."""

    kind_name = "podmetrics.metrics.k8s.io"

    def node_of(self, stored: Stored) -> str:
        return stored.fields["spec.nodeName"] if stored.fields["status.phase"] == "Running" else ""

    def metrics(self, stored: Stored, metadata: ObjectMeta, answer: pb.UsageAnswer) -> Any:
        pod = next((each for each in answer.pods if each.uid == stored.uid), None)
        if pod is None or not pod.containers:
            return None
        # The oldest of its measurements, as upstream.
        first = min((each.usage for each in pod.containers), key=lambda usage: usage.time_ns)
        containers = [ContainerMetrics(name=each.name, usage=_amounts(each.usage)) for each in pod.containers]
        return PodMetrics(metadata=metadata, containers=containers, **_span(first))


class _Condition(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    status: str = ""


class _Endpoint(msgspec.Struct, frozen=True, gc=False):
    port: int = msgspec.field(name="Port", default=0)


class _Endpoints(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    kubelet_endpoint: _Endpoint = _Endpoint()


class _Status(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    conditions: list[_Condition] = []
    daemon_endpoints: _Endpoints = _Endpoints()


class _Node(msgspec.Struct, frozen=True, gc=False):
    """What of a Node tells whether it can be asked: of thousands of nodes nothing else should be decoded."""

    status: _Status = _Status()


_decode_node: Final = msgspec.json.Decoder(_Node).decode


def _can_be_asked(stored: Stored | None) -> bool:
    """It has a port, and is not known to be silent: it would be waited for in vain."""
    if stored is None:
        return False
    status = _decode_node(stored.data).status
    heard_of = any(each.type == "Ready" and each.status != "Unknown" for each in status.conditions)
    return heard_of and bool(status.daemon_endpoints.kubelet_endpoint.port)


def _amounts(usage: pb.Usage) -> dict[str, str]:
    return {
        "cpu": f"{usage.cpu_nanocores}n" if usage.cpu_nanocores else "0",
        "memory": quantity.format(usage.memory_bytes - usage.memory_bytes % 1024, "BinarySI"),
    }


def _span(usage: pb.Usage) -> dict[str, Any]:
    return {
        "timestamp": timestamps.now_text(usage.time_ns / NANOSECONDS),
        "window": go_duration(usage.window_ns),
    }


def go_duration(nanoseconds: int) -> str:
    """A duration as Go writes it, to the millisecond: "15.034s", "1m5s"."""
    minutes, rest = divmod(round(nanoseconds / 1_000_000), 60_000)
    seconds = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
