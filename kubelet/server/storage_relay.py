"""csi.v1.Controller of this node's own storage driver, for the cluster's provisioner: relayed to the driver's socket.

The driver keeps volumes on this node's disk, so only here can they be made; its socket is for this machine alone.
Messages pass as they are.
"""

from __future__ import annotations

import grpc
from grpc.aio import ServicerContext as Context

from kubelet.csi.drivers import CALL_SECONDS, open_channel
from kubelet.server.authorize import may_provision

PREFIX = "/csi.v1.Controller/"


class StorageRelay(grpc.GenericRpcHandler):  # type: ignore[misc]
    """endpoint: the driver's socket."""

    def __init__(self, endpoint: str) -> None:
        self._channel = open_channel(endpoint)

    async def close(self) -> None:
        await self._channel.close()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        method = handler_call_details.method
        if not method.startswith(PREFIX):
            return None
        relayed = self._channel.unary_unary(method)

        async def relay(request: bytes, context: Context) -> bytes:
            if not may_provision(context.auth_context()):
                await context.abort(grpc.StatusCode.PERMISSION_DENIED, "only the cluster's provisioner may call this")
            try:
                answer: bytes = await relayed(request, timeout=CALL_SECONDS)
                return answer
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details())
                raise

        return grpc.unary_unary_rpc_method_handler(relay)
