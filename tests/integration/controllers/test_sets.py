"""Stateful and daemon sets by the controllers' process, with real scheduling and pretended kubelets."""

import asyncio
from contextlib import aclosing

import pytest
from msgspec.structs import replace

from api import codec
from api.types import ControllerRevision, DaemonSet, Event, Pod, StatefulSet
from cluster.client import EventType, PatchKind
from controllers.pods import is_ready
from controllers.revisions.snapshot import HASH_LABEL, new_revision, template_patch
from tests.support.control_plane import anew, eventually, pretended_kubelets
from tests.support.objects import metadata, template
from tests.support.stateful_world import stateful_set

pytestmark = pytest.mark.usefixtures("controllers", "scheduler")
NODES = ("a", "b", "c")


def daemon_set(**spec):
    labels = {"app": "agent"}
    spec = {"selector": {"matchLabels": labels}, "template": template(labels), **spec}
    return codec.from_tree(DaemonSet, {"metadata": metadata("agent"), "spec": spec})


async def pods_of(client, app):
    return (await client.list(Pod, "default", label_selector=f"app={app}")).items


def names_and_uids(pods):
    return {pod.metadata.name: pod.metadata.uid for pod in pods}


def stateful_set_at(client, image, *, replicas=3):
    """Probe: every pod of the stateful set is there, ready and made from the image's revision."""

    async def probe():
        found = await client.get(StatefulSet, "web", "default")
        status, spec = found.status, found.spec.template.spec
        done = (
            spec.containers[0].image == image
            and status.observed_generation >= found.metadata.generation
            and status.updated_replicas == status.available_replicas == status.replicas == replicas
            and status.current_revision == status.update_revision
        )
        return found if done else None

    return probe


def daemon_set_at(client, image, *, nodes=3):
    async def probe():
        found = await client.get(DaemonSet, "agent", "default")
        status, spec = found.status, found.spec.template.spec
        done = (
            spec.containers[0].image == image
            and status.observed_generation >= found.metadata.generation
            and status.updated_number_scheduled == status.number_available == status.desired_number_scheduled == nodes
        )
        return found if done else None

    return probe


async def set_image(client, kind, name, image):
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}
    await client.patch(kind, name, "default", patch, kind=PatchKind.STRATEGIC)


async def revisions_of(client, name):
    found = (await client.list(ControllerRevision, "default")).items
    return sorted(
        each.revision for each in found if any(owner.name == name for owner in each.metadata.owner_references)
    )


class Witness:
    """Watches pods from now on: the fewest that were ready at once, by app, and names borne by two pods at once."""

    def __init__(self, client):
        self._client = client
        self.fewest: dict[str, int] = {}
        self.doubles: list[str] = []

    async def watch(self, started):
        page = await self._client.list(Pod, "default")
        pods = {pod.metadata.uid: pod for pod in page.items}
        self._count(pods)
        started.set()
        watch = self._client.watch(Pod, "default", resource_version=str(page.revision))
        async with aclosing(watch) as batches:
            async for batch in batches:
                for event in batch.events:
                    pods.pop(event.object.metadata.uid, None)
                    if event.type is not EventType.DELETED:
                        pods[event.object.metadata.uid] = event.object
                    self._count(pods)

    def _count(self, pods):
        names = [pod.metadata.name for pod in pods.values()]
        self.doubles += [name for name in names if names.count(name) > 1]
        for app in ("web", "agent"):
            ready = sum(is_ready(pod) for pod in pods.values() if pod.metadata.labels.get("app") == app)
            self.fewest[app] = min(ready, self.fewest.get(app, ready))


