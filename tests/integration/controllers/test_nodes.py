"""Nodes that fall silent. The controllers of these tests give a node up after five seconds."""

import pytest

from api.types import EndpointSlice, Event, Node, Pod
from controllers.node_lifecycle.health import ready_status
from controllers.pods import is_ready
from tests.support.control_plane import anew, eventually, pretended_kubelets
from tests.support.objects import deployment, pod, service

pytestmark = pytest.mark.usefixtures("impatient_controllers", "scheduler")


def taints(node):
    return sorted((each.key.rpartition("/")[2], each.effect) for each in node.spec.taints)


async def ready_endpoints(client):
    found = (await client.list(EndpointSlice, "default", label_selector="kubernetes.io/service-name=web")).items
    return [each.node_name for one in found for each in one.endpoints if each.conditions.ready]


def node_is(client, name, status, wanted):
    async def probe():
        node = await client.get(Node, name)
        return node if ready_status(node) == status and taints(node) == wanted else None

    return probe


EVICTING = [("unreachable", "NoExecute"), ("unreachable", "NoSchedule")]


async def test_a_silent_node_is_given_up_and_taken_back(client):
    async with pretended_kubelets(client, "a", "b", "c") as kubelets:
        for name in "abc":
            await eventually(f"{name} is open", node_is(client, name, "True", []))
        await client.create(anew(service("web", {"app": "web"})))
        await client.create(anew(deployment(replicas=6)))

        async def six():
            return len(await ready_endpoints(client)) == 6

        await eventually("six endpoints", six)
        kubelets.held.add("a")
        node = await eventually("a is given up", node_is(client, "a", "Unknown", EVICTING))
        (ready,) = [each for each in node.status.conditions if each.type == "Ready"]
        assert (ready.reason, ready.message) == ("NodeStatusUnknown", "Kubelet stopped posting node status.")

        async def elsewhere():
            nodes = await ready_endpoints(client)
            return nodes and "a" not in nodes

        await eventually("its pods are out of service", elsewhere)
        pods = (await client.list(Pod, "default")).items
        assert all(each.metadata.deletion_timestamp is None for each in pods)  # tolerated for five minutes
        assert not any(is_ready(each) for each in pods if each.spec.node_name == "a")

        kubelets.held.discard("a")
        await kubelets.report("a", "True")
        await eventually("a is taken back", node_is(client, "a", "True", []))

        async def told():
            reasons = {each.reason for each in (await client.list(Event, "default")).items}
            return {"RegisteredNode", "NodeNotReady"} <= reasons

        await eventually("the events tell", told)


async def test_pods_leave_when_their_toleration_ends_and_are_replaced(client):
    async with pretended_kubelets(client, "a", "b", "c") as kubelets:
        for name in "abc":
            await eventually(f"{name} is open", node_is(client, name, "True", []))
        unreachable = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"}
        brief = {**unreachable, "tolerationSeconds": 1}
        await client.create(anew(pod("brief", nodeSelector={"kubernetes.io/hostname": "a"}, tolerations=[brief])))
        await client.create(anew(pod("patient", nodeSelector={"kubernetes.io/hostname": "a"})))

        async def running():
            found = (await client.list(Pod, "default")).items
            return all(is_ready(each) for each in found)

        await eventually("both run", running)
        kubelets.held.add("a")
        await eventually("a is given up", node_is(client, "a", "Unknown", EVICTING))

        async def going():
            found = await client.get(Pod, "brief", "default")
            return found if found.metadata.deletion_timestamp else None

        evicted = await eventually("brief is evicted", going)
        assert "DeletionByTaintManager" in {each.reason for each in evicted.status.conditions}
        assert (await client.get(Pod, "patient", "default")).metadata.deletion_timestamp is None


async def test_nobody_is_evicted_when_every_node_is_silent(client):
    async with pretended_kubelets(client, "a", "b", "c") as kubelets:
        for name in "abc":
            await eventually(f"{name} is open", node_is(client, name, "True", []))
        kubelets.held.update("abc")
        closed = [("unreachable", "NoSchedule")]
        for name in "abc":
            await eventually(f"{name} is closed, not emptied", node_is(client, name, "Unknown", closed))


async def test_a_cordoned_node_is_tainted(client):
    async with pretended_kubelets(client, "a"):
        await eventually("a is open", node_is(client, "a", "True", []))
        await client.patch(Node, "a", "", {"spec": {"unschedulable": True}})
        await eventually("a is closed", node_is(client, "a", "True", [("unschedulable", "NoSchedule")]))
        await client.patch(Node, "a", "", {"spec": {"unschedulable": None}})
        await eventually("a is open again", node_is(client, "a", "True", []))
