"""Host-gateway routes: the pods of another node are reached by way of that node's address.

The Node objects say where; a route of ours is marked by its protocol number, so that a restarted kubelet knows which
to take away and leaves everyone else's alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from api.types import Node
from cluster.informer import Informer
from cluster.logs import get_logger
from kubelet.runtime.oci.processes import spawn

# A protocol number nobody else uses (see /etc/iproute2/rt_protos).
PROTOCOL = "151"
RETRY_SECONDS = 2.0

log = get_logger()


@dataclass(frozen=True, slots=True)
class Plan:
    """Routes to set and to take away, by destination."""

    replace: Mapping[str, str] = field(default_factory=dict)
    delete: Iterable[str] = ()


def wanted_routes(nodes: Iterable[Node], own_name: str) -> dict[str, str]:
    """Pod CIDR → address of its node, for all other nodes. Pure."""
    routes: dict[str, str] = {}
    for node in nodes:
        if node.metadata.name == own_name or node.metadata.deletion_timestamp is not None:
            continue
        address = next((entry.address for entry in node.status.addresses if entry.type == "InternalIP"), "")
        cidrs = node.spec.pod_cidrs or ([node.spec.pod_cidr] if node.spec.pod_cidr else [])
        routes.update((cidr, address) for cidr in cidrs if address and (":" in cidr) == (":" in address))
    return routes


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
        present = await _present()
        while True:
            self._stale.clear()
            wanted = wanted_routes(self._nodes.items(), self._own_name)
            try:
                await _apply(plan(wanted, present))
                present = wanted
            except RouteFailure as error:
                log.warning("could not route to another node's pods", reason=str(error), retry_seconds=RETRY_SECONDS)
                await asyncio.sleep(RETRY_SECONDS)
                present = await _present()
                continue
            await self._stale.wait()

    def _changed(self, old: Node | None, new: Node | None) -> None:
        before = wanted_routes([old], self._own_name) if old is not None else {}
        after = wanted_routes([new], self._own_name) if new is not None else {}
        if before != after:
            self._stale.set()


async def _present() -> dict[str, str]:
    """The routes of ours in the kernel."""
    found: dict[str, str] = {}
    for family in ("-4", "-6"):
        output = await _ip(family, "-json", "route", "show", "proto", PROTOCOL)
        found.update((route["dst"], route.get("gateway", "")) for route in json.loads(output or "[]"))
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
