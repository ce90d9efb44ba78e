"""The supervisor's gRPC service on a Unix socket, and the client that commands use to talk to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc

from cluster.cgroups import CgroupFailure
from cluster.logs import get_logger
from cluster.pb import launcher_pb2 as pb
from cluster.pb import launcher_pb2_grpc as pb_grpc
from podling.launcher import health
from podling.launcher.network import NetworkFailure
from podling.launcher.plan import Cluster
from podling.launcher.supervisor import Running, Supervisor

CALL_SECONDS = 60.0

log = get_logger()


def socket_path(cluster: Cluster) -> Path:
    return cluster.run_dir / "launcher.sock"


class LauncherService(pb_grpc.LauncherServicer):  # type: ignore[misc]
    """Answers `podling status`, `podling node …` and `podling restart`."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._tls = health.admin_tls(supervisor.cluster)

    async def Status(self, request: pb.LauncherStatusRequest, context: grpc.aio.ServicerContext) -> pb.LauncherStatus:
        statuses = await asyncio.gather(*(self._status(running) for running in self._supervisor.running.values()))
        return pb.LauncherStatus(processes=statuses)

    async def KillNode(self, request: pb.NodeRequest, context: grpc.aio.ServicerContext) -> pb.NodeResponse:
        await self._switch(self._supervisor.kill_node, request.node, context)
        return pb.NodeResponse()

    async def StartNode(self, request: pb.NodeRequest, context: grpc.aio.ServicerContext) -> pb.NodeResponse:
        await self._switch(self._supervisor.start_node, request.node, context)
        return pb.NodeResponse()

    async def _switch(
        self, switch: Callable[[str], Awaitable[None]], node: str, context: grpc.aio.ServicerContext
    ) -> None:
        try:
            await switch(node)
        except KeyError:
            known = ", ".join(each.name for each in self._supervisor.cluster.nodes)
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no node {node!r}; there are {known}")
        except (OSError, CgroupFailure, NetworkFailure) as error:
            log.exception("could not switch a node", node=node)
            await context.abort(grpc.StatusCode.INTERNAL, f"node {node}: {error}; see log/launcher.log")

    async def RestartProcess(self, request: pb.ProcessRequest, context: grpc.aio.ServicerContext) -> pb.ProcessResponse:
        try:
            await self._supervisor.restart_process(request.name)
        except KeyError:
            known = ", ".join(self._supervisor.running)
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no process {request.name!r}; there are {known}")
        return pb.ProcessResponse()

    async def _status(self, running: Running) -> pb.ProcessStatus:
        process = running.process
        if not running.pid:
            state = "down"
        elif process.status is None:
            state = "ok"
        else:
            state = await asyncio.to_thread(health.readyz, process.status, self._tls)
        return pb.ProcessStatus(
            name=process.name,
            pid=running.pid,
            node=process.node,
            address=process.address,
            health=state,
            rss_bytes=health.rss_bytes(running.pid),
            restarts=running.restarts,
        )


async def serve(supervisor: Supervisor) -> grpc.aio.Server:
    """Listen on the cluster's socket; the directory is its owner's alone."""
    server = grpc.aio.server()
    pb_grpc.add_LauncherServicer_to_server(LauncherService(supervisor), server)
    server.add_insecure_port(f"unix:{socket_path(supervisor.cluster)}")
    await server.start()
    return server


def call(cluster: Cluster, ask: Callable[[Any], Any]) -> Any:
    """Ask the supervisor something: `call(cluster, lambda launcher: launcher.Status(...))`. Raises grpc.RpcError."""
    with grpc.insecure_channel(f"unix:{socket_path(cluster)}") as channel:
        return ask(pb_grpc.LauncherStub(channel))


def start_node(cluster: Cluster, name: str) -> None:
    """Power a node on, if it is off. Raises grpc.RpcError."""
    call(cluster, lambda launcher: launcher.StartNode(pb.NodeRequest(node=name), timeout=CALL_SECONDS))


def kill_node(cluster: Cluster, name: str) -> None:
    """Power a node off. Raises grpc.RpcError."""
    call(cluster, lambda launcher: launcher.KillNode(pb.NodeRequest(node=name), timeout=CALL_SECONDS))


def restart_process(cluster: Cluster, name: str) -> None:
    """SIGTERM a process; it is started again. Raises grpc.RpcError."""
    call(cluster, lambda launcher: launcher.RestartProcess(pb.ProcessRequest(name=name), timeout=CALL_SECONDS))


def status(cluster: Cluster) -> pb.LauncherStatus:
    """Every process as it is now. Raises grpc.RpcError."""
    return call(cluster, lambda launcher: launcher.Status(pb.LauncherStatusRequest(), timeout=CALL_SECONDS))
