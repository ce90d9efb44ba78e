"""From what went wrong here to the status a CSI caller understands."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Final, TypeVar

import grpc

from csi.local import volumes
from csi.local.filesystems import FileSystemFailure
from csi.local.volumes import VolumeProblem

R = TypeVar("R")

_CODES: Final = {
    volumes.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    volumes.ABSENT: grpc.StatusCode.NOT_FOUND,
    volumes.EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    volumes.FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,
    volumes.BUSY: grpc.StatusCode.FAILED_PRECONDITION,
    volumes.TOO_SMALL: grpc.StatusCode.OUT_OF_RANGE,
}


async def answer(context: grpc.aio.ServicerContext, work: Callable[[], R]) -> R:
    """What `work`, run in a thread, returns; what it raises ends the call with a status."""
    try:
        return await asyncio.to_thread(work)
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
