"""The scheduler's process, under its own identity, against a real API server."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, contextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from api.types import Event, Node, PersistentVolumeClaim, Pod
from cluster.client import PatchKind
from cluster.connection import Connection, open_channel
from cluster.pb import scheduler_pb2 as pb
from cluster.pb import scheduler_pb2_grpc as pb_grpc
from tests.support.control_plane import Component, anew, eventually
from tests.support.objects import claim, node, pod, storage_class
from tests.support.ports import free_port


def condition(pod, type_="PodScheduled"):
    return next((each for each in pod.status.conditions if each.type == type_), None)


async def events(client, reason, name):
    found = await client.list(Event, "default")
    return [each for each in found.items if (each.reason, each.involved_object.name) == (reason, name)]


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


async def nodes_known(client, last):
    """Wait until the scheduler knows this node, and with it those made before: it tells by binding a pod there."""
    name = f"is-{last}-known"
    await client.create(anew(pod(name, nodeSelector={"kubernetes.io/hostname": last})))
    await eventually(f"{last} is known", lambda: bound(client, name))
    await client.delete(Pod, name, "default", grace_period_seconds=0)


async def counted(scheduler, figure):
    """Wait until the metrics page shows it: what is done is counted afterwards."""

    async def shown():
        return figure in (await asyncio.to_thread(scheduler.page, "/metrics"))[1]

    await eventually(f"{figure} on the metrics page", shown)


async def test_a_pod_is_bound_and_told(scheduler, client):
    await create_node(client, "a")
    await client.create(anew(pod("p", cpu="1")))
    found = await eventually("p is bound", lambda: bound(client, "p"))
    assert found.spec.node_name == "a"
    assert condition(found).status == "True"
    (event,) = await eventually("an event", lambda: events(client, "Scheduled", "p"))
    assert (event.type, event.message) == ("Normal", "Successfully assigned default/p to a")
    assert event.source.component == "default-scheduler"


async def test_a_pod_without_a_place_says_why_and_goes_when_there_is_one(scheduler, client):
    taint = {"key": "k", "value": "v", "effect": "NoSchedule"}
    await create_node(client, "tainted", taints=[taint])
    await create_node(client, "small", cpu="1")
    await nodes_known(client, "small")
    await client.create(anew(pod("p", cpu="2")))

    async def told():
        found = await client.get(Pod, "p", "default")
        return found if condition(found) is not None else None

    waiting = condition(await eventually("p says why it waits", told))
    message = (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). "
        "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    )
    assert (waiting.status, waiting.reason, waiting.message) == ("False", "Unschedulable", message)
    (event,) = await eventually("an event", lambda: events(client, "FailedScheduling", "p"))
    assert (event.type, event.message) == ("Warning", message)
    await counted(scheduler, 'scheduler_unschedulable_pods{plugin="TaintToleration",profile="default-scheduler"} 1.0')

    # Nobody looks at it again for its own sake for minutes.
    await client.patch(Node, "tainted", "", {"spec": {"taints": None}})
    found = await eventually("p is bound", lambda: bound(client, "p"))
    assert found.spec.node_name == "tainted"


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
    await counted(scheduler, 'scheduler_schedule_attempts_total{profile="default-scheduler",result="scheduled"} 1.0')
    await counted(scheduler, 'scheduler_scheduler_cache_size{type="nodes"} 1.0')
    assert scheduler.resident_kib < 80 * 1024
    assert scheduler.stop() == 0


PROFILES = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: default-scheduler
- schedulerName: packing
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated}}
"""


async def test_profiles_of_a_file_schedule_for_those_who_name_them(apiserver, client, tmp_path):
    (tmp_path / "scheduler.yaml").write_text(PROFILES)
    with running(Component(apiserver, "scheduler", f"--config={tmp_path}/scheduler.yaml")) as scheduler:
        for name in "ab":
            await create_node(client, name)
        await nodes_known(client, "b")
        await client.create(anew(pod("old", cpu="2", memory="4Gi", on="a")))
        await client.create(anew(pod("packed", cpu="1", memory="1Gi", schedulerName="packing")))
        await client.create(anew(pod("spread", cpu="1", memory="1Gi")))
        packed = await eventually("packed is bound", lambda: bound(client, "packed"))
        spread = await eventually("spread is bound", lambda: bound(client, "spread"))
        assert (packed.spec.node_name, spread.spec.node_name) == ("a", "b")
        for name, component in (("packed", "packing"), ("spread", "default-scheduler")):
            (told,) = await eventually("an event", lambda name=name: events(client, "Scheduled", name))
            assert told.source.component == component
        await counted(scheduler, 'profile="packing",result="scheduled"} 1.0')


