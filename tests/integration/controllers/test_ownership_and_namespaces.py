"""Garbage collection, namespaces and what every namespace is given."""

import pytest

from api.errors import NotFound
from api.types import ConfigMap, Deployment, Namespace, ObjectMeta, OwnerReference, Pod, ReplicaSet, ServiceAccount
from tests.support.control_plane import anew, eventually, pretended_kubelets
from tests.support.objects import deployment, namespace, pod

pytestmark = pytest.mark.usefixtures("controllers", "scheduler")


async def config_map(client, name, *owners, finalizers=()):
    references = [
        OwnerReference(
            api_version="v1",
            kind="ConfigMap",
            name=each.metadata.name,
            uid=each.metadata.uid,
            block_owner_deletion=True,
        )
        for each in owners
    ]
    metadata = ObjectMeta(name=name, namespace="default", owner_references=references, finalizers=list(finalizers))
    return await client.create(ConfigMap(metadata=metadata))


async def names(client, record=ConfigMap, namespace="default"):
    found = await client.list(record, namespace)
    return {each.metadata.name for each in found.items} - {"kube-root-ca.crt"}


def left(client, *wanted, record=ConfigMap):
    async def probe():
        found = await names(client, record)
        return found == set(wanted) or None

    return probe


async def test_dependents_go_with_their_last_owner(client):
    one, two = await config_map(client, "one"), await config_map(client, "two")
    await config_map(client, "both", one, two)
    middle = await config_map(client, "middle", one)
    await config_map(client, "leaf", middle)
    await client.delete(ConfigMap, "one", "default", propagation="Background")
    await eventually("only what two owns is left", left(client, "two", "both"))

    async def dropped():
        return len((await client.get(ConfigMap, "both", "default")).metadata.owner_references) == 1

    await eventually("the reference to the dead owner is dropped", dropped)


async def test_an_object_of_an_owner_that_never_was_is_collected(client):
    ghost = ConfigMap(metadata=ObjectMeta(name="ghost", uid="8d7e2b1c-0000-4000-8000-000000000000"))
    await config_map(client, "lost", ghost)
    await eventually("nothing is left", left(client))


async def test_foreground_deletion_waits_for_dependents(client):
    owner = await config_map(client, "owner")
    await config_map(client, "held", owner, finalizers=["example.com/hold"])
    await client.delete(ConfigMap, "owner", "default", propagation="Foreground")

    async def dependent_going():
        return (await client.get(ConfigMap, "held", "default")).metadata.deletion_timestamp

    await eventually("the dependent is being deleted", dependent_going)
    assert "owner" in await names(client)
    await client.patch(ConfigMap, "held", "default", {"metadata": {"finalizers": None}})
    await eventually("both are gone", left(client))


async def test_orphans_stay(client):
    owner = await config_map(client, "owner")
    await config_map(client, "child", owner)
    await client.delete(ConfigMap, "owner", "default", propagation="Orphan")
    await eventually("only the child is left", left(client, "child"))
    assert (await client.get(ConfigMap, "child", "default")).metadata.owner_references == []


async def test_deleting_a_deployment_takes_all_its_pods(client):
    async with pretended_kubelets(client, "a"):
        await client.create(anew(deployment(replicas=3)))

        async def running():
            return len(await names(client, Pod)) == 3

        await eventually("three pods", running)
        await client.delete(Deployment, "web", "default", propagation="Foreground")
        for record in (Deployment, ReplicaSet, Pod):
            await eventually(f"no {record.__name__} is left", left(client, record=record))


async def test_every_namespace_has_an_account_and_the_authority(client, apiserver):
    await client.create(namespace("team"))

    async def given():
        try:
            await client.get(ServiceAccount, "default", "team")
            return await client.get(ConfigMap, "kube-root-ca.crt", "team")
        except NotFound:
            return None

    published = await eventually("account and authority", given)
    assert published.data["ca.crt"] == apiserver.authority.ca_file.read_text()
    await client.delete(ServiceAccount, "default", "team")
    await client.patch(ConfigMap, "kube-root-ca.crt", "team", {"data": {"ca.crt": "forged"}})

    async def restored():
        found = await given()
        return found is not None and found.data == published.data

    await eventually("both are put right", restored)


async def test_a_namespace_is_emptied_then_goes(client):
    await client.create(namespace("team"))
    async with pretended_kubelets(client, "a"):

        async def account():
            return "default" in await names(client, ServiceAccount, "team")

        await eventually("the account", account)
        await client.create(anew(pod("p", namespace="team")))
        held = ObjectMeta(name="held", namespace="team", finalizers=["example.com/hold"])
        await client.create(ConfigMap(metadata=held))
        await client.delete(Namespace, "team")

        async def reported():
            found = await client.get(Namespace, "team")
            told = {each.type: each.message for each in found.status.conditions if each.status == "True"}
            held = told.get("NamespaceFinalizersRemaining", "")
            return "configmaps" in told.get("NamespaceContentRemaining", "") and held == (
                "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
            )

        async def no_pods():
            return await names(client, Pod, "team") == set()

        await eventually("what remains is told", reported)
        await eventually("the pod is gone", no_pods)
        await client.patch(ConfigMap, "held", "team", {"metadata": {"finalizers": None}})

        async def gone():
            return "team" not in await names(client, Namespace, "")

        await eventually("the namespace is gone", gone)
