"""Wiring: from a config to a running kubelet. Everything opened here is closed by the daemon, last first."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from api.types import Node, Pod, Service
from cluster import connection, kernel_mounts
from cluster.cgroups import CgroupFailure, Cgroups
from cluster.client import Client
from cluster.daemon import Daemon, FatalError, reason
from cluster.events import EventRecorder
from cluster.informer import Informer
from cluster.status_server import tls_context
from kubelet.config import Config, shown
from kubelet.containers import names
from kubelet.containers.environment import MASTER_SERVICE, service_variables
from kubelet.containers.fields import PodFacts
from kubelet.containers.images import Images
from kubelet.containers.names import ClusterDns, Resolver
from kubelet.containers.starter import Starter, StarterServices
from kubelet.eviction.figures import FiguresReader
from kubelet.eviction.manager import EvictionManager
from kubelet.eviction.thresholds import Pressure
from kubelet.logs.rotate import LogRotator
from kubelet.metrics import pods as pod_metrics
from kubelet.metrics.sampler import UsageSampler
from kubelet.metrics.summary import Summary
from kubelet.metrics.usage import UsageReader
from kubelet.network.routes import Routes
from kubelet.node import machine
from kubelet.node.lease import NodeLease
from kubelet.node.machine import Usage
from kubelet.node.reporter import NodeReporter, Registration
from kubelet.node.status import Identity, Measured, Size, allocatable
from kubelet.objects import ObjectCache
from kubelet.paths import Paths
from kubelet.pod_cgroups import PodCgroups
from kubelet.pods.admission import NodeFacts
from kubelet.pods.executor import NodeServices
from kubelet.pods.pods import Pods
from kubelet.pods.runtime_handler import handler_check
from kubelet.pods.services import PodSource
from kubelet.pods.static import is_static
from kubelet.pods.status_writer import StatusWriter
from kubelet.pulling.collector import Collector
from kubelet.pulling.puller import PullConfig, Puller
from kubelet.pulling.secrets import PullSecrets
from kubelet.runtime.base import Runtime, RuntimeFailure, Version
from kubelet.runtime.oci.runtime import OciConfig, open_runtime
from kubelet.server.callers import Callers
from kubelet.server.front import Front
from kubelet.server.https import HttpsPages
from kubelet.server.node_usage import NodeUsage
from kubelet.server.pages import ContainerLogs, NodePages
from kubelet.server.pod_streams import PodStreams
from kubelet.server.serve import NodeServer
from kubelet.static.mirrors import Mirrors
from kubelet.static.source import NodePods, StaticPods
from kubelet.storage import open_storage
from kubelet.volumes.image import ImageVolumes
from kubelet.volumes.persistent import PersistentVolumes
from kubelet.volumes.pod_volumes import VolumeServices
from kubelet.volumes.tokens import Tokens

PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class Host:
    """The node's side of things: its runtime, cgroups, places and size."""

    runtime: Runtime
    version: Version
    cgroups: Cgroups
    pod_cgroups: PodCgroups
    paths: Paths
    size: Size


@dataclass(frozen=True, slots=True)
class Cluster:
    """The API server's side of things."""

    client: Client
    recorder: EventRecorder
    objects: ObjectCache
    nodes: Informer[Node]
    services: Informer[Service]
    pods: Informer[Pod]


