"""pods/exec and pods/attach: joins what the client's connection carries to the kubelet's stream.

The carriers are `command_websocket` and `command_spdy`; the outcome is told as upstream tells it (remotecommand v4:
a Status whose cause `ExitCode` holds a non-zero exit code).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing
from typing import Any, Final, Protocol

import orjson

from api import errors
from apiserver.pod_streams import PodStreams
from apiserver.rest import query
from apiserver.rest.call import Call
from cluster.logs import get_logger
from cluster.pb import streams_pb2 as pb

SUCCESS: Final = {"metadata": {}, "status": "Success"}
log = get_logger()


class Carrier(Protocol):
    """A client's connection, already upgraded."""

    def inputs(self) -> AsyncIterator[pb.StreamInput]:
        """What the client sends, until it closes its side."""
        ...

    async def gone(self) -> None:
        """Returns once the client has closed the connection."""
        ...

    async def output(self, *, stdout: bytes = b"", stderr: bytes = b"") -> None:
        """Raises ConnectionError when the client is gone."""
        ...

    async def finish(self, status: Mapping[str, Any]) -> None:
        """Tell the outcome and close. Raises ConnectionError when the client is gone."""
        ...


def stream_start(call: Call) -> pb.StreamStart:
    """The query as the first message to the kubelet. Raises `BadRequest` (upstream PodExecOptions)."""
    values = call.query
    start = pb.StreamStart(
        namespace=call.info.namespace,
        pod=call.info.name,
        container=query.first(values, "container"),
        command=list(values.get("command", ())),
        stdin=query.flag(values, "stdin"),
        stdout=query.flag(values, "stdout"),
        stderr=query.flag(values, "stderr"),
        tty=query.flag(values, "tty"),
    )
    if call.info.subresource == "exec" and not start.command:
        raise errors.BadRequest("you must specify at least 1 command for the container")
    if not (start.stdin or start.stdout or start.stderr):
        raise errors.BadRequest("you must specify at least 1 of stdin, stdout, stderr")
    if start.tty:
        # One terminal has one output (as upstream).
        start.stderr = False
    return start


async def run(
    streams: PodStreams, call: Call, start: pb.StreamStart, upgrade: Callable[[], Awaitable[Carrier]]
) -> None:
    """Carry bytes until the command has ended or the client is gone.

    `upgrade` is called once the kubelet has been called, so that what is refused before that is refused over plain
    HTTP. Raises `StatusError` until then.
    """
    conversation = _Conversation(streams, call, start)
    async with aclosing(conversation.outputs) as outputs:
        first = await conversation.begin()
        try:
            carrier = await upgrade()
            conversation.attach(carrier)
            await _while_connected(_carry(first, outputs, carrier), carrier)
        finally:
            first.cancel()
            await asyncio.wait({first})


async def _while_connected(work: Coroutine[Any, Any, None], carrier: Carrier) -> None:
    """Do `work` until it is done or the client has left."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(carrier.gone())
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()
        gone.cancel()
        await asyncio.wait({working, gone})
    if not working.cancelled():
        working.result()


class _Conversation:
    """The kubelet's side, begun before there is a carrier."""

    def __init__(self, streams: PodStreams, call: Call, start: pb.StreamStart) -> None:
        opened = streams.exec if call.info.subresource == "exec" else streams.attach
        self.outputs = opened(call.user, start, self._inputs(), call.info.verb)
        self._asked_for_input = asyncio.Event()
        self._carrier: asyncio.Future[Carrier] = asyncio.get_running_loop().create_future()

    async def begin(self) -> asyncio.Future[pb.StreamOutput | None]:
        """Call the kubelet; the first output to come. Raises `StatusError` when it is refused before that."""
        first = asyncio.ensure_future(anext(self.outputs, None))
        asked = asyncio.ensure_future(self._asked_for_input.wait())
        try:
            await asyncio.wait({first, asked}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            first.cancel()
            await asyncio.wait({first})
            raise
        finally:
            asked.cancel()
        if first.done() and (error := first.exception()) is not None:
            raise error
        return first

    def attach(self, carrier: Carrier) -> None:
        self._carrier.set_result(carrier)

    async def _inputs(self) -> AsyncIterator[pb.StreamInput]:
        # The call is under way when its input is asked for.
        self._asked_for_input.set()
        # A call that fails before there is a carrier ends its inputs: the carrier is still to come, and to be told.
        carrier = await asyncio.shield(self._carrier)
        async for message in carrier.inputs():
            yield message


async def _carry(
    first: asyncio.Future[pb.StreamOutput | None], outputs: AsyncIterator[pb.StreamOutput], carrier: Carrier
) -> None:
    status: Mapping[str, Any] = SUCCESS
    try:
        message = await first
        while message is not None:
            if message.HasField("exit"):
                status = exit_status(message.exit)
            else:
                await carrier.output(stdout=message.stdout, stderr=message.stderr)
            message = await anext(outputs, None)
        await carrier.finish(status)
    except errors.StatusError as error:
        await carrier.finish(error.to_status())
    except ConnectionError:
        log.debug("client left a running stream")


def exit_status(exit: pb.ExitStatus) -> dict[str, Any]:
    """The Status that tells how the command ended."""
    if exit.error:
        return errors.InternalError(exit.error).to_status()
    if not exit.code:
        return dict(SUCCESS)
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {exit.code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(exit.code)}]},
    }


def status_text(status: Mapping[str, Any]) -> bytes:
    """The outcome for protocols older than v4: a message on failure, nothing on success."""
    return b"" if status["status"] == "Success" else str(status["message"]).encode()


def status_json(status: Mapping[str, Any]) -> bytes:
    return orjson.dumps(status)


def terminal_size(message: bytes) -> pb.StreamInput | None:
    """A resize message, `{"Width":80,"Height":24}`; None when it is none (upstream ignores those)."""
    try:
        size = orjson.loads(message)
        return pb.StreamInput(resize=pb.TerminalSize(width=int(size["Width"]), height=int(size["Height"])))
    except (ValueError, KeyError, TypeError):
        return None
