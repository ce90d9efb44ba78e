"""The load balancers' addresses this node is to answer for: on its loopback, and told to the neighbours.

The controllers choose the node and note it on the Service; a node that has the address answers ARP for it. Who had
asked before is told by a gratuitous ARP (RFC 5227), so that it need not wait for its entry to lapse.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from collections.abc import Collection

from kubeproxy import loopback

ANNOUNCER_ANNOTATION = "podling.io/load-balancer-node"
_ETHERNET_BROADCAST = b"\xff" * 6
_ETHERTYPE_ARP = 0x0806
_ARP_REQUEST = 1


class Announcer:
    """`pool`: the addresses that are anybody's to announce. node_ip: on the link where they are announced."""

    def __init__(self, pool: ipaddress.IPv4Network, node_ip: str) -> None:
        self._pool = pool
        self._node_ip = node_ip
        self._announced: set[str] | None = None

    async def announce(self, wanted: Collection[str]) -> None:
        """Answer for these addresses, and for no others of the pool."""
        inside = {address for address in wanted if ipaddress.IPv4Address(address) in self._pool}
        if inside != self._announced:
            await asyncio.to_thread(self._change, inside)

    def _change(self, wanted: set[str]) -> None:
        have = self._addresses() if self._announced is None else self._announced
        for address in have - wanted:
            loopback.remove(address)
        for address in wanted - have:
            loopback.add(address)
            self._tell_neighbours(address)
        self._announced = wanted

    def _addresses(self) -> set[str]:
        """Those of the pool that are on the loopback, maybe from before a restart."""
        return {address for address in loopback.addresses() if ipaddress.IPv4Address(address) in self._pool}

    def _tell_neighbours(self, address: str) -> None:
        link = self._link()
        if not link:
            return
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETHERTYPE_ARP)) as raw:
            raw.bind((link, 0))
            raw.send(gratuitous_arp(raw.getsockname()[4], address))

    def _link(self) -> str:
        """The link that holds the node's own address, "" when there is none."""
        for line in loopback.ip("-oneline", "-4", "address", "show").splitlines():
            words = line.split()
            if self._node_ip == words[3].partition("/")[0]:
                return words[1]
        return ""


def gratuitous_arp(mac: bytes, address: str) -> bytes:
    """An Ethernet frame that tells everybody on the link who has an address."""
    packed = socket.inet_aton(address)
    ethernet = _ETHERNET_BROADCAST + mac + struct.pack("!H", _ETHERTYPE_ARP)
    return ethernet + struct.pack("!HHBBH", 1, 0x0800, 6, 4, _ARP_REQUEST) + mac + packed + bytes(6) + packed
