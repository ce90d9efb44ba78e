"""The subresources of pods that are streams: log, exec, attach, portforward."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from api import errors
from apiserver.pod_streams import PodStreams
from apiserver.rest import (
    byte_transports,
    command_spdy,
    command_websocket,
    pod_logs,
    port_forward_spdy,
    port_forward_websocket,
    remote_command,
    websockets,
)
from apiserver.rest.byte_transports import UpgradedConnection, WebSocketTransport, switched
from apiserver.rest.call import Call
from apiserver.rest.replies import Reply, failure
from apiserver.rest.spdy import ProtocolError
from cluster.logs import get_logger

SUBRESOURCES: Final = frozenset({"log", "exec", "attach", "portforward"})
log = get_logger()


class PodEndpoints:
    def __init__(self, streams: PodStreams) -> None:
        self._streams = streams

    async def serve(self, call: Call) -> web.StreamResponse:
        """Raises `StatusError` before the connection is upgraded."""
        subresource = call.info.subresource
        if subresource == "log":
            return await pod_logs.serve(self._streams, call)
        info = call.info
        try:
            if subresource == "portforward":
                await self._streams.check(call.user, info.verb, subresource, info.namespace, info.name)
                return await self._port_forward(call)
            return await self._command(call)
        except ProtocolError as error:
            log.warning("client broke the SPDY protocol", pod=info.name, namespace=info.namespace, error=str(error))
            raise ConnectionResetError("the client does not speak SPDY/3.1") from error

    async def _command(self, call: Call) -> web.StreamResponse:
        start = remote_command.stream_start(call)
        if websockets.requested(call.request):
            carrier = command_websocket.WebSocketCarrier(call.request, start)
            await remote_command.run(self._streams, call, start, carrier.accept)
            return carrier.socket
        protocol = _agreed(call, command_spdy.PROTOCOLS, command_spdy.PROTOCOLS[-1])
        if not protocol:
            return _no_protocol(call, command_spdy.PROTOCOLS)
        over_spdy = command_spdy.SpdyCarrier(UpgradedConnection(call.request, switched(protocol)), protocol, start)
        try:
            await remote_command.run(self._streams, call, start, over_spdy.open)
        except TimeoutError:
            log.warning("client opened too few streams", pod=start.pod, namespace=start.namespace)
        finally:
            await over_spdy.close()
        return over_spdy.connection

    async def _port_forward(self, call: Call) -> web.StreamResponse:
        request = call.request
        if websockets.requested(request):
            if port_forward_spdy.TUNNEL_PROTOCOL not in websockets.offered(request):
                return await port_forward_websocket.serve(self._streams, call)
            socket = websockets.accept((port_forward_spdy.TUNNEL_PROTOCOL,))
            await socket.prepare(request)
            await port_forward_spdy.PortForwardSession(self._streams, call, WebSocketTransport(socket)).run()
            return socket
        protocols = (port_forward_spdy.PROTOCOL,)
        protocol = _agreed(call, protocols, port_forward_spdy.PROTOCOL)
        if not protocol:
            return _no_protocol(call, protocols)
        connection = UpgradedConnection(request, switched(protocol))
        connection.open()
        await port_forward_spdy.PortForwardSession(self._streams, call, connection).run()
        return connection


def _agreed(call: Call, supported: tuple[str, ...], default: str) -> str:
    """The client's first stream protocol that is supported; "" when there is none. Raises `BadRequest`."""
    if not byte_transports.requested(call.request):
        raise errors.BadRequest("Upgrade request required")
    offered = byte_transports.offered(call.request)
    if not offered:
        return default
    return next((protocol for protocol in offered if protocol in supported), "")


def _no_protocol(call: Call, supported: tuple[str, ...]) -> Reply:
    offered = byte_transports.offered(call.request)
    error = errors.Forbidden("", "", f"unable to negotiate protocol: client supports {offered}, server {supported}")
    reply = failure(error)
    for protocol in supported:
        reply.add_header("X-Accepted-Stream-Protocol-Versions", protocol)
    return reply
