"""Work in a thread of its own, which ends with it.

A thread that entered or made namespaces must not be used again, so pools cannot do this work. Only the calls that
need one thread's own view of the system belong here: network, UTS and IPC namespaces and the working folder are
per thread; Python, gRPC and the event loop in the other threads do not notice.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def run_alone(work: Callable[[], Result]) -> Result:
    """Run `work` in a new thread, wait for it, and return what it returns or raise what it raises."""
    future: concurrent.futures.Future[Result] = concurrent.futures.Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="own-namespaces", daemon=True).start()
    return future.result()


async def in_own_thread(work: Callable[[], Result]) -> Result:
    """Run `work` in a new thread and return what it returns or raise what it raises.

    When the caller is cancelled the work still runs to its end; its result is dropped.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def finish(result: Result | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        try:
            result, error = work(), None
        except BaseException as raised:
            result, error = None, raised
        loop.call_soon_threadsafe(finish, result, error)

    threading.Thread(target=run, name="own-namespaces", daemon=True).start()
    return await future
