"""What `podling up --ingress` adds to a cluster."""

from __future__ import annotations

import ipaddress

from msgspec.structs import replace

from podling.launcher import processes
from tests.support.plans import plan

PLAIN = plan(node_count=1)
WITH_INGRESS = replace(PLAIN, ingress=True)


def test_a_cluster_has_no_ingress_unless_asked_for() -> None:
    assert processes.ingress(PLAIN) == []
    assert [process.name for process in processes.ingress(WITH_INGRESS)] == ["ingress", "ingress-proxy"]


def test_control_and_proxy_meet_at_the_same_sockets() -> None:
    control, proxy = (set(process.argv) for process in processes.ingress(WITH_INGRESS))
    shared = {
        "--xds-socket=/run/podling/abc123/ingress/xds.sock",
        "--admin-socket=/run/podling/abc123/ingress/admin.sock",
    }
    assert shared <= control & proxy
    assert "--address=10.130.255.254" in control


def test_its_address_is_of_the_load_balancers_and_no_service_gets_it() -> None:
    pool = ipaddress.ip_network(PLAIN.load_balancer_addresses)
    assert ipaddress.ip_address(PLAIN.ingress_address) in pool
    [controllers] = [process for process in processes.control_plane(PLAIN) if process.name == "controllers"]
    assert "--load-balancer-reserved=10.130.255.254" in controllers.argv
