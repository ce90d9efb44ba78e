"""The load balancers' addresses this node is to answer for: its own for as long, and told to the neighbours.

The controllers choose the node and note it on the Service; a node that has an IPv4 address on its loopback answers ARP
for it, one of IPv6 must be on the link itself. Who had asked before is told, by a gratuitous ARP (RFC 5227) or an
unsolicited neighbour advertisement (RFC 4861), so that it need not wait for its entry to lapse.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from collections.abc import Collection, Sequence

from kubeproxy import loopback

ANNOUNCER_ANNOTATION = "podling.io/load-balancer-node"
_ETHERNET_BROADCAST = b"\xff" * 6
_ETHERTYPE_ARP = 0x0806
_ARP_REQUEST = 1
_ADVERTISEMENT = 136  # an ICMPv6 type
_FROM_ROUTER_AND_OVERRIDE = 0xA000_0000
_TARGET_LINK_ADDRESS = 2
_EVERYBODY_ON_THE_LINK = "ff02::1"
_NEIGHBOURS_HOPS = 255


class Announcer:
    """`pools`: the networks that are anybody's to announce. node_ip: of IPv4, on the link where they are announced."""

    def __init__(self, pools: Sequence[str], node_ip: str) -> None:
        self._pools = [ipaddress.ip_network(pool) for pool in pools]
        self._node_ip = node_ip
        self._announced: set[str] | None = None

    async def announce(self, wanted: Collection[str]) -> None:
        """Answer for these addresses, and for no others of the pools."""
        inside = {address for address in wanted if self._is_ours(address)}
        if inside != self._announced:
            await asyncio.to_thread(self._change, inside)

    def _change(self, wanted: set[str]) -> None:
        have = self._addresses() if self._announced is None else self._announced
        # If this fails half way, what is there is looked at anew.
        self._announced = None
        link = self._link() if have != wanted else ""
        for address in have - wanted:
            _give_up(address, link)
        for address in wanted - have:
            _take(address, link)
        self._announced = wanted

    def _is_ours(self, address: str) -> bool:
        return any(ipaddress.ip_address(address) in pool for pool in self._pools)

    def _addresses(self) -> set[str]:
        """Those of the pools that are there, maybe from before a restart."""
        found = loopback.addresses()
        if any(pool.version == 6 for pool in self._pools):
            words = loopback.ip("-oneline", "-6", "address", "show").split()
            found |= {word.partition("/")[0] for word in words if word.endswith("/128")}
        return set(filter(self._is_ours, found))

    def _link(self) -> str:
        """The link that holds the node's own address, "" when there is none."""
        for line in loopback.ip("-oneline", "-4", "address", "show").splitlines():
            words = line.split()
            if self._node_ip == words[3].partition("/")[0]:
                return words[1]
        return ""


def _take(address: str, link: str) -> None:
    if ":" in address:
        # Never the sender of what this node says: that is for its own address.
        lifetimes = ("valid_lft", "forever", "preferred_lft", "0")
        loopback.ip("-6", "address", "replace", f"{address}/128", "dev", link, "nodad", *lifetimes)
        _advertise(link, address)
    else:
        loopback.add(address)
        _tell_by_arp(link, address)


def _give_up(address: str, link: str) -> None:
    if ":" in address:
        loopback.ip("-6", "address", "delete", f"{address}/128", "dev", link)
    else:
        loopback.remove(address)


def _tell_by_arp(link: str, address: str) -> None:
    if not link:
        return
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETHERTYPE_ARP)) as raw:
        raw.bind((link, 0))
        raw.send(gratuitous_arp(raw.getsockname()[4], address))


def _advertise(link: str, address: str) -> None:
    # Not from /sys, which may show another network namespace's links.
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as frames:
        frames.bind((link, 0))
        mac: bytes = frames.getsockname()[4]
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _NEIGHBOURS_HOPS)
        index = socket.if_nametoindex(link)
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        raw.sendto(advertisement(mac, address), (_EVERYBODY_ON_THE_LINK, 0, 0, index))


def advertisement(mac: bytes, address: str) -> bytes:
    """An ICMPv6 message, its checksum left to the kernel, that tells everybody on the link who has an address."""
    head = struct.pack("!BBHI", _ADVERTISEMENT, 0, 0, _FROM_ROUTER_AND_OVERRIDE)
    return head + socket.inet_pton(socket.AF_INET6, address) + bytes([_TARGET_LINK_ADDRESS, 1]) + mac


def gratuitous_arp(mac: bytes, address: str) -> bytes:
    """An Ethernet frame that tells everybody on the link who has an address."""
    packed = socket.inet_aton(address)
    ethernet = _ETHERNET_BROADCAST + mac + struct.pack("!H", _ETHERTYPE_ARP)
    return ethernet + struct.pack("!HHBBH", 1, 0x0800, 6, 4, _ARP_REQUEST) + mac + packed + bytes(6) + packed
