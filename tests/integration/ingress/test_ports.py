"""Ports that can be had, and those that cannot."""

from __future__ import annotations

import socket
from pathlib import Path

from ingress.model import Table
from ingress.ports import is_free
from tests.support.envoy import running
from tests.support.ports import LOOPBACK, free_port


def test_a_port_that_somebody_listens_at_on_all_addresses_is_not_free() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = free_port()
        other.bind(("0.0.0.0", port))
        other.listen()
        assert not is_free(LOOPBACK, port)
    assert is_free(LOOPBACK, port)


async def test_the_proxys_own_ports_are_free_to_it(tmp_path: Path) -> None:
    async with running(tmp_path) as envoy:
        await envoy.publish(envoy.snapshot(Table(())))
        assert is_free(*envoy.bind.http)


def test_addresses_that_are_not_there_are_the_proxys_business() -> None:
    assert is_free("192.0.2.1", 80)
