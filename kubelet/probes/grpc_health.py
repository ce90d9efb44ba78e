"""The gRPC health protocol as a probe (upstream: pkg/probe/grpc)."""

from __future__ import annotations

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from kubelet.probes.tracker import Answer, Outcome
from kubelet.version import PROBE_AGENT


async def ask(host: str, port: int, service: str, timeout: float) -> Outcome:
    """Ask host:port about a service; `""` is the server as a whole."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = (("grpc.primary_user_agent", PROBE_AGENT),)
    request = health_pb2.HealthCheckRequest(service=service)
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        try:
            response = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=timeout, wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            return Outcome(Answer.FAILURE, _failure_text(error, address, timeout))
    if response.status == health_pb2.HealthCheckResponse.SERVING:
        return Outcome(Answer.SUCCESS)
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)
    return Outcome(Answer.FAILURE, f'service unhealthy (responded with "{status}")')


def _failure_text(error: grpc.aio.AioRpcError, address: str, timeout: float) -> str:
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return f"error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {details}"
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f'timeout: failed to connect service "{address}" within {timeout:g}s: context deadline exceeded'
    return f"error: health rpc probe failed: rpc error: code = {code.name} desc = {details}"
