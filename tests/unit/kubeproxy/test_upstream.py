"""Whom other names are asked of, and how long their answers are kept."""

from __future__ import annotations

import argparse

import pytest
from dnslib import QTYPE, RCODE, RR, SOA, A, DNSRecord

from kubeproxy.config import stub_domain
from kubeproxy.dns.answer_cache import MAX_ANSWERS, AnswerCache, keepable_seconds
from kubeproxy.dns.upstream import Upstream

GENERAL, COMPANY, LAB = ("9.9.9.9", 53), ("10.0.0.1", 53), ("10.0.0.2", 5353)


def test_the_longest_stub_domain_is_asked() -> None:
    upstream = Upstream([GENERAL], {"corp": [COMPANY], "lab.corp": [LAB]})
    assert upstream.servers_for("example.org") == (GENERAL,)
    assert upstream.servers_for("corp") == (COMPANY,)
    assert upstream.servers_for("www.corp") == (COMPANY,)
    assert upstream.servers_for("a.lab.corp") == (LAB,)
    assert upstream.servers_for("notcorp") == (GENERAL,)


def test_a_stub_domain_on_the_command_line() -> None:
    assert stub_domain("Lab.Corp.=10.0.0.2:5353,10.0.0.1") == ("lab.corp", (LAB, COMPANY))
    for wrong in ("lab.corp", "=10.0.0.1", "lab.corp=", "lab.corp=example.org"):
        with pytest.raises(argparse.ArgumentTypeError):
            stub_domain(wrong)


def message(*, ttl: int = 60, code: int = RCODE.NOERROR, records: int = 1, soa: tuple[int, int] | None = None) -> bytes:
    answer = DNSRecord.question("www.example.org").reply()
    answer.header.rcode = code
    for number in range(records):
        answer.add_answer(RR("www.example.org", QTYPE.A, rdata=A("192.0.2.1"), ttl=ttl + number))
    if soa is not None:
        times = (1, 7200, 1800, 86400, soa[1])
        answer.add_auth(RR("example.org", QTYPE.SOA, rdata=SOA("ns.example.org", "me.example.org", times), ttl=soa[0]))
    return bytes(answer.pack())


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (message(ttl=5, records=2), 5),
        (message(ttl=3600), 30),
        (message(ttl=0), 0),
        (message(records=0, code=RCODE.NXDOMAIN, soa=(10, 20)), 10),
        (message(records=0, code=RCODE.NXDOMAIN, soa=(20, 10)), 10),
        (message(records=0, soa=(3600, 3600)), 30),
        (message(records=0, code=RCODE.NXDOMAIN), 0),
        (message(code=RCODE.SERVFAIL), 0),
        (b"nonsense", 0),
    ],
)
def test_how_long_an_answer_holds(answer: bytes, seconds: int) -> None:
    assert keepable_seconds(answer) == seconds


def test_an_answer_is_given_until_it_lapses_whoever_asks() -> None:
    cache, query = AnswerCache(), bytes(DNSRecord.question("www.example.org").pack())
    cache.put(query, message(ttl=5)[2:], now=100)
    assert cache.get(b"xx" + query[2:], now=104.9) == message(ttl=5)[2:]
    assert cache.get(query, now=105) is None
    assert cache.get(query, now=104) is None


def test_the_oldest_go_when_there_are_too_many() -> None:
    cache, answer = AnswerCache(), message()[2:]
    queries = [bytes(DNSRecord.question(f"n{number}.example.org").pack()) for number in range(MAX_ANSWERS + 1)]
    for query in queries:
        cache.put(query, answer, now=0)
    assert cache.get(queries[0], now=1) is None
    assert cache.get(queries[-1], now=1) == answer
