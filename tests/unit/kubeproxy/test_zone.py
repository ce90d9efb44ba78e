"""The cluster's zone (Kubernetes DNS-based service discovery specification 1.1.0)."""

from __future__ import annotations

from typing import Any

import pytest

from api.types import EndpointSlice, Service
from kubeproxy.dns.records import Answer, Outcome, Type
from kubeproxy.dns.zone import Zone
from tests.support.services import endpoint, endpoint_slice, service

AAAA = 28
BASE = "svc.cluster.local"
HTTP = [{"name": "http", "port": 80}, {"name": "dns", "port": 53, "protocol": "UDP"}, {"port": 1}]
TARGETS = [
    {"name": "http", "port": 8080, "protocol": "TCP"},
    {"name": "dns", "port": 5353, "protocol": "UDP"},
    {"name": "", "port": 9, "protocol": "TCP"},
]


class World:
    """Services and slices, and a zone that is told of them."""

    def __init__(self) -> None:
        self.services: dict[tuple[str, str], Service] = {}
        self.slices: dict[tuple[str, str], list[EndpointSlice]] = {}
        self.zone = Zone(
            "cluster.local",
            "10.96.0.10",
            ["10.96.0.0/16"],
            self.services.get,
            lambda key: self.slices.get(key, []),
        )

    def put(self, owner: Service, *slices: EndpointSlice) -> None:
        key = (owner.metadata.namespace, owner.metadata.name)
        self.services[key] = owner
        self.slices[key] = list(slices)
        self.zone.refresh(key)

    def remove(self, name: str, namespace: str = "default") -> None:
        del self.services[namespace, name]
        self.zone.refresh((namespace, name))

    def ask(self, name: str, type: int = Type.A) -> Answer:
        return self.zone.lookup(name, type)

    def data(self, name: str, type: int = Type.A) -> list[str]:
        answer = self.ask(name, type)
        assert answer.outcome is Outcome.FOUND
        return [record.data for record in answer.records]

    def missing(self, name: str, type: int = Type.A) -> bool:
        return self.ask(name, type).outcome is Outcome.NO_SUCH_NAME


@pytest.fixture
def world() -> World:
    return World()


def headless(**spec: Any) -> Service:
    return service(clusterIP="None", ports=HTTP, **spec)


def test_a_service_has_its_cluster_ip(world: World) -> None:
    world.put(service())
    assert world.data(f"web.default.{BASE}") == ["10.96.0.50"]
    assert world.data(f"web.default.{BASE}", AAAA) == []
    assert world.missing(f"web.other.{BASE}")
    assert world.missing(f"x.web.default.{BASE}")


def test_named_ports_have_srv_records_with_the_address_beside(world: World) -> None:
    world.put(service(ports=HTTP))
    answer = world.ask(f"_dns._udp.web.default.{BASE}", Type.SRV)
    assert [(r.port, r.data) for r in answer.records] == [(53, f"web.default.{BASE}")]
    assert [r.data for r in answer.additional] == ["10.96.0.50"]
    assert world.data(f"_tcp.web.default.{BASE}") == []
    assert world.missing(f"_sctp.web.default.{BASE}")
    assert world.missing(f"_http._udp.web.default.{BASE}", Type.SRV)


def test_a_headless_service_has_its_ready_endpoints(world: World) -> None:
    world.put(headless(), endpoint_slice("10.1.0.1", endpoint("10.1.0.2", conditions={"ready": False})))
    assert world.data(f"web.default.{BASE}") == ["10.1.0.1"]


def test_a_headless_service_may_publish_endpoints_that_are_not_ready(world: World) -> None:
    unready = endpoint("10.1.0.2", conditions={"ready": False})
    world.put(headless(publishNotReadyAddresses=True), endpoint_slice("10.1.0.1", unready))
    assert world.data(f"web.default.{BASE}") == ["10.1.0.1", "10.1.0.2"]


def test_a_headless_service_without_ready_endpoints_has_no_name(world: World) -> None:
    world.put(headless())
    assert world.missing(f"web.default.{BASE}")