async def run(daemon: Daemon, config: Config) -> None:
    """Set everything up; raises FatalError when this machine or its flags do not allow it."""
    host = await _open_host(daemon, config)
    cluster = await _open_cluster(daemon, config)
    pressure = Pressure(config.eviction)
    reporter = _node_reporter(config, host, cluster, pressure)
    writer = StatusWriter(cluster.client, cluster.pods.get)
    facts = _node_facts(config, host, reporter, pressure)
    images = _images(daemon, config, host, cluster)
    source = _pod_source(daemon, config, cluster, reporter, writer)
    storage = await open_storage(daemon, host.paths, cluster.client, config.node.name, lambda: reporter.node)
    services = _node_services(config, host, cluster, images, storage.volumes)
    pods = Pods(services, writer, source, facts, host.version.name)
    usage = UsageReader(pods, host.runtime, host.cgroups, host.pod_cgroups, config.cgroup_root)
    sampler = UsageSampler(pods, host.pod_cgroups, usage.node)
    server = NodeServer(PodStreams(pods, host.runtime, host.paths), storage.relay, NodeUsage(sampler))
    pages = _pages(daemon, config, host, pods, usage)
    await _listen(daemon, config, cluster, server, pages, ContainerLogs(pods, host.paths), host.paths.logs)
    cluster.nodes.add_handler(reporter.node_changed)
    lease = NodeLease(cluster.client, config.node.name, config.intervals, lambda: reporter.node)
    daemon.spawn("events", cluster.recorder.run())
    daemon.spawn("node-status", reporter.run())
    daemon.spawn("node-lease", lease.run())
    daemon.spawn("nodes", cluster.nodes.run())
    daemon.spawn("services", cluster.services.run())
    daemon.spawn("usage", sampler.run())
    daemon.spawn("routes", Routes(cluster.nodes, config.node.name).run())
    daemon.spawn("pod-status", writer.run())
    daemon.spawn("pods", pods.run())
    daemon.spawn("pod-objects", cluster.pods.run())
    collector = _collector(config, host, cluster, reporter)
    daemon.spawn("eviction", _eviction(config, host, cluster, pods, pressure, reporter, collector).run())
    daemon.spawn("image-collection", collector.run())
    daemon.spawn("log-rotation", LogRotator(host.runtime, config.logs, pods.live_logs).run())
    daemon.ready_check("node-registered", lambda: reporter.node is not None)
    daemon.ready_check("pods-adopted", lambda: pods.adopted)


def _pod_source(
    daemon: Daemon, config: Config, cluster: Cluster, reporter: NodeReporter, writer: StatusWriter
) -> PodSource:
    """The API server's pods and, with a place for manifests, the static ones, whose mirrors are kept from now on."""
    if config.manifests is None:
        return cluster.pods
    static = StaticPods(config.manifests, config.node.name)
    mirrors = Mirrors(
        cluster.client, lambda: reporter.node, cluster.pods.get, lambda pod: writer.again(pod.metadata.uid)
    )
    static.add_handler(mirrors.static_changed)
    cluster.pods.add_handler(mirrors.object_changed)
    source = NodePods(cluster.pods, static)
    static.read(time.time())
    daemon.spawn("static-pods", static.run())
    daemon.spawn("mirror-pods", mirrors.run())
    return source


async def _open_host(daemon: Daemon, config: Config) -> Host:
    paths = Paths(config.data_dir, config.run_dir)
    oci = OciConfig(
        run_dir=config.run_dir,
        data_dir=config.data_dir,
        image_store=config.image_store,
        pod_cidr=config.node.pod_cidr,
        node_ip=config.node.ip,
        second_pod_cidr=config.node.second_pod_cidr,
        second_node_ip=config.node.second_ip,
        monitor_cgroup=f"{config.cgroup_root.rstrip('/')}/conmon",
    )
    try:
        _make_places(paths, config.manifests)
        runtime = await daemon.stack.enter_async_context(open_runtime(oci))
        size = Size(
            cpu_millis=config.node.cpu_millis or machine.cpu_millis(),
            memory_bytes=config.node.memory_bytes or machine.memory_bytes(),
            ephemeral_bytes=machine.disk(config.data_dir).total_bytes,
            max_pods=config.node.max_pods,
            huge_page_sizes=machine.huge_page_sizes(),
        )
        cgroups = Cgroups.detect()
        pod_cgroups = PodCgroups(cgroups, config.cgroup_root)
        pod_cgroups.set_up(size.cpu_millis, size.memory_bytes)
        return Host(runtime, await runtime.version(), cgroups, pod_cgroups, paths, size)
    except (RuntimeFailure, CgroupFailure) as error:
        raise FatalError(str(error)) from error
    except OSError as error:
        if error.filename is None:
            raise  # said of no file: only where it came from tells anything
        raise FatalError(f"cannot use {error.filename}: {error.strerror}") from error