async def test_a_bad_file_is_said_in_one_line(apiserver, tmp_path):
    (tmp_path / "scheduler.yaml").write_text(PROFILES.replace("MostAllocated", "Best"))
    component = Component(apiserver, "scheduler", f"--config={tmp_path}/scheduler.yaml")
    with pytest.raises(pytest.fail.Exception):
        component.start()
    assert component.log().splitlines()[-1] == (
        f"scheduler: {tmp_path}/scheduler.yaml: profile packing: pluginConfig of NodeResourcesFit: "
        'scoringStrategy.type: "Best" is not a strategy'
    )
    component.kill()


async def test_who_may_not_see_a_pod_is_not_told_of_it(apiserver, client):
    port = free_port()
    with running(Component(apiserver, "scheduler", f"--grpc-address=127.0.0.1:{port}")):
        await create_node(client, "a")
        await nodes_known(client, "a")
        await client.create(anew(pod("p", cpu="100")))
        await eventually("p was tried", lambda: events(client, "FailedScheduling", "p"))
        request = pb.ExplainRequest(namespace="default", name="p")
        async with placement(apiserver, port, "admin", "kubernetes-admin", "system:masters") as stub:
            answer = await stub.Explain(request)
            assert [(each.node, each.refused_by) for each in answer.nodes] == [("a", "NodeResourcesFit")]
        async with placement(apiserver, port, "stranger", "mallory") as stub:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Explain(request)
            assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
            assert 'User "mallory" cannot get resource "pods"' in caught.value.details()


async def test_a_generic_client_is_told_what_can_be_called_and_that_all_is_well(apiserver):
    port = free_port()
    with running(Component(apiserver, "scheduler", f"--grpc-address=127.0.0.1:{port}")):
        async with placement_channel(apiserver, port, "admin", "kubernetes-admin", "system:masters") as channel:
            request = reflection_pb2.ServerReflectionRequest(list_services="")
            answers = ServerReflectionStub(channel).ServerReflectionInfo(iter([request]))
            names = {each.name for each in (await answers.read()).list_services_response.service}
            assert {"podling.v1.Placement", "grpc.health.v1.Health"} < names
            check = health_pb2.HealthCheckRequest(service="podling.v1.Placement")
            answer = await HealthStub(channel).Check(check)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_volume_is_asked_for_where_the_pod_goes_and_waited_for(scheduler, client):
    await create_node(client, "a")
    await client.create(storage_class("slow"))
    await client.create(anew(claim("c")))
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]
    await client.create(anew(pod("p", volumes=volumes)))

    async def asked():
        found = await client.get(PersistentVolumeClaim, "c", "default")
        return found.metadata.annotations.get("volume.kubernetes.io/selected-node")

    assert await eventually("the provisioner is asked", asked) == "a"
    assert await bound(client, "p") is None
    annotations = {"pv.kubernetes.io/bind-completed": "yes"}
    patch = {"metadata": {"annotations": annotations}, "spec": {"volumeName": "pv"}}
    await client.patch(PersistentVolumeClaim, "c", "default", patch)
    assert (await eventually("p is bound", lambda: bound(client, "p"))).spec.node_name == "a"


@asynccontextmanager
async def placement(apiserver, port, file, name, *groups):
    """The scheduler's explanations, asked under an identity."""
    async with placement_channel(apiserver, port, file, name, *groups) as channel:
        yield pb_grpc.PlacementStub(channel)


@asynccontextmanager
async def placement_channel(apiserver, port, file, name, *groups):
    cert_file, key_file = apiserver.authority.issue(file, name, groups)
    connection = Connection(f"127.0.0.1:{port}", apiserver.authority.ca_file, cert_file, key_file)
    channel = open_channel(connection)
    try:
        yield channel
    finally:
        await channel.close()


@contextmanager
def running(component):
    component.start()
    try:
        yield component
    finally:
        component.kill()
