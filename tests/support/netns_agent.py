"""Runs inside a network namespace for a test: serves, connects and reports, a JSON line at a time on stdin and stdout.

Started by `tests.support.netns`; uses only the standard library.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from typing import Any


def reply(name: str, peer: str) -> bytes:
    return f"{name} {peer}".encode()


class Agent:
    def __init__(self) -> None:
        self._hammering = threading.Event()
        self._hammer: threading.Thread | None = None
        self._report: dict[str, Any] = {}
        self._sockets: dict[int, socket.socket] = {}

    def serve(self, name: str, port: int, host: str = "0.0.0.0") -> None:
        """Answer each connection and each datagram with this server's name and the peer's address."""
        listener = socket.create_server((host, port), family=_family(host), backlog=256)
        datagrams = socket.socket(_family(host), socket.SOCK_DGRAM)
        datagrams.bind((host, port))

        def accept() -> None:
            while True:
                connection, peer = listener.accept()
                with connection:
                    connection.sendall(reply(name, peer[0]))

        def receive() -> None:
            while True:
                _, peer = datagrams.recvfrom(2048)
                datagrams.sendto(reply(name, peer[0]), peer)

        for task in (accept, receive):
            threading.Thread(target=task, daemon=True).start()

    def tcp(self, host: str, port: int, count: int = 1, seconds: float = 30.0) -> list[str]:
        """What `count` connections, one after the other, were told; an error's name where one failed."""
        return [_connect(host, port, seconds) for _ in range(count)]

    def udp(self, host: str, port: int, count: int = 1, seconds: float = 30.0, source_port: int = 0) -> list[str]:
        """What `count` datagrams were answered. With a source port, one socket is used and kept."""
        answers = []
        for _ in range(count):
            udp = self._sockets.get(source_port) or socket.socket(_family(host), socket.SOCK_DGRAM)
            udp.settimeout(seconds)
            try:
                if source_port and source_port not in self._sockets:
                    udp.bind(("", source_port))
                    self._sockets[source_port] = udp
                udp.connect((host, port))
                udp.send(b"?")
                answers.append(udp.recv(2048).decode())
            except OSError as error:
                answers.append(type(error).__name__)
            if not source_port:
                udp.close()
        return answers

    def serve_dns(self, port: int, answer: str) -> None:
        """Answer every DNS query, over UDP and TCP, with the same message under the query's id."""
        body = bytes.fromhex(answer)[2:]
        listener = socket.create_server(("0.0.0.0", port))
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind(("0.0.0.0", port))

        def accept() -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    message = connection.recv(2048)[2:4] + body
                    connection.sendall(len(message).to_bytes(2, "big") + message)

        def receive() -> None:
            while True:
                query, peer = datagrams.recvfrom(2048)
                datagrams.sendto(query[:2] + body, peer)

        for task in (accept, receive):
            threading.Thread(target=task, daemon=True).start()

    def query_udp(self, host: str, port: int, message: str, seconds: float = 30.0) -> str:
        """One raw datagram and its answer, in hexadecimal."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(seconds)
            udp.sendto(bytes.fromhex(message), (host, port))
            return udp.recv(65_535).hex()

    def query_tcp(self, host: str, port: int, message: str, seconds: float = 30.0) -> str:
        """One DNS message over TCP and its answer, in hexadecimal, without the lengths."""
        query = bytes.fromhex(message)
        with socket.create_connection((host, port), timeout=seconds) as tcp, tcp.makefile("rb") as stream:
            tcp.sendall(len(query).to_bytes(2, "big") + query)
            return stream.read(int.from_bytes(stream.read(2), "big")).hex()

    def hammer_start(self, host: str, port: int, seconds: float = 10.0) -> None:
        """Connect again and again until stopped."""
        self._report = {"ok": 0, "failures": [], "servers": {}}
        self._hammering.set()

        def hammer() -> None:
            while self._hammering.is_set():
                answer = _connect(host, port, seconds)
                if " " in answer:
                    self._report["ok"] += 1
                    self._report["servers"][answer] = time.monotonic()
                else:
                    self._report["failures"].append(answer)

        self._hammer = threading.Thread(target=hammer, daemon=True)
        self._hammer.start()

    def hammered(self) -> int:
        """How many connections were answered so far."""
        return int(self._report["ok"])

    def hammer_stop(self) -> dict[str, Any]:
        self._hammering.clear()
        assert self._hammer is not None
        self._hammer.join()
        return {"ok": self._report["ok"], "failures": self._report["failures"]}


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _connect(host: str, port: int, seconds: float) -> str:
    try:
        with socket.create_connection((host, port), timeout=seconds) as connection:
            return connection.recv(2048).decode()
    except OSError as error:
        return type(error).__name__


def main() -> None:
    agent = Agent()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer: dict[str, Any] = {"result": getattr(agent, request["op"])(**request["arguments"])}
        except Exception as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
