"""Scheduling at size: hollow nodes, thousands of pods, created to bound, bound to Running; each placement checked.

Every figure is end to end through the API: a client creates pods as fast as it can and watches them. Each kind of
scenario has a cluster of its own. Beside the rates stands what the same etcd does in create-transactions alone.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import uvloop

from bench import environment
from bench.load import PODS, CpuMeter, Load, Seen, Tree, open_load, reached
from bench.placement import violations
from bench.rest import raw_transactions
from bench.results import Row
from cluster.pb import objects_pb2 as pb
from podling.launcher.plan import Cluster

PLAIN = 10_000
SPREAD = 5_000
APART = 2_500
DEPLOYED = 1_000
LARGE = 5_000
SMALL = 1_000
LIMIT_SECONDS = 300.0
NAMESPACE = "scale"

Scenario = Callable[[Cluster, Load], Awaitable[list[Row]]]


def small() -> list[Row]:
    """Plain pods on a thousand nodes."""
    return _on(SMALL, lambda cluster, load: _plain(cluster, load, SMALL, 800))


def large() -> list[Row]:
    """Nodes until ready, their memory, plain pods bound and running, a Deployment."""
    return _on(LARGE, _large, ready=True)


def spread() -> list[Row]:
    """Pods with hard zone spread."""
    return _on(LARGE, _spread)


def apart() -> list[Row]:
    """Pods of which no two may share a node."""
    return _on(LARGE, _apart)


def preempting() -> list[Row]:
    """Pods that need others' places."""
    return _on(LARGE, _preempting, "--hollow-node-cpu", "2")


# By the names they can be asked for by; each has a cluster of its own and takes a minute or two.
SCENARIOS: Mapping[str, Callable[[], list[Row]]] = {
    "scale-small": small,
    "scale-large": large,
    "scale-spread": spread,
    "scale-apart": apart,
    "scale-preempting": preempting,
}


def _on(nodes: int, scenario: Scenario, *flags: str, ready: bool = False) -> list[Row]:
    """The scenario's rows, on a cluster of so many hollow nodes; with `ready`, how long those took before them."""
    with _hollow(nodes, *flags) as (cluster, seconds):
        rows = [_ready_row(nodes, seconds)] if ready else []

        async def run() -> list[Row]:
            async with open_load(cluster) as load:
                await _namespace(load)
                return await scenario(cluster, load)

        return rows + uvloop.run(run())


@contextmanager
def _hollow(nodes: int, *flags: str) -> Iterator[tuple[Cluster, float]]:
    with environment.directory() as path:
        started = time.monotonic()
        cluster = environment.up(path, 0, "--hollow-nodes", str(nodes), *flags)
        try:
            yield cluster, time.monotonic() - started
        finally:
            environment.down(path)


def _ready_row(nodes: int, seconds: float) -> Row:
    figure = f"`podling up --nodes 0 --hollow-nodes {nodes}` to all Ready"
    return Row(figure, f"{seconds:.1f} s", _load(), "≤ 20 s", seconds <= 20)


async def _namespace(load: Load) -> None:
    await load.create(pb.Target(version="v1", resource="namespaces"), [{"metadata": {"name": NAMESPACE}}])
    while not any(each["metadata"]["name"] == "default" for each in await load.list("serviceaccounts", NAMESPACE)):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def _large(cluster: Cluster, load: Load) -> list[Row]:
    rows = [_memory_row(cluster)]
    rows += await _plain(cluster, load, LARGE, 500, running=True)
    rows += await _deployment(load)
    return rows


def _memory_row(cluster: Cluster) -> Row:
    """What the nodes cost, whoever remembers them; a cluster without any stands for the rest."""
    rss = {name: megabytes for name, (_, megabytes) in environment.processes(cluster).items()}
    kubelets = sum(value for name, value in rss.items() if name.startswith("kubelet"))
    parts = ", ".join(f"{name} {value:.0f}" for name, value in rss.items() if not name.startswith("kubelet"))
    total = sum(rss.values())
    measured = f"{total / (LARGE / 1000):.0f} MB (of {total:.0f}: kubelets {kubelets:.0f}, {parts})"
    return Row("resident per 1,000 hollow nodes, whole cluster", measured, "–", "stated")


async def _plain(cluster: Cluster, load: Load, nodes: int, target: int, *, running: bool = False) -> list[Row]:
    trees = [_pod(f"plain-{number}") for number in range(PLAIN)]
    return await _rate(cluster, load, trees, f"{nodes:,} nodes, {PLAIN:,} plain pods", target, running=running)


async def _spread(cluster: Cluster, load: Load) -> list[Row]:
    constraint = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "scale"}},
    }
    trees = [_pod(f"spread-{number}", topologySpreadConstraints=[constraint]) for number in range(SPREAD)]
    return await _rate(cluster, load, trees, f"{LARGE:,} nodes, {SPREAD:,} pods with hard zone spread", 300)


