"""The scheduler's gRPC service: explains placements to those who may see the pod and the nodes; health and reflection.

Callers show a certificate of the cluster's authority; what its subject may do, the API server is asked.
"""

from __future__ import annotations

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection
from msgspec import structs

from api import errors
from api.errors import StatusError
from api.types import (
    Pod,
    ResourceAttributes,
    SubjectAccessReview,
    SubjectAccessReviewSpec,
)
from cluster import grpc_errors, peer
from cluster.client import Client
from cluster.connection import SERVER_OPTIONS
from cluster.pb import scheduler_pb2 as pb
from cluster.pb import scheduler_pb2_grpc as pb_grpc
from cluster.peer import Peer
from scheduler.core import Core
from scheduler.explanation import Explanation, Verdict, explain
from scheduler.pod_info import pod_info

SERVICE = "podling.v1.Placement"
HEALTH_SERVICE = "grpc.health.v1.Health"
DRAIN_SECONDS = 2.0


class PlacementServer:
    """Listens and answers."""

    def __init__(self, client: Client, core: Core) -> None:
        self._client = client
        self._core = core
        self._health = health.HealthServicer()
        self._server = grpc.aio.server(options=SERVER_OPTIONS)
        pb_grpc.add_PlacementServicer_to_server(_Service(self), self._server)
        add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((SERVICE, HEALTH_SERVICE, reflection.SERVICE_NAME), self._server)

    async def start(self, host: str, port: int, credentials: grpc.ServerCredentials) -> None:
        """Listen. Raises OSError when the address cannot be had."""
        name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            self._server.add_secure_port(name, credentials)
        except RuntimeError as error:
            raise OSError(f"{name}: {error}") from error
        await self._server.start()
        for service in ("", SERVICE):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)

    async def close(self) -> None:
        """Refuse new calls; those in progress get a moment."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(DRAIN_SECONDS)

    async def explain(self, caller: Peer | None, namespace: str, name: str) -> pb.ExplainResponse:
        """Raises StatusError."""
        await self._authorize(caller, "get", "pods", namespace, name)
        await self._authorize(caller, "list", "nodes")
        pod = await self._client.get(Pod, name, namespace)
        profile = self._core.profiles.get(pod.spec.scheduler_name)
        if profile is None:
            mine = ", ".join(sorted(self._core.profiles))
            raise errors.BadRequest(
                f'pod "{name}" asks for the scheduler "{pod.spec.scheduler_name}"; this one schedules for {mine}'
            )
        # That it has a node is no reason for it to go there again.
        unbound = structs.replace(pod, spec=structs.replace(pod.spec, node_name=""))
        found = explain(pod_info(unbound), self._core.snapshot, profile)
        return _response(pod, profile.name, self._core.state_of(pod), found)

    async def _authorize(
        self, caller: Peer | None, verb: str, resource: str, namespace: str = "", name: str = ""
    ) -> None:
        if caller is None:
            raise errors.Unauthorized("Unauthorized")
        attributes = ResourceAttributes(verb=verb, resource=resource, namespace=namespace, name=name, version="v1")
        spec = SubjectAccessReviewSpec(user=caller.name, groups=list(caller.groups), resource_attributes=attributes)
        review = await self._client.create(SubjectAccessReview(spec=spec))
        if not review.status.allowed:
            where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
            detail = f'User "{caller.name}" cannot {verb} resource "{resource}" in API group ""{where}'
            raise errors.Forbidden(resource, name, detail)


class _Service(pb_grpc.PlacementServicer):  # type: ignore[misc]
    """The generated base's methods, with errors as gRPC carries them."""

    def __init__(self, server: PlacementServer) -> None:
        self._server = server

    async def Explain(self, request: pb.ExplainRequest, context: grpc.aio.ServicerContext) -> pb.ExplainResponse:
        try:
            return await self._server.explain(peer.of(context.auth_context()), request.namespace, request.name)
        except StatusError as error:
            await grpc_errors.abort(context, error)
            raise


def _response(pod: Pod, profile: str, state: str, found: Explanation) -> pb.ExplainResponse:
    response = pb.ExplainResponse(
        profile=profile,
        node=pod.spec.node_name,
        nominated_node=pod.status.nominated_node_name,
        state=state,
        message=found.message,
        refusal=found.refusal,
        nodes=[_verdict(verdict) for verdict in found.verdicts],
    )
    if found.room is not None:
        response.room.node = found.room[0]
        response.room.victims.extend(found.room[1])
    return response


def _verdict(verdict: Verdict) -> pb.NodeVerdict:
    scores = [pb.PluginScore(plugin=s.plugin, weight=s.weight, score=s.score) for s in verdict.scores]
    return pb.NodeVerdict(
        node=verdict.node,
        refused_by=verdict.refused_by,
        reasons=verdict.reasons,
        total=verdict.total,
        scores=scores,
    )
