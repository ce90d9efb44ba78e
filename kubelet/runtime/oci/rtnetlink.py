"""The little of rtnetlink(7) that joins a pod to its node: links, addresses, routes, neighbours.

Written here because it is on the path of every pod start: a handful of messages cost well under a millisecond, an
`ip` process several, and a general library many megabytes in each kubelet.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
import threading
from collections.abc import Iterable, Sequence

_RTM_NEWLINK, _RTM_DELLINK, _RTM_GETLINK, _RTM_SETLINK = 16, 17, 18, 19
_RTM_NEWADDR, _RTM_NEWROUTE, _RTM_NEWNEIGH = 20, 24, 28
_REQUEST, _ACK, _REPLACE, _EXCL, _CREATE = 0x1, 0x4, 0x100, 0x200, 0x400
_NLMSG_ERROR = 2

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 1, 3, 4, 18, 28
_IFLA_AF_SPEC, _IFLA_INET_CONF, _IPV4_RP_FILTER = 26, 1, 8
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_IFA_F_NODAD = 0x02
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PREFSRC = 1, 4, 5, 7
_NDA_DST, _NDA_LLADDR = 1, 2
_PERMANENT = 0x80
_MAIN_TABLE, _PROTOCOL_BOOT, _UNICAST, _ONLINK = 254, 3, 1, 4
_SCOPE_UNIVERSE, _SCOPE_LINK = 0, 253
_IFF_UP = 0x1
_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")


class Rtnetlink:
    """A socket to the network namespace of the thread that opens it; any thread may use it afterwards.

    Every method raises OSError with the kernel's error.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._lock = threading.Lock()
        self._sequence = 0

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def add_veth(self, name: str, mac: bytes, peer: str, peer_mac: bytes, peer_namespace: int, mtu: int) -> None:
        """Make a pair: one end here, the other in the namespace open as `peer_namespace`. Both are down."""
        inner = _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + b"".join(
            [
                _attribute(_IFLA_IFNAME, peer.encode() + b"\0"),
                _attribute(_IFLA_ADDRESS, peer_mac),
                _attribute(_IFLA_MTU, struct.pack("=I", mtu)),
                _attribute(_IFLA_NET_NS_FD, struct.pack("=I", peer_namespace)),
            ]
        )
        info = _attribute(_INFO_KIND, b"veth") + _attribute(_INFO_DATA, _attribute(_VETH_PEER, inner))
        attributes = [
            _attribute(_IFLA_IFNAME, name.encode() + b"\0"),
            _attribute(_IFLA_ADDRESS, mac),
            _attribute(_IFLA_MTU, struct.pack("=I", mtu)),
            _attribute(_IFLA_LINKINFO, info),
        ]
        self._ask(_RTM_NEWLINK, _CREATE | _EXCL, _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0), attributes)

    def link_index(self, name: str) -> int:
        """The index of a link; 0 when there is none of this name."""
        body = _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        try:
            reply = self._ask(
                _RTM_GETLINK, 0, body, [_attribute(_IFLA_IFNAME, name.encode() + b"\0")], wants_reply=True
            )
        except OSError as error:
            if error.errno == errno.ENODEV:
                return 0
            raise
        index: int = _LINK.unpack_from(reply)[2]
        return index

    def set_up(self, index: int) -> None:
        """Bring a link up."""
        self._ask(_RTM_NEWLINK, 0, _LINK.pack(socket.AF_UNSPEC, 0, index, _IFF_UP, _IFF_UP), [])

    def check_sources(self, index: int) -> None:
        """Take only packets from a link whose sender is routed over that link (the sysctl `rp_filter` = 1)."""
        setting = _attribute(_IPV4_RP_FILTER, struct.pack("=I", 1))
        family = _attribute(socket.AF_INET, _attribute(_IFLA_INET_CONF, setting))
        body = _LINK.pack(socket.AF_UNSPEC, 0, index, 0, 0)
        self._ask(_RTM_SETLINK, 0, body, [_attribute(_IFLA_AF_SPEC, family)])

    def delete_link(self, name: str) -> None:
        """Remove a link, with its peer; nothing happens when it is gone already."""
        index = self.link_index(name)
        if index:
            try:
                self._ask(_RTM_DELLINK, 0, _LINK.pack(socket.AF_UNSPEC, 0, index, 0, 0), [])
            except OSError as error:
                if error.errno != errno.ENODEV:
                    raise

    def add_address(self, index: int, address: str) -> None:
        """Give a link a single address, at once: nobody on the link is asked whether he has it already (IPv6)."""
        family, packed = _packed(address)
        flags = _IFA_F_NODAD if family == socket.AF_INET6 else 0
        body = struct.pack("=BBBBi", family, 8 * len(packed), flags, _SCOPE_UNIVERSE, index)
        attributes = [_attribute(_IFA_LOCAL, packed), _attribute(_IFA_ADDRESS, packed)]
        self._ask(_RTM_NEWADDR, _CREATE | _REPLACE, body, attributes)

    def add_route(self, index: int, *, to: str = "", via: str = "", source: str = "") -> None:
        """Route one address, or all of the family of `via`, over a link; replaces a route to the same."""
        scope = _SCOPE_UNIVERSE if via else _SCOPE_LINK
        flags = _ONLINK if via else 0
        family, packed = _packed(to or via)
        head = (family, 8 * len(packed) if to else 0, 0, 0, _MAIN_TABLE, _PROTOCOL_BOOT, scope, _UNICAST, flags)
        attributes = [_attribute(_RTA_OIF, struct.pack("=i", index))]
        for kind, address in ((_RTA_DST, to), (_RTA_GATEWAY, via), (_RTA_PREFSRC, source)):
            if address:
                attributes.append(_attribute(kind, _packed(address)[1]))
        self._ask(_RTM_NEWROUTE, _CREATE | _REPLACE, struct.pack("=BBBBBBBBI", *head), attributes)

    def add_neighbour(self, index: int, address: str, mac: bytes) -> None:
        """Say for good which hardware address an address has, so that nobody need ask."""
        family, packed = _packed(address)
        body = struct.pack("=BxxxiHBB", family, index, _PERMANENT, 0, 0)
        attributes = [_attribute(_NDA_DST, packed), _attribute(_NDA_LLADDR, mac)]
        self._ask(_RTM_NEWNEIGH, _CREATE | _REPLACE, body, attributes)

    def _ask(self, kind: int, flags: int, body: bytes, attributes: Sequence[bytes], wants_reply: bool = False) -> bytes:
        """Send one request; the body of the answer, or of the acknowledgement."""
        payload = body + b"".join(attributes)
        flags |= _REQUEST | (0 if wants_reply else _ACK)
        with self._lock:
            self._sequence += 1
            self._socket.send(_HEADER.pack(_HEADER.size + len(payload), kind, flags, self._sequence, 0) + payload)
            for answered, sequence, content in _messages(self._socket.recv(65536)):
                if sequence != self._sequence:
                    continue
                if answered == _NLMSG_ERROR:
                    code = -struct.unpack_from("=i", content)[0]
                    if code:
                        raise OSError(code, os.strerror(code))
                return content
        raise OSError(errno.EPROTO, "rtnetlink did not answer")


def _packed(address: str) -> tuple[int, bytes]:
    """An address's family and its bytes."""
    parsed = ipaddress.ip_address(address)
    return (socket.AF_INET if parsed.version == 4 else socket.AF_INET6), parsed.packed


def _messages(data: bytes) -> Iterable[tuple[int, int, bytes]]:
    """(type, sequence, body) of each message in a datagram."""
    while len(data) >= _HEADER.size:
        length, kind, _, sequence, _ = _HEADER.unpack_from(data)
        yield kind, sequence, data[_HEADER.size : length]
        data = data[(length + 3) & ~3 :]


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + bytes(-length % 4)
