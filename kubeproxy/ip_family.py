"""What is different about the two IP families, for rules and for what they are made from.

Addresses become parts of rules and keys of maps: `canonical` lets nothing else through, and one address in one spelling
only, since the kernel refuses a transaction that has the same key twice.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class IpFamily:
    """name: as in `spec.ipFamilies` and of EndpointSlices. nft: the nftables family, and what its rules call addresses.

    unreachable: how packets are refused.
    """

    name: str
    nft: str
    socket_family: socket.AddressFamily
    unreachable: str

    @property
    def address_type(self) -> str:
        """nft's type of addresses."""
        return f"{self.name.lower()}_addr"

    def canonical(self, address: str) -> str:
        """The address as it is usually written; "" for what is no address of this family."""
        try:
            return socket.inet_ntop(self.socket_family, socket.inet_pton(self.socket_family, address))
        except (OSError, ValueError):
            return ""

    def first(self, addresses: Iterable[str]) -> str:
        """The first address of this family, canonical; "" when there is none."""
        return next(filter(None, map(self.canonical, addresses)), "")

    def is_network(self, text: str) -> bool:
        """Whether a text is a network of this family in the usual notation and nothing else."""
        address, slash, length = text.partition("/")
        most = 32 if self.socket_family == socket.AF_INET else 128
        return bool(
            slash
            and self.canonical(address)
            and length.isdecimal()
            and length.isascii()
            and len(length) <= 3
            and int(length) <= most
        )

    def networks(self, texts: Iterable[str]) -> list[str]:
        """Those that are networks of this family, none within another: such a set is an error to the kernel."""
        found: list[Any] = [ipaddress.ip_network(text, strict=False) for text in texts if self.is_network(text)]
        return [str(each) for each in ipaddress.collapse_addresses(found)]

    def with_port(self, address: str, port: int) -> str:
        """Both, as `dnat` takes them."""
        return f"[{address}]:{port}" if self.socket_family == socket.AF_INET6 else f"{address}:{port}"


IPV4 = IpFamily("IPv4", "ip", socket.AF_INET, "icmp type port-unreachable")
IPV6 = IpFamily("IPv6", "ip6", socket.AF_INET6, "icmpv6 type port-unreachable")


def family_of(network: str) -> IpFamily:
    """The family of an address or a network."""
    return IPV6 if ":" in network else IPV4


def of_family(family: IpFamily, networks: Sequence[str]) -> list[str]:
    """The networks of one family."""
    return [network for network in networks if family_of(network) is family]
