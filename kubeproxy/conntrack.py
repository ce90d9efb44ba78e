"""Forgets UDP connections bound to endpoints that are gone.

The kernel keeps sending a UDP client's packets where the first one went, for as long as they keep coming; a client
that never pauses would talk to a dead endpoint for ever. (TCP finds out by itself.) The few netlink messages needed
are written here: loading a netlink library would cost a third of this process's memory.

Message layout: Linux uapi, linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import socket
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator

from kubeproxy.endpoints import Destination
from kubeproxy.ip_family import IPV4, IpFamily
from kubeproxy.translate import Flow

NETLINK_NETFILTER = 12
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
CT_GET, CT_DELETE = 0x0101, 0x0102
NESTED, TYPE_MASK = 0x8000, 0x3FFF
CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_FILTER = 1, 2, 25
CTA_TUPLE_IP, CTA_TUPLE_PROTO = 1, 2
CTA_IP_SRC = {socket.AF_INET: 1, socket.AF_INET6: 3}
CTA_IP_DST = {socket.AF_INET: 2, socket.AF_INET6: 4}
CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT = 1, 2, 3
CTA_FILTER_ORIG_FLAGS = 1
ADDRESS_BYTES = {socket.AF_INET: 4, socket.AF_INET6: 16}
FILTER_IP_DST, FILTER_PROTO_NUM, FILTER_PROTO_DST_PORT = 1 << 1, 1 << 3, 1 << 5

RECEIVE_BYTES = 256 * 1024
RECEIVE_SECONDS = 5.0


def forget(flows: Iterable[Flow], ip: IpFamily = IPV4) -> int:
    """Delete the kernel's UDP entries for these flows of one IP family; returns how many there were. Raises OSError."""
    gone: dict[tuple[str, int], set[Destination]] = defaultdict(set)
    for flow in flows:
        gone[flow.address, flow.port].add(flow.destination)
    deleted = 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as netlink:
        netlink.settimeout(RECEIVE_SECONDS)
        netlink.bind((0, 0))
        for (address, port), destinations in gone.items():
            for original in _bound(netlink, ip, address, port, destinations):
                netlink.send(
                    _message(CT_DELETE, NLM_F_REQUEST | NLM_F_ACK, ip, _attribute(CTA_TUPLE_ORIG | NESTED, original))
                )
                for _ in _answers(netlink):
                    pass
                deleted += 1
    return deleted


def _bound(
    netlink: socket.socket, ip: IpFamily, address: str, port: int, destinations: set[Destination]
) -> list[bytes]:
    """The original-direction tuples of UDP entries for a frontend that are bound to one of `destinations`."""
    netlink.send(_message(CT_GET, NLM_F_REQUEST | NLM_F_DUMP, ip, _frontend_filter(ip, address, port)))
    found = []
    for payload in _answers(netlink):
        attributes = dict(_attributes(payload[4:]))  # after struct nfgenmsg
        if address and _target(ip, attributes[CTA_TUPLE_ORIG]) != address:
            continue
        if _source(ip, attributes[CTA_TUPLE_REPLY]) in destinations:
            found.append(attributes[CTA_TUPLE_ORIG])
    return found


def _frontend_filter(family: IpFamily, address: str, port: int) -> bytes:
    flags = FILTER_PROTO_NUM | FILTER_PROTO_DST_PORT
    if address and family is IPV4:
        # Of IPv6 the kernel (6.18) leaves out just those that match, instead of the others.
        flags |= FILTER_IP_DST
    packed = socket.inet_pton(family.socket_family, address) if address else bytes(ADDRESS_BYTES[family.socket_family])
    ip = _attribute(CTA_IP_DST[family.socket_family], packed)
    protocol = _attribute(CTA_PROTO_NUM, bytes([socket.IPPROTO_UDP]))
    protocol += _attribute(CTA_PROTO_DST_PORT, struct.pack("!H", port))
    tuple_ = _attribute(CTA_TUPLE_IP | NESTED, ip) + _attribute(CTA_TUPLE_PROTO | NESTED, protocol)
    return _attribute(CTA_TUPLE_ORIG | NESTED, tuple_) + _attribute(
        CTA_FILTER | NESTED, _attribute(CTA_FILTER_ORIG_FLAGS, struct.pack("=I", flags))
    )


def _target(ip: IpFamily, tuple_: bytes) -> str:
    packed = dict(_attributes(dict(_attributes(tuple_))[CTA_TUPLE_IP]))[CTA_IP_DST[ip.socket_family]]
    return socket.inet_ntop(ip.socket_family, packed)


def _source(ip: IpFamily, tuple_: bytes) -> Destination:
    parts = dict(_attributes(tuple_))
    address = dict(_attributes(parts[CTA_TUPLE_IP]))[CTA_IP_SRC[ip.socket_family]]
    port = dict(_attributes(parts[CTA_TUPLE_PROTO]))[CTA_PROTO_SRC_PORT]
    return Destination(socket.inet_ntop(ip.socket_family, address), int.from_bytes(port, "big"))


def _message(kind: int, flags: int, ip: IpFamily, attributes: bytes) -> bytes:
    body = struct.pack("!BBH", ip.socket_family, 0, 0) + attributes
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + b"\0" * (-length % 4)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        yield kind & TYPE_MASK, data[4:length]
        data = data[(length + 3) & ~3 :]


def _answers(netlink: socket.socket) -> Iterator[bytes]:
    """The payloads that answer one request. Raises OSError with the kernel's error; an entry gone already is none."""
    while True:
        data = netlink.recv(RECEIVE_BYTES)
        while data:
            length, kind, _, _, _ = struct.unpack_from("=IHHII", data)
            if kind == NLMSG_DONE:
                return
            if kind == NLMSG_ERROR:
                error = -struct.unpack_from("=i", data, 16)[0]
                if error not in (0, 2):  # ENOENT: it timed out meanwhile
                    raise OSError(error, "conntrack request failed")
                return
            yield data[16:length]
            data = data[(length + 3) & ~3 :]