def test_endpoints_have_names_of_their_own(world: World) -> None:
    world.put(headless(), endpoint_slice(endpoint("10.1.0.1", hostname="db-0"), endpoint("10.1.0.2")))
    assert world.data(f"db-0.web.default.{BASE}") == ["10.1.0.1"]
    assert world.data(f"10-1-0-2.web.default.{BASE}") == ["10.1.0.2"]
    assert world.missing(f"10-1-0-1.web.default.{BASE}")


def test_srv_records_of_a_headless_service_are_one_an_endpoint(world: World) -> None:
    slices = endpoint_slice(endpoint("10.1.0.1", hostname="db-0"), endpoint("10.1.0.2"), ports=TARGETS)
    world.put(headless(), slices)
    answer = world.ask(f"_http._tcp.web.default.{BASE}", Type.SRV)
    assert sorted((r.port, r.data) for r in answer.records) == [
        (8080, f"10-1-0-2.web.default.{BASE}"),
        (8080, f"db-0.web.default.{BASE}"),
    ]
    assert sorted(r.data for r in answer.additional) == ["10.1.0.1", "10.1.0.2"]
    assert world.missing(f"_http._udp.web.default.{BASE}", Type.SRV)


def test_pods_have_names_from_their_addresses(world: World) -> None:
    assert world.data("10-1-0-7.default.pod.cluster.local") == ["10.1.0.7"]
    assert world.missing("10-1-0.default.pod.cluster.local")
    assert world.missing("web.default.pod.cluster.local")


def test_addresses_lead_back_to_names(world: World) -> None:
    world.put(service())
    world.put(service("db", clusterIP="None"), endpoint_slice(endpoint("10.1.0.1", hostname="db-0"), service="db"))
    assert world.data("50.0.96.10.in-addr.arpa", Type.PTR) == [f"web.default.{BASE}"]
    assert world.data("1.0.1.10.in-addr.arpa", Type.PTR) == [f"db-0.db.default.{BASE}"]
    assert world.data("50.0.96.10.in-addr.arpa", Type.A) == []
    world.remove("web")
    assert world.missing("50.0.96.10.in-addr.arpa", Type.PTR)
    world.remove("db")
    assert world.ask("1.0.1.10.in-addr.arpa", Type.PTR).outcome is Outcome.OUTSIDE


def test_an_external_name_is_an_alias(world: World) -> None:
    world.put(service(type="ExternalName", externalName="WWW.Example.com.", clusterIP=""))
    answer = world.ask(f"web.default.{BASE}")
    assert [(r.type, r.data) for r in answer.records] == [(Type.CNAME, "www.example.com")]
    assert world.missing(f"_http._tcp.web.default.{BASE}", Type.SRV)


def test_names_between_exist_without_records(world: World) -> None:
    world.put(service())
    for name in ("svc.cluster.local", "pod.cluster.local", f"default.{BASE}", "dns.cluster.local"):
        assert world.data(name) == []
    assert world.missing(f"empty.{BASE}")
    world.remove("web")
    assert world.missing(f"default.{BASE}")


def test_the_zone_describes_itself(world: World) -> None:
    assert world.data("dns-version.cluster.local", Type.TXT) == ["1.1.0"]
    assert world.data("cluster.local", Type.NS) == ["ns.dns.cluster.local"]
    assert world.data("ns.dns.cluster.local") == ["10.96.0.10"]
    assert world.missing("other.cluster.local")


def test_other_zones_are_outside(world: World) -> None:
    for name in ("example.com", "notcluster.local", "local", "", "8.8.8.8.in-addr.arpa", "10.in-addr.arpa"):
        assert world.ask(name).outcome is Outcome.OUTSIDE


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        (f"web.default.{BASE}", ("default", "web")),
        (f"_http._tcp.web.default.{BASE}", ("default", "web")),
        (f"default.{BASE}", None),
        ("50.0.96.10.in-addr.arpa", None),
    ],
)
def test_each_name_below_a_service_is_altered_by_that_service_alone(
    world: World, name: str, owner: tuple[str, str] | None
) -> None:
    assert world.zone.owner(name) == owner
