"""The cluster's DNS as a pod asks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from dnslib import EDNS0, QTYPE, RCODE, RR, A, DNSRecord

from api import codec
from api.types import Service
from tests.integration.kubeproxy.conftest import (
    DNS_IP,
    ENDPOINT_IPS,
    OUTSIDE_IP,
    SERVICE_IP,
    KubeProxy,
    Network,
    eventually,
)
from tests.support.fake_apiserver import FakeApiServer
from tests.support.services import endpoint_slice, service

WEB = "web.default.svc.cluster.local"


def ask(network: Network, name: str, type: str = "A", *, transport: str = "udp") -> DNSRecord:
    query = DNSRecord.question(name, type)
    answer = network.client.call(f"query_{transport}", host=DNS_IP, port=53, message=bytes(query.pack()).hex())
    return DNSRecord.parse(bytes.fromhex(answer))


def data(answer: DNSRecord) -> list[str]:
    return sorted(str(record.rdata) for record in answer.rr)


async def test_a_service_is_found_by_name_and_forgotten_when_deleted(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    assert ask(network, WEB).header.rcode == RCODE.NXDOMAIN
    web = service()
    await api.put(web)
    await eventually("the name is there", lambda: data(ask(network, WEB)) == [SERVICE_IP], state=proxy.log)
    assert data(ask(network, WEB, transport="tcp")) == [SERVICE_IP]
    await api.remove(web)
    await eventually("it is gone", lambda: ask(network, WEB).header.rcode == RCODE.NXDOMAIN, state=proxy.log)


async def test_a_headless_service_names_its_endpoints(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    await api.put(service(clusterIP="None"), endpoint_slice(*ENDPOINT_IPS))
    await eventually("all are named", lambda: data(ask(network, WEB)) == sorted(ENDPOINT_IPS), state=proxy.log)
    firsts = {str(ask(network, WEB).rr[0].rdata) for _ in range(6)}
    assert firsts == set(ENDPOINT_IPS), "the order must change from answer to answer"
    await api.put(endpoint_slice(ENDPOINT_IPS[1]))
    await eventually("one is left", lambda: data(ask(network, WEB)) == [ENDPOINT_IPS[1]], state=proxy.log)


async def test_more_endpoints_than_a_datagram_holds_are_told_over_tcp(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    addresses = [f"10.244.{a}.{b}" for a in range(4) for b in range(1, 101)]
    await api.put(service(clusterIP="None"), endpoint_slice(*addresses))
    short = await eventually("there is an answer", lambda: _if_found(ask(network, WEB)), state=proxy.log)
    assert short.header.tc
    assert 20 < len(short.rr) < 40
    assert data(ask(network, WEB, transport="tcp")) == sorted(addresses)


async def test_the_kube_dns_service_itself_stays_answered_here(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    tree: dict[str, Any] = {
        "metadata": {"name": "kube-dns", "namespace": "kube-system"},
        "spec": {"clusterIP": DNS_IP, "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]},
    }
    await api.put(codec.from_tree(Service, tree))
    name = "kube-dns.kube-system.svc.cluster.local"
    await eventually("its name is known", lambda: data(ask(network, name)) == [DNS_IP], state=proxy.log)


async def test_names_outside_are_refused_without_upstream(
    network: Network, api: FakeApiServer, proxy: KubeProxy
) -> None:
    assert ask(network, "example.com").header.rcode == RCODE.REFUSED
    assert ask(network, "example.com", transport="tcp").header.rcode == RCODE.REFUSED


@pytest.fixture
def upstream(network: Network) -> Iterator[None]:
    network.outside.call("serve_dns", port=53, answer=bytes(_foreign_answer().pack()).hex())
    yield


async def test_names_outside_are_asked_upstream(
    network: Network, api: FakeApiServer, proxy: KubeProxy, upstream: None
) -> None:
    await proxy.stop()
    proxy.start("--dns-upstream=192.0.2.1:53", f"--dns-upstream={OUTSIDE_IP}")
    await proxy.wait_ready()
    tree = {
        "metadata": {"name": "alias", "namespace": "default"},
        "spec": {"type": "ExternalName", "externalName": "www.example.com"},
    }
    await api.put(codec.from_tree(Service, tree))
    assert data(ask(network, "www.example.com")) == ["203.0.113.7"]
    assert data(ask(network, "www.example.com", transport="tcp")) == ["203.0.113.7"]
    alias = "alias.default.svc.cluster.local"
    expected = ["203.0.113.7", "www.example.com."]
    await eventually("the alias is resolved", lambda: data(ask(network, alias)) == expected, state=proxy.log)


def _foreign_answer() -> DNSRecord:
    answer = DNSRecord.question("www.example.com").reply()
    answer.add_answer(RR("www.example.com", QTYPE.A, rdata=A("203.0.113.7"), ttl=60))
    return answer


def _if_found(answer: DNSRecord) -> DNSRecord | None:
    return answer if answer.header.rcode == RCODE.NOERROR else None


async def test_edns_lets_larger_answers_through(network: Network, api: FakeApiServer, proxy: KubeProxy) -> None:
    await api.put(service(clusterIP="None"), endpoint_slice(*(f"10.244.0.{n}" for n in range(1, 61))))
    await eventually("there is an answer", lambda: _if_found(ask(network, WEB)), state=proxy.log)
    query = DNSRecord.question(WEB)
    query.add_ar(EDNS0(udp_len=4096))
    answer = network.client.call("query_udp", host=DNS_IP, port=53, message=bytes(query.pack()).hex())
    record = DNSRecord.parse(bytes.fromhex(answer))
    assert not record.header.tc
    assert len(record.rr) == 60
    assert record.ar[0].rtype == QTYPE.OPT
