"""The scheduler's process, under its own identity, against a real API server."""

import asyncio
import time
from collections import Counter

from api.types import Event, Node, Pod
from cluster.client import PatchKind
from tests.support.control_plane import anew, eventually
from tests.support.objects import node, pod


def condition(pod, type_="PodScheduled"):
    return next((each for each in pod.status.conditions if each.type == type_), None)


async def events(client, reason):
    found = await client.list(Event, "default")
    return [each for each in found.items if each.reason == reason]


async def bound(client, name):
    found = await client.get(Pod, name, "default")
    return found if found.spec.node_name else None


async def create_node(client, name, **more):
    """A node as it is once its kubelet has reported and the node controller has taken off the first taint."""
    wanted = node(name, **more)
    await client.create(anew(wanted))
    taints = [{"key": each.key, "value": each.value, "effect": each.effect} for each in wanted.spec.taints]
    await client.patch(Node, name, "", {"spec": {"taints": taints or None}})
    status = {"allocatable": wanted.status.allocatable, "capacity": wanted.status.allocatable}
    await client.patch(Node, name, "", {"status": status}, kind=PatchKind.STRATEGIC, subresource="status")


async def test_a_pod_is_bound_and_told(scheduler, client):
    await create_node(client, "a")
    await client.create(anew(pod("p", cpu="1")))
    found = await eventually("p is bound", lambda: bound(client, "p"))
    assert found.spec.node_name == "a"
    assert condition(found).status == "True"
    (event,) = await eventually("an event", lambda: events(client, "Scheduled"))
    assert (event.type, event.message) == ("Normal", "Successfully assigned default/p to a")
    assert event.source.component == "default-scheduler"


async def test_a_pod_without_a_place_says_why_and_goes_when_there_is_one(scheduler, client):
    taint = {"key": "k", "value": "v", "effect": "NoSchedule"}
    await create_node(client, "tainted", taints=[taint])
    await create_node(client, "small", cpu="1")
    await client.create(anew(pod("p", cpu="2")))

    async def told():
        found = await client.get(Pod, "p", "default")
        return found if condition(found) is not None else None

    assert (
        'scheduler_unschedulable_pods{plugin="TaintToleration",profile="default-scheduler"} 1.0'
        in (scheduler.page("/metrics")[1])
    )
    waiting = condition(await eventually("p says why it waits", told))
    message = (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). "
        "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    )
    assert (waiting.status, waiting.reason, waiting.message) == ("False", "Unschedulable", message)
    (event,) = await eventually("an event", lambda: events(client, "FailedScheduling"))
    assert (event.type, event.message) == ("Warning", message)

    started = time.monotonic()
    await client.patch(Node, "tainted", "", {"spec": {"taints": None}})
    found = await eventually("p is bound", lambda: bound(client, "p"))
    assert found.spec.node_name == "tainted"
    assert time.monotonic() - started < 5


async def test_other_schedulers_pods_are_left_alone(scheduler, client):
    await create_node(client, "a")
    await client.create(anew(pod("theirs", schedulerName="other")))
    await client.create(anew(pod("ours")))
    await eventually("ours is bound", lambda: bound(client, "ours"))
    assert await bound(client, "theirs") is None


async def test_many_pods_fill_the_nodes_and_not_more_even_through_a_crash(scheduler, client):
    for name in "abc":
        await create_node(client, name, cpu="10")
    made = [client.create(anew(pod(f"p{number}", cpu="100m"))) for number in range(310)]
    await asyncio.gather(*made[:200])
    scheduler.kill()
    scheduler.start()
    await asyncio.gather(*made[200:])

    async def placed():
        pods = (await client.list(Pod, "default")).items
        return Counter(each.spec.node_name for each in pods if each.spec.node_name)

    async def all_placed():
        found = await placed()
        return found if found.total() == 300 else None

    found = await eventually("300 pods are bound", all_placed)
    assert found == {"a": 100, "b": 100, "c": 100}


async def test_health_metrics_and_a_clean_end(scheduler, client, apiserver):
    assert scheduler.page("/healthz", identity=None) == (200, "ok")
    await create_node(client, "a")
    await client.create(anew(pod("p")))
    await eventually("p is bound", lambda: bound(client, "p"))
    status, text = scheduler.page("/metrics")
    assert status == 200
    assert 'scheduler_schedule_attempts_total{profile="default-scheduler",result="scheduled"} 1.0' in text
    assert 'scheduler_scheduler_cache_size{type="nodes"} 1.0' in text
    assert scheduler.resident_kib < 80 * 1024
    assert scheduler.stop() == 0
