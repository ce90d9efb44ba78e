"""metrics.k8s.io from the kubelets' answers: whom it asks, what it shows, what it leaves out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api import codec, errors, scheme
from api.types import Node, Pod
from apiserver.node_usage import NodeUsages
from apiserver.registry.resource_metrics import NodeMetricsRegistry, PodMetricsRegistry, go_duration
from apiserver.requests import ListOptions
from apiserver.storage.cache import ResourceCache
from apiserver.stored import Stored
from cluster.pb import usage_pb2 as pb
from tests.support.clock import FakeClock

SECOND = 1_000_000_000


class Kubelets:
    """Answers what it is given; a node it knows nothing of does not answer."""

    def __init__(self, answers: dict[str, pb.UsageAnswer]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def usage(self, node_name: str, timeout: float) -> pb.UsageAnswer:
        self.asked.append(node_name)
        await asyncio.sleep(0)
        if node_name not in self.answers:
            raise errors.ServiceUnavailable(f"{node_name} is silent")
        return self.answers[node_name]


def usage(nanocores: int = 250_000_000, memory: int = 64 * 2**20 + 5) -> pb.Usage:
    return pb.Usage(time_ns=1_700_000_000 * SECOND, window_ns=10 * SECOND, cpu_nanocores=nanocores, memory_bytes=memory)


def answer(*pods: str) -> pb.UsageAnswer:
    containers = [pb.ContainerUsage(name="app", usage=usage())]
    return pb.UsageAnswer(node=usage(), pods=[pb.PodUsage(name=name, uid=name, containers=containers) for name in pods])


def cache(record: type[Any], *trees: dict[str, Any]) -> ResourceCache:
    resource = scheme.of(record)
    objects = ResourceCache(resource)
    stored = []
    for tree in trees:
        found = codec.from_tree(record, tree)
        data = codec.with_resource_version(codec.encode(found), 5)
        stored.append(Stored(resource, found.metadata.namespace, found.metadata.name, 5, data))
    objects.load(sorted(stored, key=lambda each: (each.namespace, each.name)), 5)
    return objects


def node(name: str, ready: str = "True", port: int = 10250) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": name, "labels": {"zone": name[-1]}},
        "status": {
            "conditions": [{"type": "Ready", "status": ready}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        },
    }


def pod(name: str, node_name: str, phase: str = "Running", namespace: str = "shop") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace, "uid": name, "labels": {"app": name}},
        "spec": {"nodeName": node_name, "containers": [{"name": "app"}]},
        "status": {"phase": phase},
    }


def names(page: Any) -> list[str]:
    return [stored.name for stored in page.items]


NODES = cache(Node, node("n1"), node("n2"), node("n3", "Unknown"), node("hollow-1", port=0))
RESOURCES = {plural: scheme.by_path("metrics.k8s.io", "v1beta1", plural) for plural in ("nodes", "pods")}


@pytest.fixture
def kubelets() -> Kubelets:
    return Kubelets({"n1": answer("a"), "n3": answer("c")})


async def test_nodes_that_answer_are_shown_and_those_known_to_be_silent_not_asked(kubelets: Kubelets) -> None:
    registry = NodeMetricsRegistry(RESOURCES["nodes"], NODES, NODES, NodeUsages(kubelets, FakeClock()), FakeClock())
    page = await registry.list("", ListOptions())
    assert names(page) == ["n1"]
    assert sorted(kubelets.asked) == ["n1", "n2"]
    shown = codec.to_tree(page.items[0].record)
    assert shown["usage"] == {"cpu": "250000000n", "memory": "64Mi"}
    assert (shown["timestamp"], shown["window"]) == ("2023-11-14T22:13:20Z", "10s")
    assert shown["metadata"]["labels"] == {"zone": "1"}
    assert names(await registry.list("", ListOptions(label_selector="zone=2"))) == []


async def test_only_nodes_with_selected_pods_are_asked(kubelets: Kubelets) -> None:
    pods = cache(Pod, pod("a", "n1"), pod("b", "n1"), pod("d", "n2", "Pending"), pod("e", "n2", namespace="other"))
    registry = PodMetricsRegistry(RESOURCES["pods"], pods, NODES, NodeUsages(kubelets, FakeClock()), FakeClock())
    page = await registry.list("shop", ListOptions())
    assert names(page) == ["a"]  # b has not been measured
    assert kubelets.asked == ["n1"]
    assert codec.to_tree(page.items[0].record)["containers"][0]["usage"]["cpu"] == "250000000n"
    assert names(await registry.list("", ListOptions(field_selector="metadata.name=a"))) == ["a"]


async def test_what_nobody_measured_is_not_found(kubelets: Kubelets) -> None:
    pods = cache(Pod, pod("a", "n1"), pod("b", "n1"))
    registry = PodMetricsRegistry(RESOURCES["pods"], pods, NODES, NodeUsages(kubelets, FakeClock()), FakeClock())
    assert (await registry.get("shop", "a")).name == "a"
    for name in ("b", "nobody"):
        with pytest.raises(errors.NotFound, match=f'podmetrics.metrics.k8s.io "shop/{name}" not found'):
            await registry.get("shop", name)


async def test_one_question_answers_all_who_ask_for_a_moment(kubelets: Kubelets) -> None:
    clock = FakeClock()
    usages = NodeUsages(kubelets, clock)
    await asyncio.gather(usages.of(["n1"]), usages.of(["n1", "n1"]))
    await usages.of(["n1"])
    assert kubelets.asked == ["n1"]
    clock.advance(2.5)
    await usages.of(["n1"])
    assert kubelets.asked == ["n1", "n1"]


@pytest.mark.parametrize(
    ("nanoseconds", "text"), [(15 * SECOND, "15s"), (9_104_600_000, "9.105s"), (75 * SECOND, "1m15s"), (0, "0s")]
)
def test_durations_are_written_as_go_does(nanoseconds: int, text: str) -> None:
    assert go_duration(nanoseconds) == text
