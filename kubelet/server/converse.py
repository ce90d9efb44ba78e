"""Joining a gRPC stream to a process in a container (exec, attach) or to a port in a pod."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeAlias

from cluster.pb import streams_pb2 as pb
from kubelet.runtime.base import ByteReader, Connection, Session

CHUNK_BYTES = 32 * 1024
# Messages read ahead of a slow client.
MAX_WAITING = 16
# A process that has ended may have left its output open to children of its own: they are not waited for.
DRAIN_SECONDS = 1.0

# What is to be sent; None after the last.
Outputs: TypeAlias = "asyncio.Queue[pb.StreamOutput | None]"


async def converse(session: Session, inputs: AsyncIterator[pb.StreamInput]) -> AsyncIterator[pb.StreamOutput]:
    """Carry input in and output out until the process ends; the last message is its exit code.

    The session is closed at the end, however it comes.
    """
    waiting: Outputs = asyncio.Queue(MAX_WAITING)
    tasks = [
        asyncio.create_task(_feed(session, inputs), name="exec-stdin"),
        asyncio.create_task(_collect(session, waiting), name="exec-output"),
    ]
    try:
        while (output := await waiting.get()) is not None:
            yield output
        yield pb.StreamOutput(exit=pb.ExitStatus(code=await session.wait()))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await session.close()


async def _feed(session: Session, inputs: AsyncIterator[pb.StreamInput]) -> None:
    async for message in inputs:
        kind = message.WhichOneof("message")
        if kind == "stdin":
            await session.write_stdin(message.stdin)
        elif kind == "stdin_closed":
            await session.close_stdin()
        elif kind == "resize":
            await session.resize(message.resize.width, message.resize.height)
    await session.close_stdin()


async def _collect(session: Session, waiting: Outputs) -> None:
    """Read both streams to their end, or until a moment after the process has ended; then put None."""
    pumps = [asyncio.create_task(_pump(session.stdout, waiting, lambda data: pb.StreamOutput(stdout=data)))]
    if session.stderr is not None:
        pumps.append(asyncio.create_task(_pump(session.stderr, waiting, lambda data: pb.StreamOutput(stderr=data))))
    ended = asyncio.create_task(session.wait())
    reading = asyncio.create_task(_finish(pumps))
    try:
        await asyncio.wait({reading, ended}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({reading}, timeout=DRAIN_SECONDS)
    finally:
        for task in (*pumps, reading):
            task.cancel()
        ended.cancel()
        await asyncio.wait({*pumps, reading})
        await asyncio.wait({ended})
    await waiting.put(None)


async def _finish(pumps: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.wait(pumps)


async def _pump(reader: ByteReader, waiting: Outputs, wrap: Callable[[bytes], pb.StreamOutput]) -> None:
    while data := await reader.read(CHUNK_BYTES):
        await waiting.put(wrap(data))


async def forward(
    connection: Connection, inputs: AsyncIterator[pb.PortForwardMessage]
) -> AsyncIterator[pb.PortForwardMessage]:
    """Carry bytes both ways until the pod's side has said all; the connection is closed at the end."""
    sender = asyncio.create_task(_send(connection, inputs), name="port-forward")
    try:
        while data := await connection.reader.read(CHUNK_BYTES):
            yield pb.PortForwardMessage(data=data)
    finally:
        sender.cancel()
        await asyncio.wait([sender])
        await connection.close()


async def _send(connection: Connection, inputs: AsyncIterator[pb.PortForwardMessage]) -> None:
    try:
        async for message in inputs:
            if message.data:
                await connection.write(message.data)
        await connection.close_write()
    except OSError:
        return  # the pod closed its end: the reading side sees it too
