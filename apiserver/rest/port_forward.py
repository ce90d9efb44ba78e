"""One forwarded connection: bytes between a client's pair of streams and a port inside a pod.

How the pair travels is `port_forward_spdy`'s (kubectl) or `port_forward_websocket`'s (other clients).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Protocol

from api import errors
from apiserver.pod_streams import PodStreams
from apiserver.rest.call import Call
from cluster.pb import streams_pb2 as pb


class Ends(Protocol):
    """The client's end of one connection."""

    def received(self) -> AsyncIterator[bytes]:
        """What the client sends, until it closes its side."""
        ...

    async def send(self, data: bytes) -> None: ...

    async def send_error(self, message: str) -> None: ...

    async def close(self) -> None:
        """No more data or errors will be sent, and what the client still sends is dropped."""
        ...


async def forward(streams: PodStreams, call: Call, port: int, ends: Ends) -> None:
    """Carry bytes until either side is done; failures reach the client on its error stream."""
    start = pb.PortForwardStart(namespace=call.info.namespace, pod=call.info.name, port=port)
    try:
        async with aclosing(streams.port_forward(call.user, start, _messages(ends), call.info.verb)) as outputs:
            async for message in outputs:
                if message.error:
                    await ends.send_error(message.error)
                elif message.data:
                    await ends.send(message.data)
    except errors.StatusError as error:
        await ends.send_error(f"error forwarding port {port} to pod {call.info.name}: {error.message}")
    finally:
        await ends.close()


def valid_port(text: str) -> int:
    """A port number between 1 and 65535. Raises `BadRequest`."""
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise errors.BadRequest(f"unable to parse {text!r} as a port")


async def _messages(ends: Ends) -> AsyncIterator[pb.PortForwardMessage]:
    async for data in ends.received():
        yield pb.PortForwardMessage(data=data)