async def _apart(cluster: Cluster, load: Load) -> list[Row]:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "scale"}}}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    trees = [_pod(f"apart-{number}", affinity=affinity) for number in range(APART)]
    figure = f"{LARGE:,} nodes, {APART:,} pods with required anti-affinity on hostname"
    return await _rate(cluster, load, trees, figure, 200)


async def _preempting(cluster: Cluster, load: Load) -> list[Row]:
    """Every node is full of two pods; as many important ones as there are nodes take half of all places."""
    classes = pb.Target(group="scheduling.k8s.io", version="v1", resource="priorityclasses")
    await load.create(classes, [{"metadata": {"name": "important"}, "value": 1000}])
    cpu = {"requests": {"cpu": "1"}}
    async with load.following(NAMESPACE, "low-") as seen:
        filling = [_pod(f"low-{number}", cpu, terminationGracePeriodSeconds=0) for number in range(2 * LARGE)]
        await load.create(PODS, filling)
        await reached(seen.running, 2 * LARGE, LIMIT_SECONDS)
    trees = [_pod(f"high-{number}", cpu, priorityClassName="important") for number in range(LARGE)]
    return await _rate(cluster, load, trees, f"{LARGE:,} nodes, preemption of half of {2 * LARGE:,} pods", 150)


async def _deployment(load: Load) -> list[Row]:
    """Create to all available, scale to 0 to none left."""
    target = pb.Target(group="apps", version="v1", resource="deployments", namespace=NAMESPACE, name="many")
    template = {"metadata": {"labels": {"app": "many"}}, "spec": _pod("")["spec"]}
    spec = {"replicas": DEPLOYED, "selector": {"matchLabels": {"app": "many"}}, "template": template}
    async with load.following(NAMESPACE, "many-") as seen:
        started = time.perf_counter()
        await load.create(
            pb.Target(group="apps", version="v1", resource="deployments"),
            [{"metadata": {"name": "many", "namespace": NAMESPACE}, "spec": spec}],
        )
        up = await reached(seen.running, DEPLOYED, LIMIT_SECONDS) - started
        started = time.perf_counter()
        await load.patch(target, {"spec": {"replicas": 0}})
        down = await reached(seen.gone, DEPLOYED, LIMIT_SECONDS) - started
    figure = f"Deployment of {DEPLOYED:,} replicas on hollow nodes: create, scale to 0"
    return [Row(figure, f"{up:.1f} s, {down:.1f} s", _load(), "≤ 5 s each", max(up, down) <= 5)]


async def _rate(
    cluster: Cluster, load: Load, trees: list[Tree], figure: str, target: int, *, running: bool = False
) -> list[Row]:
    """Create the pods, wait until all are bound; then check where every pod stands."""
    yardstick = await raw_transactions(cluster, "/bench/scale/")
    cpu = CpuMeter({name: pid for name, (pid, _) in environment.processes(cluster).items()})
    async with load.following(NAMESPACE, trees[0]["metadata"]["name"].partition("-")[0]) as seen:
        started = time.perf_counter()
        await load.create(PODS, trees)
        created = time.perf_counter()
        bound = await reached(seen.bound, len(trees), LIMIT_SECONDS)
        used = cpu.used()
        rate = len(trees) / (bound - started)
        measured = f"{rate:,.0f} pods/s ({_cpu_text(used, len(trees))})"
        rows = [Row(figure, measured, f"{yardstick:,.0f} raw create-txns/s; {_load()}", f"≥ {target}", rate >= target)]
        print(f"{figure}: {rate:.0f}/s, created {len(trees) / (created - started):.0f}/s", flush=True)
        if running:
            rows.append(await _running_row(seen, len(trees), bound))
    await _check(load)
    return rows


async def _running_row(seen: Seen, count: int, bound: float) -> Row:
    seconds = max(await reached(seen.running, count, LIMIT_SECONDS) - bound, 0.0)
    figure = f"{count:,} pods of hollow nodes Running, after the last was bound"
    return Row(figure, f"{seconds:.1f} s", _load(), "≤ 20 s", seconds <= 20)


async def _check(load: Load) -> None:
    """The slow checker's word; AssertionError if anything stands wrong."""
    wrong = violations(await load.list("nodes"), await load.list("pods"))
    assert not wrong, f"{len(wrong)} rules are broken, first: {wrong[:3]}"


def _cpu_text(used: dict[str, float], pods: int) -> str:
    """Milliseconds of CPU a pod, by process."""
    parts = {name.partition("-")[0]: 0.0 for name in used}
    for name, seconds in used.items():
        parts[name.partition("-")[0]] += seconds
    shown = ", ".join(f"{name} {seconds / pods * 1e3:.2f}" for name, seconds in parts.items())
    return f"CPU ms a pod: {shown}"


def _load() -> str:
    return f"load average {os.getloadavg()[0]:.1f}"


def _pod(name: str, resources: Tree | None = None, **spec: object) -> Tree:
    container = {"name": "main", "image": "hollow", "resources": resources or {}}
    return {
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": "scale"}},
        "spec": {"containers": [container], **spec},
    }
