"""DNS messages: questions in, answers out. The wire format is dnslib's business; what fits is decided here.

Behaviour: RFC 1035, RFC 2308 (negative answers carry the SOA), RFC 6891 (EDNS), RFC 9715 (answers over UDP of at most
1,232 bytes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dnslib import AAAA, CLASS, CNAME, EDNS0, NS, OPCODE, PTR, QTYPE, RCODE, RR, SOA, SRV, TXT, A, DNSHeader, DNSRecord
from dnslib.dns import DNSError
from dnslib.label import DNSLabel

from kubeproxy.dns.records import Record, Type

TTL_SECONDS = 5  # CoreDNS's default for the kubernetes plugin
UDP_BYTES = 512
EDNS_BYTES = 1_232
HEADER_BYTES = 12
SMALLEST_RECORD_BYTES = 12
# A question, and what a client may add: EDNS options, a signature.
MAX_QUERY_RECORDS = 4
RESPONSE_BIT = 0x80
EXTENDED_BAD_VERSION = 1  # BADVERS is 16: 1 in the upper bits, 0 in the header's
SRV_WEIGHT = 100


@dataclass(frozen=True, slots=True)
class Question:
    """A query that can be answered.

    name: lower case, without the final dot; a dot inside a label is written `\\.`. size: what the client takes over
    UDP. plain: the query holds nothing that is this client's alone, so that equal queries have equal answers.
    """

    query: DNSRecord
    name: str
    type: int
    size: int
    plain: bool


class Refusal(Exception):
    """A query that gets an error instead of an answer, or nothing when `reply` is None."""

    def __init__(self, reply: bytes | None) -> None:
        super().__init__("query refused")
        self.reply = reply


def parse(data: bytes) -> Question:
    """Read a query. Raises Refusal."""
    if len(data) < HEADER_BYTES or data[2] & RESPONSE_BIT:
        raise Refusal(None)
    if _records(data) > MAX_QUERY_RECORDS:
        # Taking a message full of records apart takes a tenth of a second.
        raise Refusal(bare_error(data, RCODE.FORMERR))
    try:
        query = DNSRecord.parse(data)
    except (DNSError, ValueError) as error:
        raise Refusal(bare_error(data, RCODE.FORMERR)) from error
    if query.header.opcode != OPCODE.QUERY:
        raise Refusal(bare_error(data, RCODE.NOTIMP))
    if len(query.questions) != 1:
        raise Refusal(bare_error(data, RCODE.FORMERR))
    if query.q.qclass != CLASS.IN:
        raise Refusal(bare_error(data, RCODE.REFUSED))
    option = next((extra for extra in query.ar if extra.rtype == QTYPE.OPT), None)
    size = UDP_BYTES
    if option is not None:
        if (option.ttl >> 16) & 0xFF:
            reply = query.reply(ra=1, aa=0)
            reply.add_ar(EDNS0(udp_len=EDNS_BYTES, ext_rcode=EXTENDED_BAD_VERSION))
            raise Refusal(bytes(reply.pack()))
        size = max(UDP_BYTES, min(option.rclass, EDNS_BYTES))
    name = b".".join(label.replace(b".", b"\\.") for label in query.q.qname.label).lower().decode("latin-1")
    plain = len(query.ar) == (option is not None) and not (option is not None and option.rdata)
    return Question(query, name, query.q.qtype, size, plain)


def _records(data: bytes) -> int:
    """How many questions and records the header announces."""
    return sum(int.from_bytes(data[at : at + 2], "big") for at in range(4, HEADER_BYTES, 2))


def encode(
    question: Question,
    records: Sequence[Record],
    additional: Sequence[Record],
    *,
    limit: int,
    code: int = RCODE.NOERROR,
    authority: Record | None = None,
    foreign: Sequence[RR] = (),
) -> bytes:
    """The answer, in at most `limit` bytes: first without the additional records, then cut short and marked so.

    authority: the SOA of a negative answer. foreign: records that another server gave, added to the answer.
    """
    # One more than can fit: further ones would only be encoded to be cut off again.
    most = limit // SMALLEST_RECORD_BYTES + 1
    answers = [*(_resource(record, question) for record in records[:most]), *foreign[:most]]
    extras = [_resource(record, question) for record in additional]
    soa = [_resource(authority, question)] if authority else []
    data = _pack(question, answers, soa, extras, code, truncated=False)
    if len(data) > limit:
        data = _pack(question, answers, soa, [], code, truncated=False)
    kept = len(answers)
    while len(data) > limit and kept:
        kept = min(kept - 1, kept * limit // len(data))
        data = _pack(question, answers[:kept], soa, [], code, truncated=True)
    return data


def failure(question: Question, code: int) -> bytes:
    """An answer that is only an error code."""
    return _pack(question, [], [], [], code, truncated=False, authoritative=False)


def _pack(
    question: Question,
    answers: Sequence[RR],
    authority: Sequence[RR],
    additional: Sequence[RR],
    code: int,
    *,
    truncated: bool,
    authoritative: bool = True,
) -> bytes:
    asked = question.query.header
    header = DNSHeader(
        id=asked.id, bitmap=0, qr=1, aa=int(authoritative), tc=int(truncated), rd=asked.rd, ra=1, rcode=code
    )
    reply = DNSRecord(header, q=question.query.q)
    reply.add_answer(*answers)
    reply.add_auth(*authority)
    reply.add_ar(*additional)
    if any(extra.rtype == QTYPE.OPT for extra in question.query.ar):
        reply.add_ar(EDNS0(udp_len=EDNS_BYTES))
    return bytes(reply.pack())


def _resource(record: Record, question: Question) -> RR:
    # The question's own spelling: clients that vary the case of letters check that it comes back.
    name = question.query.q.qname if record.name == question.name else DNSLabel(record.name)
    match record.type:
        case Type.A:
            data = A(record.data)
        case Type.AAAA:
            data = AAAA(record.data)
        case Type.NS:
            data = NS(record.data)
        case Type.CNAME:
            data = CNAME(record.data)
        case Type.PTR:
            data = PTR(record.data)
        case Type.TXT:
            data = TXT(record.data)
        case Type.SRV:
            data = SRV(0, SRV_WEIGHT, record.port, record.data)
        case Type.SOA:
            domain = record.name
            data = SOA(f"ns.dns.{domain}", f"hostmaster.{domain}", (record.port, 7200, 1800, 86400, TTL_SECONDS))
    return RR(name, record.type, rdata=data, ttl=TTL_SECONDS)


def bare_error(data: bytes, code: int) -> bytes:
    """A header with an error code, for a query that cannot be read further."""
    flags = RESPONSE_BIT | (data[2] & 0x79)  # the query's opcode and recursion wish
    return data[:2] + bytes([flags, 0x80 | code]) + bytes(8)
