"""Queries and answers as messages."""

from __future__ import annotations

from collections import Counter

import pytest
from dnslib import CLASS, EDNS0, OPCODE, QTYPE, RCODE, DNSHeader, DNSQuestion, DNSRecord, EDNSOption
from hypothesis import given
from hypothesis import strategies as st

from kubeproxy.dns.resolver import Elsewhere, Resolver
from tests.support.services import endpoint_slice, service
from tests.unit.kubeproxy.test_zone import World

WEB = "web.default.svc.cluster.local"


class Server(World):
    """A world with a resolver."""

    def __init__(self) -> None:
        super().__init__()
        self.resolver = Resolver(self.zone, serial=7)

    def changed(self, name: str = "web") -> None:
        self.resolver.changed(("default", name))

    def reply(self, query: DNSRecord, *, tcp: bool = False) -> DNSRecord:
        data = bytes(query.pack())
        answer = self.resolver.answer_tcp(data) if tcp else self.resolver.answer_udp(data)
        assert isinstance(answer, bytes)
        return DNSRecord.parse(answer)


@pytest.fixture
def server() -> Server:
    return Server()


def question(name: str = WEB, type: str = "A", *, size: int = 0) -> DNSRecord:
    query = DNSRecord.question(name, type)
    if size:
        query.add_ar(EDNS0(udp_len=size))
    return query


def data(reply: DNSRecord) -> list[str]:
    return [str(record.rdata) for record in reply.rr]


def test_an_answer_has_the_queries_id_wish_and_spelling(server: Server) -> None:
    server.put(service())
    query = question("wEb.Default.svc.cluster.LOCAL")
    for identity in (1, 65_535):  # the second comes from the cache
        query.header.id = identity
        reply = server.reply(query)
        assert reply.header.id == identity
        assert (reply.header.qr, reply.header.aa, reply.header.rd, reply.header.ra) == (1, 1, 1, 1)
        assert str(reply.q.qname) == str(reply.rr[0].rname) == "wEb.Default.svc.cluster.LOCAL."
        assert data(reply) == ["10.96.0.50"]


def test_negative_answers_carry_the_start_of_authority(server: Server) -> None:
    server.put(service())
    absent, empty = server.reply(question("no.default.svc.cluster.local")), server.reply(question(type="AAAA"))
    assert (absent.header.rcode, empty.header.rcode) == (RCODE.NXDOMAIN, RCODE.NOERROR)
    for reply in (absent, empty):
        assert reply.rr == []
        assert [QTYPE[record.rtype] for record in reply.auth] == ["SOA"]
        assert reply.auth[0].rdata.times[0] == 7


def test_a_change_is_seen_at_once_and_counts_in_the_serial(server: Server) -> None:
    assert server.reply(question()).header.rcode == RCODE.NXDOMAIN
    server.put(service())
    server.changed()
    assert data(server.reply(question())) == ["10.96.0.50"]
    server.put(service(clusterIP="10.96.0.51"))
    server.changed()
    assert data(server.reply(question())) == ["10.96.0.51"]
    server.remove("web")
    server.changed()
    reply = server.reply(question())
    assert reply.header.rcode == RCODE.NXDOMAIN
    assert reply.auth[0].rdata.times[0] == 10


def test_reverse_names_follow_changes(server: Server) -> None:
    reverse = question("50.0.96.10.in-addr.arpa", "PTR")
    assert server.reply(reverse).header.rcode == RCODE.NXDOMAIN
    server.put(service())
    server.changed()
    assert data(server.reply(reverse)) == [f"{WEB}."]


def test_an_alias_in_the_zone_is_followed_and_stays_true(server: Server) -> None:
    server.put(service())
    server.put(service("alias", type="ExternalName", externalName=WEB, clusterIP=""))
    alias = question("alias.default.svc.cluster.local")
    assert data(server.reply(alias)) == [f"{WEB}.", "10.96.0.50"]
    server.put(service(clusterIP="10.96.0.51"))
    server.changed("web")
    assert data(server.reply(alias)) == [f"{WEB}.", "10.96.0.51"]


def test_aliases_that_go_in_circles_end(server: Server) -> None:
    names = ("a", "b")
    for name, other in zip(names, reversed(names), strict=True):
        target = f"{other}.default.svc.cluster.local"
        server.put(service(name, type="ExternalName", externalName=target, clusterIP=""))
    reply = server.reply(question("a.default.svc.cluster.local"))
    assert reply.header.rcode == RCODE.NOERROR
    assert all(record.rtype == QTYPE.CNAME for record in reply.rr)


