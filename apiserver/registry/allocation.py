"""Cluster addresses and node ports of Services: what is free, and the claims that make it ours.

A claim is a key of its own in the transaction that writes the Service: two Services can never hold the same
address, whoever else writes at the same time, and a claim lives exactly as long as its Service. What is in
use is known from the watch cache; a stale guess costs another attempt, never correctness.

The claim of an address is its IPAddress object, as upstream's (KEP-1880): it shows whose the address is. The
networks are the flag's, and those of whatever ServiceCIDRs are ready.
"""

from __future__ import annotations

import ipaddress
import itertools
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from api import codec, scheme
from api.errors import Invalid
from api.types import IPAddress, IPAddressSpec, ObjectMeta, ParentReference, Service, ServiceCIDR
from apiserver.registry.metadata import created
from apiserver.storage.keys import Keys, object_key, split_object_key, storage_of
from apiserver.storage.transactions import Side
from apiserver.stored import Stored

# Dynamic allocation begins above this band, so that people find room for addresses of their choice
# (upstream KEP-3070 and KEP-3682): a sixteenth of the range, within these bounds.
STATIC_ADDRESSES: Final = (16, 256)
STATIC_PORTS: Final = (16, 128)

_IP_ADDRESSES: Final = storage_of(scheme.of(IPAddress))
_FAMILY_LABEL: Final = "ipaddress.kubernetes.io/ip-family"
_MANAGER_LABEL: Final = "ipaddress.kubernetes.io/managed-by"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Unallocated(Invalid):
    """An allocation was refused. What is in use is known from the cache: the refusal counts once that is up to date."""


class Full(Exception):
    """Nothing is left to allocate."""


class Owned:
    """Numbers, and whose they are: the object keys of Services."""

    def __init__(self, owners: dict[int, str]) -> None:
        self._owners = owners

    def owner(self, number: int) -> str | None:
        """Who holds a number; None when nobody does."""
        return self._owners.get(number)

    def take(self, number: int, owner: str) -> None:
        self._owners[number] = owner

    def drop(self, number: int, owner: str) -> None:
        if self._owners.get(number) == owner:
            del self._owners[number]


class Pool(Owned):
    """Numbers `first` to `last`; `static` of them are handed out only on request or when nothing else is left."""

    def __init__(self, first: int, last: int, static: int, owners: dict[int, str] | None = None) -> None:
        super().__init__({} if owners is None else owners)
        self.first = first
        self.last = last
        self._static = static

    def __contains__(self, number: int) -> bool:
        return self.first <= number <= self.last

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


class Addresses(Owned):
    """Addresses of one IP family, as numbers: of the cluster's own network, and of those of further ServiceCIDRs."""

    def __init__(self, network: Network) -> None:
        super().__init__({})
        self._pools = {network: _address_pool(network, self._owners)}
        self._own = network

    @property
    def networks(self) -> list[Network]:
        """The cluster's own first."""
        return list(self._pools)

    def join(self, networks: Iterable[Network]) -> None:
        """Hand out addresses of these networks, too, and no longer of others. What is taken stays so."""
        wanted = dict.fromkeys((self._own, *networks))
        self._pools = {each: self._pools.get(each) or _address_pool(each, self._owners) for each in wanted}

    def __contains__(self, number: int) -> bool:
        return any(number in pool for pool in self._pools.values())

    def choose(self) -> str:
        """A free address at random, of the first network that has one. Raises `Full`."""
        for network, pool in self._pools.items():
            try:
                return str(network.network_address + (pool.choose() - int(network.network_address)))
            except Full:
                continue
        raise Full


@dataclass(frozen=True, slots=True)
class Ranges:
    """What the cluster hands out: addresses of `cidr`, node ports `first_port` to `last_port`.

    second: of the other IP family, in a dual-stack cluster.
    """

    cidr: Network
    first_port: int = 30000
    last_port: int = 32767
    second: Network | None = None

    @property
    def networks(self) -> tuple[Network, ...]:
        """The primary family's first."""
        return (self.cidr,) if self.second is None else (self.cidr, self.second)

    @property
    def families(self) -> tuple[str, ...]:
        """As in `spec.ipFamilies`, the primary first."""
        return tuple(map(_family, self.networks))