def _make_places(paths: Paths, manifests: Path | None) -> None:
    """Make the folders; volumes that must not reach a disk get a tmpfs unless they are on one."""
    for directory in (paths.pods, paths.logs, paths.memory):
        directory.mkdir(parents=True, exist_ok=True)
    if manifests is not None and not manifests.exists():
        manifests.mkdir(parents=True)
    if not kernel_mounts.is_tmpfs(paths.memory):
        kernel_mounts.mount_tmpfs(paths.memory, size_bytes=None, mode=PRIVATE)
    # Containers see their files through mounts of their own; nobody else of this machine has business here.
    for directory in (paths.pods, paths.memory):
        directory.chmod(PRIVATE)


async def _open_cluster(daemon: Daemon, config: Config) -> Cluster:
    channel = connection.open_channel(config.connection)
    daemon.stack.push_async_callback(channel.close)
    client = Client(channel)
    daemon.stack.push_async_callback(client.close)
    objects = ObjectCache(client)
    daemon.stack.push_async_callback(objects.close)
    return Cluster(
        client=client,
        recorder=EventRecorder(client, "kubelet", config.node.name),
        objects=objects,
        nodes=Informer(client, Node),
        services=Informer(client, Service, indexes={"namespace": lambda service: [service.metadata.namespace]}),
        pods=Informer(client, Pod, field_selector=f"spec.nodeName={config.node.name}"),
    )


def _usage(config: Config, host: Host) -> Usage:
    return machine.usage(host.size.memory_bytes, host.cgroups, config.cgroup_root, config.data_dir, config.image_store)


def _eviction(
    config: Config,
    host: Host,
    cluster: Cluster,
    pods: Pods,
    pressure: Pressure,
    reporter: NodeReporter,
    collector: Collector,
) -> EvictionManager:
    return EvictionManager(
        pressure,
        lambda: _usage(config, host),
        pods,
        FiguresReader(host.runtime, host.pod_cgroups, host.paths),
        cluster.recorder,
        lambda: reporter.node,
        reporter.wake,
        lambda: collector.collect(time.time()),
    )


def _node_reporter(config: Config, host: Host, cluster: Cluster, pressure: Pressure) -> NodeReporter:
    told = config.node
    identity = Identity(told.name, told.ip, told.listen[1], machine.system_info(host.version), told.second_ip)

    async def measure() -> Measured:
        problems: list[str] = []
        images = []
        try:
            await host.runtime.version()
            images = await host.runtime.list_images()
        except RuntimeFailure as error:
            problems.append(f"container runtime is down: {error}")
        return Measured(host.size, config.node.eviction_hard, pressure.conditions, images, problems)

    registration = Registration.of(config.node)
    return NodeReporter(cluster.client, cluster.recorder, registration, identity, config.intervals, measure)


def _node_facts(config: Config, host: Host, reporter: NodeReporter, pressure: Pressure) -> Callable[[], NodeFacts]:
    registered = Registration.of(config.node).node()
    limits = allocatable(host.size, config.node.eviction_hard)

    def facts() -> NodeFacts:
        node = reporter.node or registered
        return NodeFacts(
            name=config.node.name,
            labels=node.metadata.labels,
            taints=node.spec.taints,
            allocatable=limits,
            allowed_unsafe_sysctls=config.allowed_unsafe_sysctls,
            pressures=pressure.conditions,
        )

    return facts


def _images(daemon: Daemon, config: Config, host: Host, cluster: Cluster) -> Images:
    given = config.images
    puller = Puller(
        PullConfig(
            image_store=config.image_store,
            certs_dir=given.certs_dir,
            network_namespace=given.network_namespace,
            max_parallel=given.max_parallel,
            qps=given.qps,
            burst=given.burst,
        )
    )
    daemon.stack.push_async_callback(puller.close)
    return Images(host.runtime, puller, PullSecrets(cluster.objects, config.data_dir / "config.json"), time.time)


