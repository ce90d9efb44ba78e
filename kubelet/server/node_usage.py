"""The NodeUsage service for this node (proto/usage.proto)."""

from __future__ import annotations

import grpc

from api import errors
from cluster import grpc_errors
from cluster.pb import usage_pb2 as pb
from kubelet.metrics.sampler import UsageSampler
from kubelet.metrics.samples import Rate
from kubelet.server.authorize import allowed


class NodeUsage:
    """Answers the API server and the cluster's administrators."""

    def __init__(self, sampler: UsageSampler) -> None:
        self._sampler = sampler

    async def Read(self, request: pb.UsageRequest, context: grpc.aio.ServicerContext) -> pb.UsageAnswer:
        if not allowed(context.auth_context()):
            text = "only the API server and system:masters may call a node"
            await grpc_errors.abort(context, errors.Forbidden("", "", text))
        rates = await self._sampler.rates()
        answer = pb.UsageAnswer(
            pods=[
                pb.PodUsage(
                    namespace=each.pod.metadata.namespace,
                    name=each.pod.metadata.name,
                    uid=each.pod.metadata.uid,
                    containers=[pb.ContainerUsage(name=name, usage=_message(rate)) for name, rate in each.containers],
                )
                for each in rates.pods
            ]
        )
        if rates.node is not None:
            answer.node.CopyFrom(_message(rates.node))
        return answer


def _message(rate: Rate) -> pb.Usage:
    return pb.Usage(
        time_ns=rate.time_ns,
        window_ns=rate.window_ns,
        cpu_nanocores=rate.cpu_nanocores,
        memory_bytes=rate.memory_bytes,
    )
