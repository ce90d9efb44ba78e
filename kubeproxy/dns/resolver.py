"""Answers queries from the zone, and keeps the encoded answers until a change could alter them.

Synchronous. A query seen before costs a dictionary look-up. What is not in the zone is handed back to
`kubeproxy.dns.server`, which asks other servers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dnslib import RCODE

from kubeproxy.dns.messages import Question, Refusal, encode, parse
from kubeproxy.dns.records import Answer, Outcome, Record, Type
from kubeproxy.dns.zone import ServiceKey, Zone

MAX_CACHED = 10_000
MAX_CACHED_BYTES = 4 * 2**20
# What a record takes in memory, about.
RECORD_BYTES = 250
MAX_ROTATIONS = 16
MAX_ALIASES = 8
TCP_BYTES = 65_535


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A question that other servers must answer.

    aliases: CNAME records already found; when there are any, `name` is what the last one points to.
    """

    question: Question
    aliases: tuple[Record, ...]
    name: str


class Resolver:
    """The zone's answers as messages.

    serial: the SOA's serial number when the process started; each change adds one.
    """

    def __init__(self, zone: Zone, serial: int) -> None:
        self._zone = zone
        self._serial = serial
        # By everything in the query but its id; the answers likewise, in the orders to give in turn.
        self._cache: dict[bytes, _Turns] = {}
        # At most; what was forgotten since is not subtracted.
        self._cached_bytes = 0
        self._cached_for: dict[ServiceKey | None, list[bytes]] = {}

    def changed(self, key: ServiceKey) -> None:
        """Forget what a service's change may have altered."""
        self._serial += 1
        self._zone.refresh(key)
        for owner in (key, None):
            for query in self._cached_for.pop(owner, ()):
                self._cache.pop(query, None)

    def answer_udp(self, data: bytes) -> bytes | Elsewhere | None:
        """The answer to a datagram; None when it deserves none."""
        known = self._cache.get(data[2:])
        if known is not None:
            return data[:2] + next(known)
        return self._answer(data, over_udp=True)

    def answer_tcp(self, data: bytes) -> bytes | Elsewhere | None:
        """The answer to a message that came over TCP; None when it deserves none."""
        return self._answer(data, over_udp=False)

    def _answer(self, data: bytes, *, over_udp: bool) -> bytes | Elsewhere | None:
        try:
            question = parse(data)
        except Refusal as refusal:
            return refusal.reply
        answer, aliases = self._follow(question)
        if answer.outcome is Outcome.OUTSIDE:
            return Elsewhere(question, aliases, aliases[-1].data if aliases else question.name)
        limit = question.size if over_udp else TCP_BYTES

        def encoded(records: tuple[Record, ...]) -> bytes:
            return self._encode(question, answer, (*aliases, *records), limit)[2:]

        turns = _Turns(_rotations(answer.records, MAX_ROTATIONS if over_udp else 1), encoded)
        first = next(turns)
        if over_udp and question.plain:
            # An alias's answer depends on two services.
            owner = None if aliases else self._zone.owner(question.name)
            held = len(turns) * (len(first) + 8 * len(answer.records)) + RECORD_BYTES * len(answer.records)
            self._remember(owner, data[2:], turns, len(data) + held)
        return data[:2] + first

    def _follow(self, question: Question) -> tuple[Answer, tuple[Record, ...]]:
        """The answer at the end of the aliases, and the aliases; as far as the zone reaches."""
        aliases: list[Record] = []
        answer = self._zone.lookup(question.name, question.type)
        while answer.records and answer.records[0].type is Type.CNAME and question.type != Type.CNAME:
            aliases.append(answer.records[0])
            if len(aliases) > MAX_ALIASES:
                return Answer(Outcome.FOUND), tuple(aliases)
            answer = self._zone.lookup(aliases[-1].data, question.type)
        return answer, tuple(aliases)

    def _encode(self, question: Question, answer: Answer, records: Sequence[Record], limit: int) -> bytes:
        soa = Record(self._zone.domain, Type.SOA, "", self._serial & 0xFFFF_FFFF)
        if question.type == Type.SOA:
            records = [soa if record.type is Type.SOA else record for record in records]
        missing = answer.outcome is Outcome.NO_SUCH_NAME
        return encode(
            question,
            records,
            answer.additional,
            limit=limit,
            code=RCODE.NXDOMAIN if missing else RCODE.NOERROR,
            authority=None if answer.records else soa,
        )

    def _remember(self, owner: ServiceKey | None, query: bytes, answers: _Turns, size: int) -> None:
        if len(self._cache) >= MAX_CACHED or self._cached_bytes + size > MAX_CACHED_BYTES:
            self._cache.clear()
            self._cached_for.clear()
            self._cached_bytes = 0
        self._cache[query] = answers
        self._cached_bytes += size
        self._cached_for.setdefault(owner, []).append(query)


class _Turns:
    """The answers to give one after the other, over and over; each is encoded when its turn first comes."""

    def __init__(self, orders: Sequence[tuple[Record, ...]], encode: Callable[[tuple[Record, ...]], bytes]) -> None:
        self._orders = orders
        self._encode = encode
        self._messages: list[bytes] = []
        self._turn = -1

    def __len__(self) -> int:
        return len(self._orders)

    def __next__(self) -> bytes:
        self._turn = (self._turn + 1) % len(self._orders)
        if self._turn == len(self._messages):
            self._messages.append(self._encode(self._orders[self._turn]))
        return self._messages[self._turn]


def _rotations(records: tuple[Record, ...], most: int) -> list[tuple[Record, ...]]:
    """The records in up to `most` orders, each beginning elsewhere: clients tend to take the first."""
    count = max(1, min(len(records), most))
    starts = [turn * len(records) // count for turn in range(count)]
    return [records[start:] + records[:start] for start in starts]
