"""What Services of type LoadBalancer need of this node beside rules: addresses answered for, health-check ports."""

from __future__ import annotations

import asyncio

from api.types import Service
from cluster.logs import get_logger
from kubeproxy.announcer import ANNOUNCER_ANNOTATION, Announcer
from kubeproxy.endpoints import LOCAL
from kubeproxy.health_checks import HealthChecks
from kubeproxy.ip_family import IPV4, IPV6
from kubeproxy.pending import ServiceKey
from kubeproxy.translate import load_balancer_addresses

RETRY_SECONDS = 5.0

log = get_logger()


class Balancers:
    """announcer: None where addresses are not this process's business."""

    def __init__(self, node: str, announcer: Announcer | None, health_checks: HealthChecks) -> None:
        self._node = node
        self._announcer = announcer
        self._health_checks = health_checks
        self._addresses: dict[ServiceKey, list[str]] = {}
        self._ports: dict[ServiceKey, int] = {}
        self._changed = asyncio.Event()

    def service_changed(self, old: Service | None, new: Service | None) -> None:
        """An informer's handler."""
        metadata = (new or old).metadata  # type: ignore[union-attr]
        key = metadata.namespace, metadata.name
        before = self._addresses.pop(key, None), self._ports.pop(key, None)
        if new is not None:
            ips = [ip for family in (IPV4, IPV6) for ip in load_balancer_addresses(new, family)]
            if ips and metadata.annotations.get(ANNOUNCER_ANNOTATION) == self._node:
                self._addresses[key] = ips
            if new.spec.external_traffic_policy == LOCAL and new.spec.health_check_node_port:
                self._ports[key] = new.spec.health_check_node_port
        if before != (self._addresses.get(key), self._ports.get(key)):
            self._changed.set()

    async def run(self) -> None:
        """Serve until cancelled. The addresses stay: a restart interrupts nothing."""
        while True:
            self._changed.clear()
            await self._health_checks.serve({port: key for key, port in self._ports.items()})
            try:
                if self._announcer is not None:
                    await self._announcer.announce({ip for ips in self._addresses.values() for ip in ips})
            except OSError as error:
                log.warning("cannot announce addresses", reason=str(error), retry_seconds=RETRY_SECONDS)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await self._changed.wait()
