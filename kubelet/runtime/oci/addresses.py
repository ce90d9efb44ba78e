"""Which address a new pod gets. Pure: the table of those in use is the sandboxes' records."""

from __future__ import annotations

import ipaddress
from collections.abc import Set

from ..base import RuntimeFailure

_RESERVED = 2


def next_address(pod_cidr: str, used: Set[str], last: str) -> str:
    """The next free address after `last` (empty: from the start), round and round through the pod CIDR.

    An address just given back is thus the last to be given again, so that whoever still talks to the old pod does not
    reach a new one. The network's own, first (kept for a gateway) and broadcast addresses are never given. Raises
    RuntimeFailure when none is left.
    """
    network = ipaddress.IPv4Network(pod_cidr)
    first, size = int(network.network_address) + _RESERVED, network.num_addresses - _RESERVED - 1
    start = int(ipaddress.IPv4Address(last)) + 1 - first if last else 0
    for offset in range(size):
        candidate = str(ipaddress.IPv4Address(first + (start + offset) % size))
        if candidate not in used:
            return candidate
    raise RuntimeFailure(f"no pod address is free in {pod_cidr}: all {max(size, 0)} are in use")


def second_address(pod_cidr: str, second_pod_cidr: str, address: str) -> str:
    """The address in the other family's pod CIDR that goes with one of `pod_cidr`: at the same place, so as free.

    Raises RuntimeFailure when that network is too small.
    """
    first, second = ipaddress.ip_network(pod_cidr), ipaddress.ip_network(second_pod_cidr)
    place = int(ipaddress.ip_address(address)) - int(first.network_address)
    if place >= second.num_addresses:
        raise RuntimeFailure(f"the pod CIDR {second} has no address to go with {address} of {first}: make it larger")
    return str(second.network_address + place)