def _collector(config: Config, host: Host, cluster: Cluster, reporter: NodeReporter) -> Collector:
    def announce(type: str, reason: str, message: str) -> None:
        if reporter.node is not None:
            cluster.recorder.record(reporter.node, type, reason, message)

    # The store's folder is made with its first image.
    place = config.image_store if config.image_store.exists() else config.data_dir
    return Collector(host.runtime, config.images.collector, lambda: machine.disk(place), announce)


def _node_services(
    config: Config, host: Host, cluster: Cluster, images: Images, persistent: PersistentVolumes
) -> NodeServices:
    limits = allocatable(host.size, config.node.eviction_hard)
    starter = StarterServices(
        runtime=host.runtime,
        images=images,
        objects=cluster.objects,
        paths=host.paths,
        seccomp_dir=config.seccomp_dir,
        node_memory_bytes=host.size.memory_bytes,
        service_variables=_service_variables(cluster.services),
    )
    return NodeServices(
        runtime=host.runtime,
        starter=Starter(starter),
        images=images,
        volumes=VolumeServices(
            host.paths,
            cluster.objects,
            Tokens(cluster.client),
            persistent,
            ImageVolumes(images, config.image_store, cluster.recorder),
        ),
        cgroups=host.pod_cgroups,
        recorder=cluster.recorder,
        paths=host.paths,
        dns=ClusterDns(config.dns.servers, config.dns.domain, _host_resolver(config)),
        node_name=config.node.name,
        node_ip=config.node.ip,
        check_handler=handler_check(cluster.client),
        facts=lambda pod_ips: _pod_facts(config, limits, *pod_ips),
        second_node_ip=config.node.second_ip,
    )


def _pod_facts(config: Config, limits: Mapping[str, str], pod_ip: str = "", second_pod_ip: str = "") -> PodFacts:
    return PodFacts(pod_ip, config.node.ip, limits, second_pod_ip, config.node.second_ip)


def _host_resolver(config: Config) -> Resolver:
    try:
        return names.parse_resolver(config.dns.host_file.read_text())
    except FileNotFoundError:
        return Resolver()


def _service_variables(services: Informer[Service]) -> Callable[[Pod], Awaitable[Mapping[str, str]]]:
    async def variables(pod: Pod) -> Mapping[str, str]:
        if not is_static(pod):
            await services.synced.wait()
        namespace = pod.metadata.namespace
        candidates = services.by_index("namespace", namespace)
        master = services.get(*MASTER_SERVICE)
        if master is not None and namespace != MASTER_SERVICE[0]:
            candidates.append(master)
        return service_variables(namespace, candidates, links=pod.spec.enable_service_links is not False)

    return variables


async def _listen(
    daemon: Daemon,
    config: Config,
    cluster: Cluster,
    server: NodeServer,
    pages: NodePages,
    logs: ContainerLogs,
    log_folder: Path,
) -> None:
    """Open the node's port: gRPC and HTTPS on one."""
    identity = config.connection
    host, port = config.node.listen
    credentials = connection.server_credentials(identity.ca_file, identity.cert_file, identity.key_file)
    context = tls_context(identity.ca_file, identity.cert_file, identity.key_file)
    # Abstract: it needs no folder and is gone with the process; who connects still has to show a certificate.
    inner = f"podling-kubelet-{os.getpid()}-{config.node.name}"
    https = HttpsPages(Callers(cluster.client, config.node.name), pages.all(), logs.read, log_folder)
    front = Front(f"\0{inner}", context, https.serve)
    try:
        await server.start_at(f"unix-abstract:{inner}", credentials)
        daemon.stack.push_async_callback(server.close)
        await front.start(host, port)
        daemon.stack.push_async_callback(front.close)
    except OSError as error:
        raise FatalError(f"cannot listen on {host}:{port}: {reason(error)}; choose another --listen") from error


def _pages(daemon: Daemon, config: Config, host: Host, pods: Pods, usage: UsageReader) -> NodePages:
    summary = Summary(config.node.name, usage, host.paths, lambda: _usage(config, host))
    pages = NodePages(pods, usage, summary, host.size, shown(config))
    for path, page in pages.metrics().items():
        daemon.add_page(path, page)
    pod_metrics.node_name.labels(config.node.name).set(1)
    pods.export_gauges()
    return pages
