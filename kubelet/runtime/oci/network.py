"""Joins each pod to its node: a veth pair, a route to the pod, a default route back. There is no bridge.

Everything a pod sends leaves through the node's own routing, and so through the node's Service rules. Both ends know
the other's hardware address for good, so nothing is ever asked by ARP. All of it is named after the sandbox's id, so
that it can be taken down by any later process.
"""

from __future__ import annotations

import errno
import ipaddress
import os

from .rtnetlink import Rtnetlink

_GATEWAY = "169.254.1.1"
_GATEWAY_V6 = "fe80::1"
_NODE_MAC = b"\xee\xee\xee\xee\xee\xee"
_POD_MAC_PREFIX = b"\x0a\x58"
_MTU = 1500
_LOOPBACK = 1
_POD_LINK = "eth0"


class PodNetwork:
    """The node's end. Made in, and for, the network namespace of the calling thread.

    second_node_ip: of the other IP family in a dual-stack cluster, else "".
    """

    def __init__(self, node_ip: str, second_node_ip: str = "") -> None:
        self._node_ip = node_ip
        self._second_node_ip = second_node_ip
        self._node = Rtnetlink()

    def set_up_loopback(self) -> None:
        """Leave the calling thread's network namespace, a fresh one, alone with itself. Raises OSError."""
        pod = Rtnetlink()
        try:
            pod.set_up(_LOOPBACK)
        finally:
            pod.close()

    def attach(self, sandbox_id: str, address: str, second: str = "") -> None:
        """Join the calling thread's network namespace, a fresh one, to the node. Raises OSError.

        second: its address of IPv6 beside the one of IPv4, "" for none.
        """
        pod = Rtnetlink()
        namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            mac = _POD_MAC_PREFIX + ipaddress.IPv4Address(address).packed
            name = link_name(sandbox_id)
            self._node.add_veth(name, _NODE_MAC, _POD_LINK, mac, namespace, _MTU)
            outer = self._node.link_index(name)
            # Containers may write any sender on their packets: none but the pod's own gets further.
            self._node.check_sources(outer)
            self._node.set_up(outer)
            pod.set_up(_LOOPBACK)
            inner = pod.link_index(_POD_LINK)
            pod.set_up(inner)
            pairs = ((address, _GATEWAY, self._node_ip), (second, _GATEWAY_V6, self._second_node_ip))
            for own, gateway, source in pairs if second else pairs[:1]:
                pod.add_address(inner, own)
                pod.add_neighbour(inner, gateway, _NODE_MAC)
                pod.add_route(inner, via=gateway)
                self._node.add_neighbour(outer, own, mac)
                self._route(outer, own, source)
        finally:
            os.close(namespace)
            pod.close()

    def detach(self, sandbox_id: str) -> None:
        """Take the pair, and with it the routes, away; nothing happens when it is gone. Raises OSError."""
        self._node.delete_link(link_name(sandbox_id))

    def close(self) -> None:
        """Close the netlink socket."""
        self._node.close()

    def _route(self, link: int, address: str, source: str) -> None:
        """Route the pod's address, with the node's own as source: not some other address the node also answers to."""
        try:
            self._node.add_route(link, to=address, source=source)
        except OSError as error:
            # The node's address is not on a link of this namespace; the kernel then picks the source.
            if error.errno != errno.EINVAL:
                raise
            self._node.add_route(link, to=address)


def link_name(sandbox_id: str) -> str:
    """The node's end of a sandbox's pair; 15 characters are all a link's name can have."""
    return f"veth{sandbox_id[:11]}"
