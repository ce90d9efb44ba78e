"""From what went wrong here to the status a CSI caller understands."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import grpc

from csi.local import records
from csi.local.filesystems import FileSystemFailure
from csi.local.records import VolumeProblem

R = TypeVar("R")

_CODES: Final = {
    records.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    records.ABSENT: grpc.StatusCode.NOT_FOUND,
    records.EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    records.FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,
    records.BUSY: grpc.StatusCode.FAILED_PRECONDITION,
    records.TOO_SMALL: grpc.StatusCode.OUT_OF_RANGE,
}


async def answer(context: grpc.aio.ServicerContext, work: Callable[[], R]) -> R:
    """What `work`, run in a thread, returns; what it raises ends the call with a status."""
    return await told(context, asyncio.to_thread(work))


async def told(context: grpc.aio.ServicerContext, result: Awaitable[R]) -> R:
    """A result; what it raises instead ends the call with a status."""
    try:
        return await result
    except VolumeProblem as problem:
        code, text = _CODES[problem.reason], str(problem)
    except FileSystemFailure as failure:
        code, text = grpc.StatusCode.INTERNAL, str(failure)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        code = grpc.StatusCode.RESOURCE_EXHAUSTED if full else grpc.StatusCode.INTERNAL
        text = f"{error.filename or 'the disk'}: {error.strerror}"
    await context.abort(code, text)
    raise AssertionError("abort returns never")