class Allocations:
    """The pools and their keys in etcd; `addresses` by IP family. Follows the Services cache through `listener`."""

    def __init__(self, ranges: Ranges, keys: Keys) -> None:
        self.ranges = ranges
        self._keys = keys
        self.addresses = {_family(network): Addresses(network) for network in ranges.networks}
        self._further: dict[str, list[Network]] = {}
        size = ranges.last_port - ranges.first_port + 1
        self.ports = Pool(ranges.first_port, ranges.last_port, _band(size, STATIC_PORTS))

    @property
    def first_address(self) -> str:
        """The primary family's first address: that of the Service `kubernetes`."""
        return str(self.ranges.cidr.network_address + 1)

    def choose_address(self, family: str) -> str:
        """A free address at random. Raises `Full`."""
        return self.addresses[family].choose()

    def listener(self, old: Stored | None, new: Stored | None) -> None:
        """Take in a change of a Service."""
        for stored, act in ((old, _drop), (new, _take)):
            if stored is not None:
                owner = object_key(stored.namespace, stored.name)
                for address in self.addresses_of(stored.record):
                    act(self.addresses[_family(address)])(int(address), owner)
                for port in ports_of(stored.record):
                    act(self.ports)(port, owner)

    def address_listener(self, old: Stored | None, new: Stored | None) -> None:
        """Take in a change of an IPAddress: those that are no Service's are not to be had."""
        for stored, act in ((old, _drop), (new, _take)):
            parent = stored.record.spec.parent_ref if stored is not None else None
            if stored is None or parent is None or (parent.group, parent.resource) == ("", "services"):
                continue
            address = ipaddress.ip_address(stored.name)
            pool = self.addresses.get(_family(address))
            if pool is not None:
                act(pool)(int(address), f"ipaddresses/{stored.name}")

    def network_listener(self, old: Stored | None, new: Stored | None) -> None:
        """Take in a change of a ServiceCIDR: while it is ready, addresses are to be had of its networks."""
        for stored in (old, new):
            if stored is not None:
                self._further.pop(stored.name, None)
        if new is not None and is_ready(new.record):
            self._further[new.name] = [ipaddress.ip_network(text, strict=False) for text in new.record.spec.cidrs]
        for family, addresses in self.addresses.items():
            further = [self._further[name] for name in sorted(self._further)]
            addresses.join(each for each in itertools.chain.from_iterable(further) if _family(each) == family)

    def addresses_of(self, service: Service) -> set[Address]:
        """The cluster addresses a Service holds, of this cluster's IP families."""
        if service.spec.type == "ExternalName":
            return set()
        addresses = set()
        for text in service.spec.cluster_ips or [service.spec.cluster_ip]:
            try:
                address = ipaddress.ip_address(text)
            except ValueError:
                continue
            if _family(address) in self.addresses:
                addresses.add(address)
        return addresses

    def sides(self, owner: str, old: Service | None, new: Service | None) -> list[Side]:
        """The claims to make and to give back when `owner` changes from `old` to `new`."""
        had, has = self._address_texts(old), self._address_texts(new)
        sides = [Side(self._address_key(text), 0, _claimed(text, owner)) for text in sorted(has - had)]
        sides += [Side(self._address_key(text), delete=True) for text in sorted(had - has)]
        had, has = _port_texts(old), _port_texts(new)
        sides += [Side(self._port_key(text), 0, owner.encode()) for text in sorted(has - had)]
        sides += [Side(self._port_key(text), delete=True) for text in sorted(had - has)]
        return sides

    def _address_texts(self, service: Service | None) -> set[str]:
        return set() if service is None else set(map(str, self.addresses_of(service)))

    def _address_key(self, text: str) -> bytes:
        return self._keys.object(_IP_ADDRESSES, text)

    def _port_key(self, text: str) -> bytes:
        return self._keys.object("podling.io/servicenodeports", text)


def _claimed(address: str, owner: str) -> bytes:
    """The IPAddress that says an address is a Service's, with the labels of upstream's allocator."""
    namespace, name = split_object_key(owner)
    family = _family(ipaddress.ip_address(address))
    metadata = ObjectMeta(labels={_FAMILY_LABEL: family, _MANAGER_LABEL: "ipallocator.k8s.io"})
    parent = ParentReference(resource="services", namespace=namespace, name=name)
    record = IPAddress(metadata=created(metadata, address, time.time()), spec=IPAddressSpec(parent_ref=parent))
    return codec.encode(record)


def ports_of(service: Service) -> set[int]:
    """The node ports a Service holds, the health check's among them."""
    numbers = {port.node_port for port in service.spec.ports}
    numbers.add(service.spec.health_check_node_port)
    return numbers - {0}


def _port_texts(service: Service | None) -> set[str]:
    return set() if service is None else set(map(str, ports_of(service)))


def _family(of: Network | Address) -> str:
    return f"IPv{of.version}"


def is_ready(service_cidr: ServiceCIDR) -> bool:
    """Whether new addresses are to be had of a ServiceCIDR."""
    conditions = service_cidr.status.conditions
    ready = any(condition.type == "Ready" and condition.status == "True" for condition in conditions)
    return ready and service_cidr.metadata.deletion_timestamp is None


def _address_pool(network: Network, owners: dict[int, str]) -> Pool:
    # Neither the network's address nor the broadcast address, which IPv6 does without, is anybody's.
    first, last = int(network.network_address) + 1, int(network.broadcast_address) - (network.version == 4)
    return Pool(first, last, _band(last - first + 1, STATIC_ADDRESSES), owners)


def _take(pool: Owned) -> Callable[[int, str], None]:
    return pool.take


def _drop(pool: Owned) -> Callable[[int, str], None]:
    return pool.drop


def _band(size: int, bounds: tuple[int, int]) -> int:
    low, high = bounds
    return 0 if size <= low else min(max(low, size // 16), high)
