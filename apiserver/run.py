"""The API server's life: etcd, caches, default objects, doors; and the way back."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from apiserver import bootstrap, default_service_cidr
from apiserver.assembly import Assembly, AssemblyConfig
from apiserver.auth import static_tokens
from apiserver.auth.user import User
from apiserver.config import ApiserverConfig
from apiserver.etcd.errors import EtcdError
from apiserver.grpc_door.server import GrpcDoor
from apiserver.kubernetes_service import KubernetesService
from apiserver.proxy_targets import ProxyTargets
from apiserver.rest import assembly as rest
from apiserver.rest import tls
from apiserver.rest.proxy import ProxyEndpoints
from apiserver.rest.server import RestServer
from apiserver.storage import metrics
from apiserver.storage.storage import Storage
from cluster import pem
from cluster.connection import Connection, server_credentials
from cluster.daemon import BUSY_GC_THRESHOLDS, Daemon, FatalError, reason
from cluster.logs import get_logger

# etcd may be starting beside us; after this it is somebody's mistake.
ETCD_SECONDS: Final = 15.0
_PROBE_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 0.05

log = get_logger()


async def run(daemon: Daemon, config: ApiserverConfig) -> None:
    """Set up everything; raises `FatalError` with one line when something is missing."""
    daemon.gc_thresholds = BUSY_GC_THRESHOLDS
    _check_files(config)
    parts = Assembly(
        AssemblyConfig(
            etcd=config.etcd,
            prefix=config.etcd_prefix,
            exclusive=config.etcd_exclusive,
            ranges=config.ranges,
            issuer=config.service_account_issuer,
            signing_key_file=config.service_account_key_files[0],
            verifying_key_files=config.service_account_key_files,
            kubelet_identity=Connection(
                "", config.daemon.ca_file, config.kubelet_client_cert_file, config.kubelet_client_key_file
            ),
            static_tokens=_static_tokens(config.token_auth_file),
        )
    )
    storage = parts.storage
    daemon.stack.push_async_callback(storage.close)
    await _connect(storage, config)
    daemon.spawn("etcd-watch", storage.feed.run())
    daemon.spawn("watch-bookmarks", storage.feed.tick())
    daemon.spawn("etcd-compaction", storage.compactor.run())
    daemon.ready_check("etcd", lambda: storage.feed.connected)
    metrics.watch_sizes(storage.caches)
    daemon.stack.push_async_callback(parts.kubelets.close)
    daemon.stack.push_async_callback(parts.usages.close)
    await bootstrap.ensure_namespaces(parts.stored_registry("namespaces"))
    await bootstrap.ensure_policy(parts.registries)
    await bootstrap.ensure_priority_classes(parts.stored_registry("priorityclasses.scheduling.k8s.io"))
    cidrs = parts.stored_registry("servicecidrs.networking.k8s.io")
    await default_service_cidr.ensure(cidrs, config.ranges.networks, time.time())
    service = _kubernetes_service(parts, config)
    await service.ensure()
    daemon.spawn("kubernetes-service", service.run())
    await _open_doors(daemon, config, parts)


def _check_files(config: ApiserverConfig) -> None:
    """What is used only later: now its owner is there to be told."""
    try:
        pem.check_pair(config.kubelet_client_cert_file, config.kubelet_client_key_file)
        pem.check_private_key(config.service_account_key_files[0])
        etcd = config.etcd
        if etcd.ca_file is not None:
            pem.check_authority(etcd.ca_file)
        if etcd.cert_file is not None and etcd.key_file is not None:
            pem.check_pair(etcd.cert_file, etcd.key_file)
    except pem.PemError as error:
        raise FatalError(str(error)) from None


async def _connect(storage: Storage, config: ApiserverConfig) -> None:
    """Wait for etcd and fill the caches."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + ETCD_SECONDS
    while True:
        try:
            await storage.client.status(_PROBE_SECONDS)
            await storage.feed.load()
            return
        except EtcdError as error:
            if loop.time() > deadline:
                endpoints = ", ".join(config.etcd.endpoints)
                raise FatalError(
                    f"etcd at {endpoints} cannot be reached: {error}; "
                    "check --etcd-endpoints and the --etcd-*-file flags, and that etcd runs"
                ) from error
        await asyncio.sleep(_RETRY_SECONDS)


def _kubernetes_service(parts: Assembly, config: ApiserverConfig) -> KubernetesService:
    return KubernetesService(
        parts.stored_registry("services"),
        parts.stored_registry("endpoints"),
        parts.stored_registry("endpointslices.discovery.k8s.io"),
        parts.allocations.first_address,
        config.advertise_address,
        config.rest_addresses[0][1],
    )


async def _open_doors(daemon: Daemon, config: ApiserverConfig, parts: Assembly) -> None:
    files = config.daemon
    door = GrpcDoor(parts.handler, parts.pod_streams, parts.authenticator)
    servers: list[RestServer] = []

    async def close() -> None:
        # Watches would otherwise keep the doors from closing.
        closing = [door.close(), *(server.close() for server in servers)]
        parts.storage.end_watches()
        await asyncio.gather(*closing)

    daemon.stack.push_async_callback(close)
    proxy = ProxyEndpoints(ProxyTargets(parts.handler, parts.registries), _kubelet_tls(config))
    daemon.stack.push_async_callback(proxy.close)
    services = rest.Services(
        handler=parts.handler,
        pod_streams=parts.pod_streams,
        proxy=proxy,
        authenticator=parts.authenticator,
        verifier=parts.verifier,
        live={},
        ready={"etcd": lambda: parts.storage.feed.connected, "process": lambda: daemon.ready},
    )
    advertised = f"{config.advertise_address}:{config.rest_addresses[0][1]}"
    for host, port in config.rest_addresses:
        try:
            context = tls.context(files.ca_file, files.cert_file, files.key_file)
            servers.append(await rest.start(services, host, port, context, advertised))
        except OSError as error:
            raise FatalError(
                f"cannot serve REST on {host}:{port}: {reason(error)}; choose another --rest-address"
            ) from error
    try:
        await door.start(config.grpc_addresses, server_credentials(files.ca_file, files.cert_file, files.key_file))
    except OSError as error:
        # Its text names the address.
        raise FatalError(f"cannot serve gRPC on {error.strerror or error}; choose another --grpc-address") from error
    await door.serving(True)


def _kubelet_tls(config: ApiserverConfig) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(config.daemon.ca_file))
    context.load_cert_chain(config.kubelet_client_cert_file, config.kubelet_client_key_file)
    return context


def _static_tokens(file: Path | None) -> Mapping[str, User]:
    try:
        return static_tokens.read(file) if file is not None else {}
    except ValueError as error:
        raise FatalError(str(error)) from error
