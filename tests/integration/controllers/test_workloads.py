"""Deployments and replica sets by the controllers' process, with real scheduling and pretended kubelets."""

import asyncio
from contextlib import aclosing

import pytest
from msgspec.structs import replace

from api.types import Deployment, EndpointSlice, Event, Pod, ReplicaSet
from cluster.client import PatchKind
from controllers.pods import is_active, is_ready
from tests.support.control_plane import anew, eventually, pretended_kubelets
from tests.support.objects import deployment, pod, replica_set, service

pytestmark = pytest.mark.usefixtures("controllers", "scheduler")


async def ready_pods(client):
    pods = (await client.list(Pod, "default")).items
    return [each for each in pods if is_active(each) and is_ready(each)]


def rolled_out(client, *, replicas, revision):
    """Probe: what `kubectl rollout status` waits for."""

    async def probe():
        found = await client.get(Deployment, "web", "default")
        status = found.status
        done = (
            status.observed_generation >= found.metadata.generation
            and status.updated_replicas == status.replicas == status.available_replicas == replicas
            and found.metadata.annotations.get("deployment.kubernetes.io/revision") == revision
        )
        return found if done else None

    return probe


async def set_image(client, image):
    containers = [{"name": "main", "image": image}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    await client.patch(Deployment, "web", "default", patch, kind=PatchKind.STRATEGIC)


async def test_a_deployment_is_rolled_out_updated_and_rolled_back_with_its_service_answering(client, controllers):
    async with pretended_kubelets(client, "a", "b"):
        await client.create(anew(service("web", {"app": "web"})))
        await client.create(anew(deployment(replicas=4, surge=1, unavailable=1)))
        await eventually("the first rollout", rolled_out(client, replicas=4, revision="1"))
        fewest = asyncio.create_task(fewest_ready(client))
        await eventually("the slice holds four", lambda: slice_holds(client, 4))
        # The controllers are about to be killed, and with them what they have not told of yet.
        await eventually("the event of the first rollout", lambda: scaled_up(client, 4))
        await set_image(client, "b")
        controllers.kill()
        controllers.start()
        await eventually("the update", rolled_out(client, replicas=4, revision="2"))
        await set_image(client, "a")
        await eventually("the rollback", rolled_out(client, replicas=4, revision="3"))
        fewest.cancel()
        assert (await fewest) >= 3

        async def at_rest():
            found = await client.get(Deployment, "web", "default")
            conditions = {each.type: each.reason for each in found.status.conditions}
            sets = (await client.list(ReplicaSet, "default")).items
            return (conditions, sorted(each.spec.replicas for each in sets)) == (
                {"Available": "MinimumReplicasAvailable", "Progressing": "NewReplicaSetAvailable"},
                [0, 4],
            )

        await eventually("the deployment says that it is complete", at_rest)


async def scaled_up(client, count):
    said = {each.message for each in (await client.list(Event, "default")).items if each.reason == "ScalingReplicaSet"}
    return any(each.startswith("Scaled up replica set web-") and each.endswith(f" from 0 to {count}") for each in said)


async def slice_holds(client, count):
    found = (await client.list(EndpointSlice, "default", label_selector="kubernetes.io/service-name=web")).items
    return sum(bool(each.conditions.ready) for one in found for each in one.endpoints) == count


async def fewest_ready(client) -> int:
    """The fewest ready endpoints the service's slices ever showed, from when they first showed four."""
    selector = "kubernetes.io/service-name=web"
    start = await client.list(EndpointSlice, "default", label_selector=selector)
    slices = {each.metadata.name: each for each in start.items}
    fewest = None
    watch = client.watch(EndpointSlice, "default", label_selector=selector, resource_version=str(start.revision))
    try:
        async with aclosing(watch) as batches:
            async for batch in batches:
                for event in batch.events:
                    slices[event.object.metadata.name] = event.object
                count = sum(bool(each.conditions.ready) for one in slices.values() for each in one.endpoints)
                if count >= 4 or fewest is not None:
                    fewest = count if fewest is None else min(fewest, count)
    except asyncio.CancelledError:
        pass
    return 4 if fewest is None else fewest


async def test_a_replica_set_replaces_adopts_and_releases(client):
    async with pretended_kubelets(client, "a"):
        await client.create(anew(service("web", {"app": "web"})))
        orphan = pod("orphan", labels={"app": "web"})
        await client.create(anew(orphan))
        # Then the controllers know of it: the replica set's is not to make another in its place.
        await eventually("the slice holds the orphan", lambda: slice_holds(client, 1))
        await client.create(anew(replica_set("web", {"app": "web"}, replicas=3)))

        async def three():
            found = await ready_pods(client)
            mine = [each for each in found if each.metadata.owner_references]
            return mine if len(mine) == 3 == len(found) else None

        pods = await eventually("three pods, one of them adopted", three)
        names = {each.metadata.name for each in pods}
        assert "orphan" in names

        await client.patch(Pod, "orphan", "default", {"metadata": {"labels": {"app": "debug"}}})

        async def released():
            found = await client.get(Pod, "orphan", "default")
            return not found.metadata.owner_references

        await eventually("the strayed pod is let go", released)
        victim = next(name for name in names if name != "orphan")
        await client.delete(Pod, victim, "default")

        async def replaced():
            pods = [each for each in await ready_pods(client) if each.metadata.labels["app"] == "web"]
            return len(pods) == 3 and victim not in {each.metadata.name for each in pods}

        await eventually("both are replaced", replaced)

        async def counted():
            found = await client.get(ReplicaSet, "web", "default")
            status = found.status
            return (status.replicas, status.ready_replicas, status.available_replicas) == (3, 3, 3)

        await eventually("the status counts three", counted)


async def test_scaling_up_and_down_makes_exactly_as_many_pods(client):
    async with pretended_kubelets(client, "a", "b"):
        await client.create(anew(replica_set("web", {"app": "web"}, replicas=60)))
        made = set()

        async def exactly(count):
            pods = (await client.list(Pod, "default")).items
            made.update(each.metadata.uid for each in pods)
            return len(pods) == count == len([each for each in pods if is_ready(each)])

        await eventually("sixty pods", lambda: exactly(60))
        await client.patch(ReplicaSet, "web", "default", {"spec": {"replicas": 5}})
        await eventually("five pods", lambda: exactly(5))
        assert len(made) == 60


async def test_a_replica_set_that_cannot_make_pods_says_so(client):
    broken = replica_set("web", {"app": "web"})
    spec = replace(broken.spec.template.spec, service_account_name="missing")
    template = replace(broken.spec.template, spec=spec)
    await client.create(anew(replace(broken, spec=replace(broken.spec, template=template))))

    async def failing():
        found = await client.get(ReplicaSet, "web", "default")
        return next((each for each in found.status.conditions if each.type == "ReplicaFailure"), None)

    condition = await eventually("a condition", failing)
    assert (condition.status, condition.reason) == ("True", "FailedCreate")
    assert 'serviceaccount "missing" not found' in condition.message


async def test_recreate_never_mixes_revisions(client):
    async with pretended_kubelets(client, "a"):
        await client.create(anew(deployment(replicas=2, strategy="Recreate")))
        await eventually("the first rollout", rolled_out(client, replicas=2, revision="1"))
        await set_image(client, "b")

        async def images():
            return {each.spec.containers[0].image for each in (await client.list(Pod, "default")).items}

        async def over():
            assert await images() != {"a", "b"}
            return await rolled_out(client, replicas=2, revision="2")()

        await eventually("the update", over)
        assert await images() == {"b"}