def test_an_alias_outside_is_handed_back_with_what_is_known(server: Server) -> None:
    server.put(service("alias", type="ExternalName", externalName="example.com", clusterIP=""))
    answer = server.resolver.answer_udp(bytes(question("alias.default.svc.cluster.local").pack()))
    assert isinstance(answer, Elsewhere)
    assert answer.name == "example.com"
    assert [record.data for record in answer.aliases] == ["example.com"]


def test_several_addresses_take_turns_in_front(server: Server) -> None:
    addresses = [f"10.1.0.{n}" for n in range(1, 4)]
    server.put(service(clusterIP="None"), endpoint_slice(*addresses))
    replies = [data(server.reply(question())) for _ in range(30)]
    assert all(sorted(reply) == addresses for reply in replies)
    assert Counter(reply[0] for reply in replies) == dict.fromkeys(addresses, 10)


@pytest.mark.parametrize(("size", "limit"), [(0, 512), (300, 512), (1_000, 1_000), (4_096, 1_232)])
def test_datagrams_are_no_larger_than_the_client_and_the_network_take(server: Server, size: int, limit: int) -> None:
    server.put(service(clusterIP="None"), endpoint_slice(*(f"10.1.1.{n}" for n in range(1, 200))))
    raw = server.resolver.answer_udp(bytes(question(size=size).pack()))
    assert isinstance(raw, bytes)
    assert limit - 40 < len(raw) <= limit
    reply = DNSRecord.parse(raw)
    assert reply.header.tc
    assert bool(reply.ar) == bool(size)
    whole = server.reply(question(size=size), tcp=True)
    assert not whole.header.tc
    assert len(whole.rr) == 199


def test_additional_records_are_dropped_before_answers_are(server: Server) -> None:
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    endpoints = endpoint_slice(*(f"10.1.1.{n}" for n in range(10, 16)), ports=ports)
    server.put(service(clusterIP="None", ports=[{"name": "http", "port": 80}]), endpoints)
    reply = server.reply(question(f"_http._tcp.{WEB}", "SRV"))
    assert (len(reply.rr), reply.ar, reply.header.tc) == (6, [], 0)
    assert len(server.reply(question(f"_http._tcp.{WEB}", "SRV"), tcp=True).ar) == 6


def test_queries_with_a_clients_own_data_are_not_remembered(server: Server) -> None:
    server.put(service())
    query = question()
    query.add_ar(EDNS0(udp_len=1_232, opts=[EDNSOption(10, b"12345678")]))
    for _ in range(2):
        assert data(server.reply(query)) == ["10.96.0.50"]
    assert server.resolver._cache == {}


def test_the_cache_is_bounded(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubeproxy.dns.resolver.MAX_CACHED", 10)
    for number in range(50):
        server.reply(question(f"n{number}.default.svc.cluster.local"))
        assert len(server.resolver._cache) <= 10


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (DNSRecord(DNSHeader(opcode=OPCODE.UPDATE), q=DNSQuestion(WEB)), RCODE.NOTIMP),
        (DNSRecord(q=DNSQuestion(WEB, qclass=CLASS.CH)), RCODE.REFUSED),
        (DNSRecord(DNSHeader(id=5)), RCODE.FORMERR),
    ],
)
def test_queries_that_make_no_sense_here_get_an_error(server: Server, query: DNSRecord, code: int) -> None:
    reply = server.reply(query)
    assert reply.header.rcode == code
    assert reply.header.id == query.header.id


def test_an_unknown_edns_version_is_refused(server: Server) -> None:
    query = question()
    query.add_ar(EDNS0(version=1))
    reply = server.reply(query)
    assert reply.ar[0].ttl >> 24 == 1  # BADVERS
    assert reply.rr == []


def test_answers_get_no_answer(server: Server) -> None:
    assert server.resolver.answer_udp(bytes(question().reply().pack())) is None
    assert server.resolver.answer_udp(b"short") is None


@given(st.binary(max_size=80), st.lists(st.tuples(st.integers(0, 46), st.integers(0, 255)), max_size=4))
def test_no_datagram_raises(noise: bytes, flips: list[tuple[int, int]]) -> None:
    server = Server()
    server.put(service())
    mangled = bytearray(question().pack())
    for position, value in flips:
        mangled[position] = value
    for datagram in (noise, bytes(mangled), bytes(mangled) + noise):
        answer = server.resolver.answer_udp(datagram)
        assert answer is None or isinstance(answer, bytes | Elsewhere)
