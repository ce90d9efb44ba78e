"""A further ServiceCIDR, from the API server that hands out its addresses to the controller that keeps it."""

import pytest

from api import codec
from api.errors import Invalid
from api.types import Service, ServiceCIDR
from tests.support.control_plane import eventually

pytestmark = pytest.mark.usefixtures("controllers")

CIDR = {"metadata": {"name": "more"}, "spec": {"cidrs": ["203.0.113.0/24"]}}


def service(number):
    spec = {"clusterIP": f"203.0.113.{number}", "ports": [{"port": 80}]}
    return codec.from_tree(Service, {"metadata": {"name": f"s{number}", "namespace": "default"}, "spec": spec})


async def test_a_service_cidr_serves_and_outlives_its_deletion_while_it_is_needed(client):
    await client.create(codec.from_tree(ServiceCIDR, CIDR))

    async def says(status, reason):
        conditions = (await client.get(ServiceCIDR, "more")).status.conditions
        return [(each.type, each.status, each.reason) for each in conditions] == [("Ready", status, reason)]

    await eventually("the network is ready", lambda: says("True", ""))

    async def created():
        try:
            return await client.create(service(10))
        except Invalid:
            return None

    made = await eventually("the network's addresses are to be had", created)
    assert made.spec.cluster_ips == ["203.0.113.10"]
    await client.delete(ServiceCIDR, "more")
    await eventually("the network is still needed", lambda: says("False", "Terminating"))
    with pytest.raises(Invalid, match="not in the valid range"):
        await client.create(service(11))
