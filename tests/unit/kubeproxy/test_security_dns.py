"""Any pod may ask the node's DNS anything: a query must cost little time and keep little memory."""

from __future__ import annotations

import itertools

import pytest
from dnslib import QTYPE, RCODE, RR, A, DNSRecord

from kubeproxy.dns import resolver as dns
from kubeproxy.dns.messages import encode, parse
from kubeproxy.dns.records import Record, Type
from kubeproxy.dns.resolver import Resolver
from tests.support.services import endpoint_slice, service
from tests.unit.kubeproxy.test_zone import World

NAME = "web.default.svc.cluster.local"


def headless(endpoints: int) -> Resolver:
    world = World()
    addresses = [f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}" for number in range(1, endpoints + 1)]
    world.put(service(clusterIP="None"), endpoint_slice(*addresses))
    return Resolver(world.zone, serial=1)


def spellings(name: str) -> itertools.chain[str]:
    """The name in very many mixtures of upper and lower case, each a query of its own."""
    letters = [(letter, letter.upper()) if letter.isalpha() else (letter,) for letter in name[:14]]
    return itertools.chain("".join(choice) + name[14:] for choice in itertools.product(*letters))


def test_answers_kept_have_a_bound_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns, "MAX_CACHED_BYTES", 100_000)
    resolver = headless(100)
    for name in itertools.islice(spellings(NAME), 200):
        query = DNSRecord.question(name)
        for _ in range(20):
            assert resolver.answer_udp(bytes(query.pack())) is not None
    kept = sum(len(message) for turns in resolver._cache.values() for message in turns._messages)
    assert kept <= 100_000


def test_only_records_that_can_fit_are_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Record] = []
    from kubeproxy.dns import messages

    real = messages._resource
    monkeypatch.setattr(messages, "_resource", lambda record, asked: (made.append(record), real(record, asked))[1])
    question = parse(bytes(DNSRecord.question(NAME).pack()))
    records = [Record(NAME, Type.A, "10.0.0.1")] * 5_000
    reply = DNSRecord.parse(encode(question, records, (), limit=512))
    assert reply.header.tc == 1
    assert len(reply.rr) > 20
    assert len(made) < 100


def test_a_query_full_of_records_is_refused_unread() -> None:
    query = DNSRecord.question(NAME)
    for _ in range(4_000):
        query.add_answer(RR(NAME, QTYPE.A, rdata=A("10.0.0.1")))
    answer = headless(1).answer_udp(bytes(query.pack()))
    assert isinstance(answer, bytes)
    assert (len(answer), DNSRecord.parse(answer).header.rcode) == (12, RCODE.FORMERR)


def test_a_number_that_is_no_port_has_no_location() -> None:
    world = World()
    ports = [{"name": "odd", "port": 70_000, "protocol": "TCP"}, {"name": "good", "port": 80, "protocol": "TCP"}]
    world.put(service(clusterIP="None"), endpoint_slice("10.0.0.1", ports=ports))
    answer = Resolver(world.zone, serial=1).answer_udp(bytes(DNSRecord.question(NAME, "SRV").pack()))
    assert isinstance(answer, bytes)
    assert [record.rdata.port for record in DNSRecord.parse(answer).rr] == [80]
