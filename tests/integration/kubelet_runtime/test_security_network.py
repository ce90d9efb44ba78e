"""A pod speaks for itself only: with the rights a container has it can write any sender on its packets."""

from __future__ import annotations

import socket
import subprocess
import sys

from kubelet.runtime.base import SandboxStatus
from tests.support.runtime import NODE_IP, Node

_SEND = """
import socket, struct, sys
source, target, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
data = struct.pack("!HHHH", 53, port, 8 + len(source), 0) + source.encode()
head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(data), 1, 0, 64, 17, 0, *map(socket.inet_aton, (source, target)))
socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW).sendto(head + data, (target, 0))
"""


def send(pod: SandboxStatus, source: str, port: int) -> None:
    """Send a datagram from inside the pod that says it is from `source`, and says so in its text."""
    enter = ["nsenter", f"--net={pod.network_namespace}"]
    subprocess.run([*enter, sys.executable, "-c", _SEND, source, NODE_IP, str(port)], check=True)


async def test_packets_with_anothers_address_are_dropped(node: Node) -> None:
    liar, other = await node.sandbox("liar"), await node.sandbox("other")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.settimeout(60)
        receiver.bind((NODE_IP, 0))
        port = receiver.getsockname()[1]
        for source in (other.ip, "192.0.2.1", NODE_IP, liar.ip):
            send(liar, source, port)
        # Only the last one is true; the others were sent before it.
        assert receiver.recv(100).decode() == liar.ip
