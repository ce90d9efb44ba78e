"""Cluster addresses and node ports of Services: what is free, and the claims that make it ours.

A claim is a key of its own in the transaction that writes the Service: two Services can never hold the same
address, whoever else writes at the same time, and a claim lives exactly as long as its Service. What is in
use is known from the watch cache; a stale guess costs another attempt, never correctness.
"""

from __future__ import annotations

import ipaddress
import itertools
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from api.errors import Invalid
from api.types import Service
from apiserver.storage.keys import Keys, object_key
from apiserver.storage.transactions import Side
from apiserver.stored import Stored

HEADLESS: Final = "None"
# Dynamic allocation begins above this band, so that people find room for addresses of their choice
# (upstream KEP-3070 and KEP-3682): a sixteenth of the range, within these bounds.
STATIC_ADDRESSES: Final = (16, 256)
STATIC_PORTS: Final = (16, 128)


class Unallocated(Invalid):
    """An allocation was refused. What is in use is known from the cache: the refusal counts once that is up to date."""


class Full(Exception):
    """Nothing is left to allocate."""


class Pool:
    """Numbers `first` to `last`; `static` of them are handed out only on request or when nothing else is left."""

    def __init__(self, first: int, last: int, static: int) -> None:
        self.first = first
        self.last = last
        self._static = static
        self._owners: dict[int, str] = {}

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last

    def owner(self, number: int) -> str | None:
        """The object key of the Service that holds a number."""
        return self._owners.get(number)

    def take(self, number: int, owner: str) -> None:
        self._owners[number] = owner

    def drop(self, number: int, owner: str) -> None:
        if self._owners.get(number) == owner:
            del self._owners[number]

    def choose(self, also_used: Iterable[int] = ()) -> int:
        """A free number at random. Raises `Full`."""
        used = set(also_used)
        dynamic = self.first + self._static
        for low, high in ((dynamic, self.last), (self.first, dynamic - 1)):
            if low > high:
                continue
            start = random.randint(low, high)
            for number in itertools.chain(range(start, high + 1), range(low, start)):
                if number not in self._owners and number not in used:
                    return number
        raise Full


@dataclass(frozen=True, slots=True)
class Ranges:
    """What the cluster hands out: `cidr` of addresses, node ports `first_port` to `last_port`."""

    cidr: ipaddress.IPv4Network | ipaddress.IPv6Network
    first_port: int = 30000
    last_port: int = 32767


class Allocations:
    """Both pools and their keys in etcd. Follows the Services cache through `listener`."""

    def __init__(self, ranges: Ranges, keys: Keys) -> None:
        self.ranges = ranges
        self._keys = keys
        network = ranges.cidr
        # Neither the network's address nor the broadcast address is anybody's.
        first, last = int(network.network_address) + 1, int(network.broadcast_address) - 1
        self.addresses = Pool(first, last, _band(last - first + 1, STATIC_ADDRESSES))
        size = ranges.last_port - ranges.first_port + 1
        self.ports = Pool(ranges.first_port, ranges.last_port, _band(size, STATIC_PORTS))

    def address_text(self, number: int) -> str:
        kind = ipaddress.IPv4Address if self.ranges.cidr.version == 4 else ipaddress.IPv6Address
        return str(kind(number))

    def listener(self, old: Stored | None, new: Stored | None) -> None:
        """Take in a change of a Service."""
        for stored, act in ((old, _drop), (new, _take)):
            if stored is not None:
                owner = object_key(stored.namespace, stored.name)
                for number in self.addresses_of(stored.record):
                    act(self.addresses)(number, owner)
                for port in ports_of(stored.record):
                    act(self.ports)(port, owner)

    def addresses_of(self, service: Service) -> set[int]:
        """The cluster addresses a Service holds, as numbers of this cluster's range."""
        if service.spec.type == "ExternalName":
            return set()
        numbers = set()
        for text in service.spec.cluster_ips or [service.spec.cluster_ip]:
            try:
                number = int(ipaddress.ip_address(text))
            except ValueError:
                continue
            if number in self.addresses:
                numbers.add(number)
        return numbers

    def sides(self, owner: str, old: Service | None, new: Service | None) -> list[Side]:
        """The claims to make and to give back when `owner` changes from `old` to `new`."""
        sides: list[Side] = []
        for path, numbers in (("serviceips", self._addresses_by_state), ("servicenodeports", _ports_by_state)):
            had, has = numbers(old), numbers(new)
            sides += [Side(self._key(path, number), 0, owner.encode()) for number in sorted(has - had)]
            sides += [Side(self._key(path, number), delete=True) for number in sorted(had - has)]
        return sides

    def _addresses_by_state(self, service: Service | None) -> set[int]:
        return set() if service is None else self.addresses_of(service)

    def _key(self, path: str, number: int) -> bytes:
        text = self.address_text(number) if path == "serviceips" else str(number)
        return self._keys.object(f"podling.io/{path}", text)


def ports_of(service: Service) -> set[int]:
    """The node ports a Service holds, the health check's among them."""
    numbers = {port.node_port for port in service.spec.ports}
    numbers.add(service.spec.health_check_node_port)
    return numbers - {0}


def _ports_by_state(service: Service | None) -> set[int]:
    return set() if service is None else ports_of(service)


def _take(pool: Pool) -> Callable[[int, str], None]:
    return pool.take


def _drop(pool: Pool) -> Callable[[int, str], None]:
    return pool.drop


def _band(size: int, bounds: tuple[int, int]) -> int:
    low, high = bounds
    return 0 if size <= low else min(max(low, size // 16), high)
