"""Pulls images, each in a short-lived process: what HTTP, TLS and unpacking need does not stay in the kubelet.

One at a time unless told otherwise, and not more often than a rate (upstream: serializeImagePulls,
maxParallelImagePulls, registryPullQPS, registryBurst). Who wants the same image meanwhile waits for the same pull.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from images import access
from images.pull_request import Offer, Outcome, Request
from images.store import Store
from kubelet.runtime.oci.descriptors import Descriptor
from kubelet.runtime.oci.processes import spawn

_PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "PYTHONOPTIMIZE")
_MAX_COMPLAINT = 4096


class PullFailure(Exception):
    """The image could not be had. The text is for people."""


@dataclass(frozen=True, slots=True)
class PullConfig:
    """image_store, certs_dir: as `images` has them.

    network_namespace: where pulls are made from, "" for the kubelet's own. max_parallel: 0 for no limit, 1 for one
    after the other. qps: pulls per second in the long run, 0 for any; burst: at once.
    """

    image_store: Path
    certs_dir: Path
    network_namespace: str = ""
    max_parallel: int = 1
    qps: float = 5.0
    burst: int = 10


@dataclass(frozen=True, slots=True)
class Pulled:
    """seconds: of the pull itself, without the time it waited for its turn."""

    size_bytes: int
    seconds: float


class Pulls(Protocol):
    """What the containers' images need of a `Puller`."""

    async def pull(self, image: str, offers: Sequence[Offer]) -> Pulled:
        """Raises PullFailure."""

    async def is_restricted(self, image_id: str) -> bool:
        """Whether an image was pulled with credentials that its users must have, too."""

    async def may_use(self, image_id: str, repository: str, offers: Sequence[Offer]) -> bool:
        """Whether these credentials are enough."""


class RateLimit:
    """Tokens that come back with time; holds no clock."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = float(burst)
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Whether there was one left."""
        if self._per_second <= 0:
            return True
        self._tokens = (
            min(self._tokens + (now - self._at) * self._per_second, self._burst) if self._at else self._tokens
        )
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Puller:
    """Keeps the pulls under way. `close` ends them."""

    def __init__(self, config: PullConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._store = Store(config.image_store)
        self._turn = asyncio.Semaphore(config.max_parallel) if config.max_parallel else None
        self._rate = RateLimit(config.qps, config.burst)
        self._running: dict[tuple[str, tuple[Offer, ...]], asyncio.Task[Pulled]] = {}

    async def pull(self, image: str, offers: Sequence[Offer]) -> Pulled:
        """Have the store hold what the registry has under this name now. Raises PullFailure."""
        key = (image, tuple(offers))
        task = self._running.get(key)
        if task is None:
            if not self._rate.take(self._clock()):
                raise PullFailure("pull QPS exceeded")
            task = self._running[key] = asyncio.create_task(self._in_turn(image, offers), name=f"pull {image}")
            task.add_done_callback(lambda done: self._ended(key, done))
        # A pod that goes away does not end what others wait for.
        return await asyncio.shield(task)

    async def is_restricted(self, image_id: str) -> bool:
        """See `Pulls`."""
        return not access.allows(self._store, image_id, "", ())

    async def may_use(self, image_id: str, repository: str, offers: Sequence[Offer]) -> bool:
        """See `Pulls`."""
        return access.allows(self._store, image_id, repository, [offer.origin for offer in offers])

    async def close(self) -> None:
        """End all pulls; the store is as before them."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _ended(self, key: tuple[str, tuple[Offer, ...]], task: asyncio.Task[Pulled]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            # Whoever waited was told; when their pod has gone meanwhile, nobody is left to retrieve a failure.
            task.exception()

    async def _in_turn(self, image: str, offers: Sequence[Offer]) -> Pulled:
        if self._turn is None:
            return await self._pull(image, offers)
        async with self._turn:
            return await self._pull(image, offers)

    async def _pull(self, image: str, offers: Sequence[Offer]) -> Pulled:
        config = self._config
        began = self._clock()
        request = Request(
            image=image, store=str(config.image_store), certs_dir=str(config.certs_dir), offers=list(offers)
        )
        outcome = await _converse(self._command(), msgspec.json.encode(request))
        if outcome.error:
            raise PullFailure(outcome.error)
        return Pulled(outcome.size_bytes, self._clock() - began)

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "images.pull"]
        if not self._config.network_namespace:
            return command
        nsenter = shutil.which("nsenter")
        if nsenter is None:
            raise PullFailure("nsenter is not installed: apt-get install util-linux")
        return [nsenter, f"--net={self._config.network_namespace}", *command]


async def _converse(command: Sequence[str], request: bytes) -> Outcome:
    """Start the process, tell it, hear it out; it does not outlive us. Raises PullFailure."""
    question, answer, complaint = (
        os.memfd_create("pull", os.MFD_CLOEXEC),
        os.pipe2(os.O_CLOEXEC),
        os.pipe2(os.O_CLOEXEC),
    )
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        os.write(question, request)
        os.lseek(question, 0, os.SEEK_SET)
        process = spawn(command, stdin=question, stdout=answer[1], stderr=complaint[1], environment=environment)
    except OSError as error:
        os.close(answer[0])
        os.close(complaint[0])
        raise PullFailure(f"cannot run {command[0]}: {error.strerror}") from error
    finally:
        os.close(question)
        os.close(answer[1])
        os.close(complaint[1])
    output, errors = Descriptor(answer[0]), Descriptor(complaint[0])
    try:
        said, cried = await asyncio.gather(_read(output), _read(errors))
        code = await process.wait()
    finally:
        process.kill()
        output.close()
        errors.close()
    if code:
        last = cried.decode(errors="replace").strip().rpartition("\n")[2][:_MAX_COMPLAINT]
        raise PullFailure(f"the process that pulls ended with code {code}: {last or 'it said nothing'}")
    return msgspec.json.decode(said, type=Outcome)


async def _read(stream: Descriptor) -> bytes:
    parts = []
    while data := await stream.read():
        parts.append(data)
    return b"".join(parts)