async def test_updates_go_on_where_killed_controllers_left_them(client, controllers):
    async with pretended_kubelets(client, *NODES):
        await client.create(anew(stateful_set()))
        await client.create(anew(daemon_set()))
        await eventually("the stateful set", stateful_set_at(client, "a"))
        await eventually("the daemon set", daemon_set_at(client, "a"))
        witness, started = Witness(client), asyncio.Event()
        watching = asyncio.create_task(witness.watch(started))
        await started.wait()

        async def everyone():
            return names_and_uids([*await pods_of(client, "web"), *await pods_of(client, "agent")])

        async def updated():
            return await stateful_set_at(client, "b")() and await daemon_set_at(client, "b")()

        before = await everyone()
        for kind, name in ((StatefulSet, "web"), (DaemonSet, "agent")):
            await set_image(client, kind, name, "b")
        for _ in range(2):

            async def moved(before=before):
                return await everyone() != before or await updated()

            await eventually("the update moves", moved)
            controllers.kill()
            before = await everyone()
            controllers.start()
        await eventually("the stateful set's update", stateful_set_at(client, "b"))
        await eventually("the daemon set's update", daemon_set_at(client, "b"))

        kept = (await client.list(ControllerRevision, "default")).items
        for kind, name in ((StatefulSet, "web"), (DaemonSet, "agent")):
            first = next(each for each in kept if each.revision == 1 and each.metadata.name.startswith(name))
            await client.patch(kind, name, "default", first.data, kind=PatchKind.STRATEGIC)  # as kubectl rolls back
        await eventually("the stateful set's rollback", stateful_set_at(client, "a"))
        await eventually("the daemon set's rollback", daemon_set_at(client, "a"))
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

        assert await revisions_of(client, "web") == [2, 3]
        assert await revisions_of(client, "agent") == [2, 3]
    assert witness.doubles == []
    assert witness.fewest == {"web": 2, "agent": 2}


async def test_what_an_owner_left_behind_is_adopted_as_it_is(client):
    async with pretended_kubelets(client, *NODES):
        await client.create(anew(stateful_set()))
        await eventually("the stateful set", stateful_set_at(client, "a"))
        before = names_and_uids(await pods_of(client, "web"))
        await client.delete(StatefulSet, "web", "default", propagation="Orphan")

        async def set_free():
            pods, sets = await pods_of(client, "web"), (await client.list(StatefulSet, "default")).items
            return not sets and all(not pod.metadata.owner_references for pod in pods)

        await eventually("the set is gone, and the pods are nobody's", set_free)
        made = await client.create(anew(stateful_set()))
        await eventually("the new set has them", stateful_set_at(client, "a"))
        pods = await pods_of(client, "web")
        assert names_and_uids(pods) == before
        assert {pod.metadata.owner_references[0].uid for pod in pods} == {made.metadata.uid}
        assert await revisions_of(client, "web") == [1]

        labels = {"metadata": {"labels": {"app": "other"}}}
        await client.patch(Pod, "web-2", "default", labels)

        async def released():
            pod = await client.get(Pod, "web-2", "default")
            return not pod.metadata.owner_references

        await eventually("a pod that is not selected is let go", released)


async def test_a_name_taken_by_another_revision_counts_as_a_collision(client):
    wanted = anew(stateful_set(replicas=1))
    taken = new_revision(wanted, template_patch(wanted.spec.template), 1, 0, HASH_LABEL)
    stranger = replace(taken, metadata=replace(taken.metadata, owner_references=[], labels={}), data={"spec": {}})
    await client.create(stranger)
    async with pretended_kubelets(client, "a"):
        await client.create(wanted)
        found = await eventually("the stateful set", stateful_set_at(client, "a", replicas=1))
    assert found.status.collision_count == 1
    assert found.status.update_revision != stranger.metadata.name


async def test_failed_pods_are_made_anew(client):
    async with pretended_kubelets(client, *NODES):
        await client.create(anew(stateful_set(replicas=2)))
        await client.create(anew(daemon_set()))
        await eventually("the stateful set", stateful_set_at(client, "a", replicas=2))
        await eventually("the daemon set", daemon_set_at(client, "a"))
        failed = [await client.get(Pod, "web-0", "default"), (await pods_of(client, "agent"))[0]]
        for pod in failed:
            status = {"status": {"phase": "Failed", "reason": "Evicted"}}
            await client.patch(Pod, pod.metadata.name, "default", status, subresource="status")

        async def replaced():
            pods = [*await pods_of(client, "web"), *await pods_of(client, "agent")]
            gone = {pod.metadata.uid for pod in failed} & {pod.metadata.uid for pod in pods}
            return len(pods) == 5 and not gone and all(map(is_ready, pods))

        await eventually("others in their place", replaced)

        async def told():
            reasons = {event.reason for event in (await client.list(Event, "default")).items}
            return {"FailedDaemonPod", "SuccessfulDelete"} <= reasons

        await eventually("the events tell", told)
