"""Endpoints as the controllers' process writes them."""

import pytest

from api import codec
from api.types import Endpoints, EndpointSlice, Pod, Service
from tests.support.control_plane import anew, eventually, pretended_kubelets
from tests.support.objects import pod, service

pytestmark = pytest.mark.usefixtures("controllers", "scheduler")


async def ready_addresses(client):
    found = (await client.list(EndpointSlice, "default", label_selector="kubernetes.io/service-name=web")).items
    return sorted(each.addresses[0] for one in found for each in one.endpoints if each.conditions.ready)


async def test_endpoints_follow_readiness(client):
    async with pretended_kubelets(client, "a") as kubelets:
        await client.create(anew(service("web", {"app": "web"})))
        for number in range(3):
            await client.create(anew(pod(f"p{number}", labels={"app": "web"})))

        async def count(wanted):
            return len(await ready_addresses(client)) == wanted

        await eventually("three endpoints", lambda: count(3))
        one = await client.get(Pod, "p0", "default")
        for ready, wanted in [(False, 2), (True, 3)] * 5:
            await kubelets.set_ready(one, ready)
            await eventually("the change shows", lambda wanted=wanted: count(wanted))

        async def mirrored():
            found = await client.get(Endpoints, "web", "default")
            addresses = sorted(address.ip for subset in found.subsets for address in subset.addresses)
            return len(addresses) == 3 and addresses == await ready_addresses(client)

        await eventually("the Endpoints object says the same", mirrored)

        await client.delete(Service, "web", "default")

        async def gone():
            slices = (await client.list(EndpointSlice, "default")).items
            left = [each for each in slices if each.metadata.labels.get("kubernetes.io/service-name") == "web"]
            endpoints = [
                each for each in (await client.list(Endpoints, "default")).items if each.metadata.name == "web"
            ]
            return not left and not endpoints

        await eventually("slices and Endpoints go with the service", gone)


async def test_endpoints_written_by_hand_stay_and_are_mirrored(client):
    await client.create(anew(service("db", None)))
    tree = {
        "metadata": {"name": "db", "namespace": "default"},
        "subsets": [{"addresses": [{"ip": "192.0.2.7"}], "ports": [{"port": 5432, "protocol": "TCP"}]}],
    }
    await client.create(codec.from_tree(Endpoints, tree))

    async def mirrored():
        found = (await client.list(EndpointSlice, "default", label_selector="kubernetes.io/service-name=db")).items
        return [each.addresses for one in found for each in one.endpoints]

    assert await eventually("a mirrored slice", mirrored) == [["192.0.2.7"]]
    assert (await client.get(Endpoints, "db", "default")).subsets[0].addresses[0].ip == "192.0.2.7"
