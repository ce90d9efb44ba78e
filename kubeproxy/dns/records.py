"""What a question about the cluster's zone can be answered with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple


class Type(IntEnum):
    """Types of records that the zone holds."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    TXT = 16
    AAAA = 28
    SRV = 33


class Record(NamedTuple):
    """One record. data: an address, a name or a text, by type. port: of an SRV record."""

    name: str
    type: Type
    data: str
    port: int = 0


class Outcome(Enum):
    """FOUND: the name exists, with or without records of the type asked for. OUTSIDE: not ours to answer."""

    FOUND = "found"
    NO_SUCH_NAME = "no such name"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a question, and the records of the answer and the additional section."""

    outcome: Outcome
    records: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()


NO_SUCH_NAME = Answer(Outcome.NO_SUCH_NAME)
OUTSIDE = Answer(Outcome.OUTSIDE)
