"""Host-gateway routes: the pods of another node are reached by way of that node's address.

The Node objects say where; a route of ours is marked by its protocol number, so that a restarted kubelet knows which
to take away and leaves everyone else's alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from api.types import Node
from cluster.informer import Informer
from cluster.logs import get_logger
from kubelet.runtime.oci.processes import spawn

# A protocol number nobody else uses (see /etc/iproute2/rt_protos).
PROTOCOL = "151"
RETRY_SECONDS = 2.0

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

log = get_logger()


@dataclass(frozen=True, slots=True)
class Plan:
    """Routes to set and to take away, by destination."""

    replace: Mapping[str, str] = field(default_factory=dict)
    delete: Iterable[str] = ()


def wanted_routes(nodes: Iterable[Node], own_name: str, connected: Iterable[Network] = ()) -> dict[str, str]:
    """Pod CIDR → address of its node, for all other nodes. Pure.

    A node speaks for its own pods only: a CIDR that overlaps this node's, an older node's or one of the `connected`
    networks, or that holds a node's address, is left out, as is whatever is no CIDR or address at all.
    """
    everyone = sorted(nodes, key=lambda node: (node.metadata.creation_timestamp or "", node.metadata.name))
    taken = [_span(network) for network in connected]
    taken += [_span(ipaddress.ip_network(address)) for node in everyone for address in _addresses(node).values()]
    taken += [_span(cidr) for node in everyone if node.metadata.name == own_name for cidr in _cidrs(node)]
    routes: dict[str, str] = {}
    for node in everyone:
        if node.metadata.name == own_name or node.metadata.deletion_timestamp is not None:
            continue
        for cidr, address in _claims(node):
            version, first, last = span = _span(cidr)
            if not any(v == version and first <= end and start <= last for v, start, end in taken):
                taken.append(span)
                routes[str(cidr)] = address
    return routes


def _claims(node: Node) -> list[tuple[Network, str]]:
    """Where a node says that its pods are."""
    addresses = _addresses(node)
    return [(cidr, addresses[cidr.version]) for cidr in _cidrs(node) if cidr.version in addresses]


def _addresses(node: Node) -> dict[int, str]:
    """The node's first InternalIP of each IP version; what is no address is left out."""
    found: dict[int, str] = {}
    for given in (entry.address for entry in node.status.addresses if entry.type == "InternalIP"):
        # A zone, which may be any text, is none of a node's address.
        with contextlib.suppress(ValueError):
            if "%" not in given:
                address = ipaddress.ip_address(given)
                found.setdefault(address.version, str(address))
    return found


def _cidrs(node: Node) -> Iterator[Network]:
    for text in node.spec.pod_cidrs or [node.spec.pod_cidr]:
        with contextlib.suppress(ValueError):
            if "%" not in text:
                yield ipaddress.ip_network(text, strict=False)


def _span(network: Network) -> tuple[int, int, int]:
    """IP version, first and last address: cheap to compare."""
    return network.version, int(network.network_address), int(network.broadcast_address)


def plan(wanted: Mapping[str, str], present: Mapping[str, str]) -> Plan:
    """What to change to get from `present`, the routes of ours, to `wanted`. Pure."""
    changed = {to: via for to, via in wanted.items() if present.get(to) != via}
    return Plan(changed, sorted(present.keys() - wanted.keys()))


class RouteFailure(Exception):
    """The kernel refused a route. The text is `ip`'s."""


class Routes:
    """Keeps this network namespace's routes as the nodes say."""

    def __init__(self, nodes: Informer[Node], own_name: str) -> None:
        self._nodes = nodes
        self._own_name = own_name
        self._stale = asyncio.Event()
        nodes.add_handler(lambda old, new: self._changed(old, new))

    async def run(self) -> None:
        """Follow the nodes until cancelled. The routes stay."""
        await self._nodes.synced.wait()
        present = await _routes(PROTOCOL)
        while True:
            self._stale.clear()
            try:
                connected = [ipaddress.ip_network(network) for network in await _routes("kernel")]
                wanted = wanted_routes(self._nodes.items(), self._own_name, connected)
                await _apply(plan(wanted, present))
                present = wanted
            except RouteFailure as error:
                log.warning("could not route to another node's pods", reason=str(error), retry_seconds=RETRY_SECONDS)
                await asyncio.sleep(RETRY_SECONDS)
                present = await _routes(PROTOCOL)
                continue
            await self._stale.wait()

    def _changed(self, old: Node | None, new: Node | None) -> None:
        before, after = ((_claims(node), node.metadata.deletion_timestamp) if node else None for node in (old, new))
        if before != after:
            self._stale.set()


async def _routes(protocol: str) -> dict[str, str]:
    """The kernel's routes of one origin: destination → gateway, "" for what is connected."""
    found: dict[str, str] = {}
    for family in ("-4", "-6"):
        output = await _ip(family, "-json", "route", "show", "proto", protocol)
        for route in json.loads(output or "[]"):
            if route["dst"] != "default":
                found[str(ipaddress.ip_network(route["dst"]))] = route.get("gateway", "")
    return found


async def _apply(change: Plan) -> None:
    lines = [f"route replace {to} via {via} proto {PROTOCOL}" for to, via in change.replace.items()]
    lines += [f"route del {to} proto {PROTOCOL}" for to in change.delete]
    if lines:
        await _ip("-force", "-batch", "-", text="\n".join(lines) + "\n")


async def _ip(*arguments: str, text: str = "") -> str:
    """Run `ip`; its output. Raises RouteFailure."""
    program = shutil.which("ip")
    if program is None:
        raise RouteFailure("there is no `ip` on PATH: install iproute2")
    files = [os.memfd_create(name, os.MFD_CLOEXEC) for name in ("input", "output", "problem")]
    try:
        os.write(files[0], text.encode())
        os.lseek(files[0], 0, os.SEEK_SET)
        code = await spawn([program, *arguments], stdin=files[0], stdout=files[1], stderr=files[2]).wait()
        output, problem = (os.pread(file, os.fstat(file).st_size, 0).decode() for file in files[1:])
    finally:
        for file in files:
            os.close(file)
    if code != 0:
        raise RouteFailure(problem.strip() or f"ip exited with {code}")
    return output
