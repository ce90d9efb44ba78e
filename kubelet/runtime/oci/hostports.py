"""`hostPort`: container ports reachable on the node's own addresses, as nftables rules in a table of ours.

The table is replaced as a whole, in one transaction, whenever the ports change; a node without such pods has none.
Source of the behaviour: the CNI portmap plugin, including that a pod may reach itself this way and that the node's
own processes reach it at 127.0.0.1 too. For that the kernel must route loopback addresses (`route_localnet`), so
packets to them that come from elsewhere are dropped first (CVE-2020-8558).
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path

from ..base import InvalidConfig, PortMapping, RuntimeFailure, SandboxSpec
from .descriptors import Descriptor
from .processes import spawn
from .records import SandboxRecord

_TABLE = "podling_hostports"
_MARK = "0x2000"
_ROUTE_LOCALNET = Path("/proc/sys/net/ipv4/conf/all/route_localnet")


class HostPorts:
    """The node's host ports. `nft` is the absolute path of the command, empty when there is none."""

    def __init__(self, nft: str) -> None:
        self._nft = nft
        self._applied = ""
        self._lock = asyncio.Lock()

    async def apply(self, sandboxes: Iterable[SandboxRecord]) -> None:
        """Make the rules those of these sandboxes. Raises RuntimeFailure."""
        async with self._lock:
            text = ruleset(sandboxes)
            if text != self._applied:
                # Never without the table, which guards the loopback addresses.
                if not text:
                    _route_loopback("0")
                await self._run(f"add table ip {_TABLE}\ndelete table ip {_TABLE}\n{text}")
                if text:
                    _route_loopback("1")
                self._applied = text

    async def _run(self, text: str) -> None:
        if not self._nft:
            raise RuntimeFailure("hostPort needs nft, which is not installed: apt-get install nftables")
        source = os.memfd_create("hostports", os.MFD_CLOEXEC)
        reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            os.write(source, text.encode())
            os.lseek(source, 0, os.SEEK_SET)
            process = spawn([self._nft, "-f", "-"], stdin=source, stderr=writing)
        finally:
            os.close(source)
            os.close(writing)
        errors = Descriptor(reading)
        said = await errors.read()
        code = await process.wait()
        errors.close()
        if code:
            raise RuntimeFailure(f"nft refused the host ports: {said.decode(errors='replace').strip()}")


def _route_loopback(value: str) -> None:
    try:
        _ROUTE_LOCALNET.write_text(value)
    except OSError as error:
        raise RuntimeFailure(f"cannot set {_ROUTE_LOCALNET} for host ports to {value}: {error.strerror}") from error


def check_host_ips(spec: SandboxSpec) -> None:
    """Raise InvalidConfig for a host IP that is no address: the API lets any text through (as upstream's does)."""
    for mapping in spec.port_mappings:
        try:
            ipaddress.ip_address(mapping.host_ip or "0.0.0.0")
        except ValueError:
            raise InvalidConfig(f"hostIP {mapping.host_ip!r} of host port {mapping.host_port} is no address") from None


def ruleset(sandboxes: Iterable[SandboxRecord]) -> str:
    """The table for these sandboxes, in nft's language; empty when none has a host port."""
    rules = sorted(
        _rule(mapping, record.ip)
        for record in sandboxes
        if record.ip
        for mapping in record.spec.port_mappings
        if _is_ipv4(mapping.host_ip)
    )
    if not rules:
        return ""
    lines = "\n    ".join(rules)
    return f"""table ip {_TABLE} {{
  chain ports {{
    {lines}
  }}
  chain guard {{
    type filter hook prerouting priority -300; policy accept;
    iifname != "lo" ip daddr 127.0.0.0/8 drop
  }}
  chain prerouting {{
    type nat hook prerouting priority -100; policy accept;
    fib daddr type local jump ports
  }}
  chain output {{
    type nat hook output priority -100; policy accept;
    fib daddr type local jump ports
  }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    meta mark & {_MARK} == {_MARK} masquerade
    oifname != "lo" ip saddr 127.0.0.0/8 ct status dnat masquerade
  }}
}}
"""


def _is_ipv4(host_ip: str) -> bool:
    """Whether a rule for this address can be written: the table is of IPv4, and must hold addresses only."""
    try:
        ipaddress.IPv4Address(host_ip or "0.0.0.0")
    except ValueError:
        return False
    return True


def _rule(mapping: PortMapping, address: str) -> str:
    """A pod that reaches itself this way gets the node's source address, or it would answer itself directly."""
    host = f"ip daddr {mapping.host_ip} " if mapping.host_ip not in ("", "0.0.0.0") else ""
    match = f"{host}{mapping.protocol.lower()} dport {mapping.host_port}"
    hairpin = f"{match} ip saddr {address} meta mark set meta mark | {_MARK}"
    return f"{hairpin}\n    {match} dnat to {address}:{mapping.container_port}"
