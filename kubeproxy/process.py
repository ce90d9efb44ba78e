"""kube-proxy's wiring: informers → syncer → kernel, and informers → zone → DNS server."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from api.types import EndpointSlice, NetworkPolicy, Node, Service, ServiceCIDR
from cluster.client import Client
from cluster.clock import LoopClock
from cluster.connection import open_channel
from cluster.daemon import Daemon, FatalError
from cluster.informer import Informer
from cluster.logs import get_logger
from kubeproxy import loopback, tcp_timeouts
from kubeproxy.announcer import Announcer
from kubeproxy.balancers import Balancers
from kubeproxy.config import DnsConfig, ProxyConfig
from kubeproxy.dns.resolver import Resolver
from kubeproxy.dns.server import DnsServer, open_sockets
from kubeproxy.dns.upstream import Upstream
from kubeproxy.dns.zone import Zone
from kubeproxy.health_checks import HealthChecks
from kubeproxy.ip_family import IPV4, IPV6
from kubeproxy.kernel import Kernel, KernelError, open_kernel, remove_table
from kubeproxy.pending import ServiceKey
from kubeproxy.policy import table as policy_table
from kubeproxy.policy.enforcer import Enforcer
from kubeproxy.policy.family_policies import FamilyPolicies
from kubeproxy.syncer import Syncer, service_of

HAS_IPV6 = Path("/proc/sys/net/ipv6")

log = get_logger()


async def run(daemon: Daemon, config: ProxyConfig) -> None:
    """Set up: rules first, so that traffic flows, then DNS; ready when both serve."""
    try:
        kernel = open_kernel()
    except KernelError as error:
        raise FatalError(str(error)) from error
    channel = open_channel(config.connection)
    daemon.stack.push_async_callback(channel.close)
    client = Client(channel)
    daemon.stack.push_async_callback(client.close)

    services = Informer(client, Service)
    slices = Informer(client, EndpointSlice, indexes={"service": _service_index})
    node = Informer(client, Node, field_selector=f"metadata.name={config.node.name}")
    cidrs = Informer(client, ServiceCIDR)

    service_of_key = partial(_service_of_key, services)
    slices_of_key = partial(slices.by_index, "service")
    syncer = Syncer(kernel, config.networks, config.node, service_of_key, slices_of_key, LoopClock())
    services.add_handler(syncer.service_changed)
    slices.add_handler(syncer.slice_changed)
    node.add_handler(syncer.node_changed)
    cidrs.add_handler(syncer.service_cidr_changed)
    daemon.spawn("services", services.run())
    daemon.spawn("endpoint-slices", slices.run())
    daemon.spawn("node", node.run())
    daemon.spawn("service-cidrs", cidrs.run())
    await asyncio.gather(*(informer.synced.wait() for informer in (services, slices, node, cidrs)))

    try:
        await syncer.sync()
    except KernelError as error:
        raise FatalError(f"cannot change this node's nftables rules: {error}; is this root (CAP_NET_ADMIN)?") from error
    log.info("rules in place", services=len(services), slices=len(slices))
    try:
        tcp_timeouts.apply()
    except OSError as error:
        log.warning("cannot set how long silent TCP connections are remembered", reason=str(error))
    daemon.live_check("rules", syncer.healthy)
    daemon.ready_check("rules", syncer.healthy)
    daemon.spawn("rules", syncer.run())
    _balance(daemon, config, services, syncer, slices_of_key)
    policies = Informer(client, NetworkPolicy)
    await _enforce(daemon, config, kernel, client, policies, syncer, node)
    if config.dns is not None:
        networks = [*(network.service_cidr for network in config.networks), *config.node.pod_cidrs]
        zone = Zone(config.dns.domain, config.dns.address, networks, service_of_key, slices_of_key)
        await _start_dns(daemon, config.dns, zone, services, slices)


def _balance(
    daemon: Daemon,
    config: ProxyConfig,
    services: Informer[Service],
    syncer: Syncer,
    slices_of_key: Callable[[ServiceKey], Sequence[EndpointSlice]],
) -> None:
    """Serve what load balancers need of this node."""
    node = config.node.name

    def local_endpoints(key: ServiceKey) -> int:
        endpoints = [endpoint for slice_ in slices_of_key(key) for endpoint in slice_.endpoints]
        return sum(each.node_name == node and each.conditions.ready is not False for each in endpoints)

    pools = config.load_balancer_addresses
    announcer = Announcer(pools, config.node.addresses[0]) if pools and config.node.addresses else None
    health_checks = HealthChecks(local_endpoints, syncer.healthy)
    daemon.stack.push_async_callback(health_checks.close)
    balancers = Balancers(node, announcer, health_checks)
    services.add_handler(balancers.service_changed)
    daemon.spawn("load-balancers", balancers.run())


async def _enforce(
    daemon: Daemon,
    config: ProxyConfig,
    kernel: Kernel,
    client: Client,
    policies: Informer[NetworkPolicy],
    syncer: Syncer,
    node: Informer[Node],
) -> None:
    """Follow the policies; until all of them are known, what the kernel does about them stays as it is."""
    families = [FamilyPolicies(net.family, config.node.name, net.dns_address) for net in config.networks]
    enforcer = Enforcer(kernel, client, families, lambda: syncer.node.pod_cidrs)

    async def run() -> None:
        await policies.synced.wait()
        await enforcer.run()

    policies.add_handler(enforcer.policy_changed)
    node.add_handler(lambda old, new: enforcer.changed())
    daemon.spawn("network-policies", policies.run())
    daemon.spawn("enforcer", run())
    daemon.live_check("policies", enforcer.healthy)
    await enforcer.decided.wait()


async def _start_dns(
    daemon: Daemon, config: DnsConfig, zone: Zone, services: Informer[Service], slices: Informer[EndpointSlice]
) -> None:
    resolver = Resolver(zone, serial=int(time.time()))

    def service_changed(old: Service | None, new: Service | None) -> None:
        metadata = (new or old).metadata  # type: ignore[union-attr]
        resolver.changed((metadata.namespace, metadata.name))

    def slice_changed(old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        for key in {service_of(slice_) for slice_ in (old, new) if slice_ is not None}:
            if key is not None:
                resolver.changed(key)

    services.add_handler(service_changed)
    slices.add_handler(slice_changed)
    server = DnsServer(resolver, Upstream(config.upstream, config.stubs))
    try:
        await asyncio.to_thread(loopback.add, config.address)
        await server.start(*_dns_sockets(config))
    except OSError as error:
        reason = error.strerror or str(error)
        raise FatalError(
            f"cannot serve DNS on {config.address}:{config.port}: {reason}; choose another --cluster-dns"
        ) from error
    daemon.stack.push_async_callback(server.close)
    log.info("DNS in place", address=config.address, port=server.port, domain=config.domain)


def _dns_sockets(config: DnsConfig) -> tuple[socket.socket, socket.socket]:
    """The inherited ones, else new ones. Raises OSError."""
    if config.sockets is None:
        return open_sockets(config.address, config.port)
    udp, tcp = (socket.socket(fileno=descriptor) for descriptor in config.sockets)
    return udp, tcp


def clean_up(dns_address: str) -> None:
    """Remove our table, and the DNS address unless it is `""`. Raises KernelError or OSError."""
    kernel = open_kernel()
    for family in (IPV4, IPV6) if HAS_IPV6.is_dir() else (IPV4,):
        remove_table(kernel, family)
        kernel.run(policy_table.remove(family))
    if dns_address and dns_address in loopback.addresses():
        loopback.remove(dns_address)


def _service_of_key(services: Informer[Service], key: ServiceKey) -> Service | None:
    return services.get(*key)


def _service_index(slice_: EndpointSlice) -> list[ServiceKey]:
    key = service_of(slice_)
    return [key] if key is not None else []
