"""Other servers' answers, kept for as long as they say, at most half a minute; also that a name does not exist.

Behaviour: RFC 2308 for negative answers (the SOA's minimum and TTL bound them), CoreDNS's cache for how long. Answers
are kept by the query's bytes, so that two clients' options never mix. Failures are not kept.
"""

from __future__ import annotations

from collections import OrderedDict

from dnslib import QTYPE, RCODE, DNSError, DNSRecord

MAX_ANSWERS = 2_000
MAX_SECONDS = 30
MAX_BYTES = 4_096


class AnswerCache:
    """Bounded; the oldest answers go first."""

    def __init__(self) -> None:
        self._answers: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def get(self, query: bytes, now: float) -> bytes | None:
        """The answer to a query, without its id; None when it is not known, or not any more."""
        known = self._answers.get(query[2:])
        if known is None:
            return None
        if known[0] <= now:
            del self._answers[query[2:]]
            return None
        return known[1]

    def put(self, query: bytes, answer: bytes, now: float) -> None:
        """Keep an answer, given without its id, for as long as it may be kept."""
        seconds = keepable_seconds(query[:2] + answer)
        if seconds <= 0 or len(answer) > MAX_BYTES:
            return
        self._answers[query[2:]] = now + seconds, answer
        self._answers.move_to_end(query[2:])
        if len(self._answers) > MAX_ANSWERS:
            self._answers.popitem(last=False)


def keepable_seconds(message: bytes) -> int:
    """How long an answer holds; 0 for what must not be kept: failures, what was cut off, what cannot be read."""
    try:
        answer = DNSRecord.parse(message)
    except DNSError:
        return 0
    if answer.header.tc or answer.header.rcode not in (RCODE.NOERROR, RCODE.NXDOMAIN):
        return 0
    bounds: list[int] = [record.ttl for record in answer.rr]
    if not bounds:
        for soa in (record for record in answer.auth if record.rtype == QTYPE.SOA):
            bounds += [soa.ttl, soa.rdata.times[4]]
    return min(MAX_SECONDS, *bounds) if bounds else 0
