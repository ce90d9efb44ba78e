"""What the node tells over HTTPS, by path."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import msgspec
import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from api import codec, errors
from api.types import Pod
from kubelet.logs.cri import Format
from kubelet.logs.read import LogOptions, read_log
from kubelet.metrics.cadvisor import cadvisor_page, resource_page
from kubelet.metrics.exposition import CONTENT_TYPE
from kubelet.metrics.probes import prober_probe_total
from kubelet.metrics.summary import Summary
from kubelet.metrics.usage import UsageReader
from kubelet.node.status import Size
from kubelet.paths import Paths
from kubelet.pods.pods import Pods
from kubelet.pods.worker import PodWorker
from kubelet.server.containers import find_worker, run_for_logs

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"

Page = Callable[[], Awaitable[tuple[str, bytes]]]


class NodePages:
    """`configuration` is what /configz shows: a document without secrets."""

    def __init__(
        self, pods: Pods, usage: UsageReader, summary: Summary, size: Size, configuration: Mapping[str, object]
    ) -> None:
        self._pods = pods
        self._usage = usage
        self._summary = summary
        self._size = size
        self._configuration = configuration
        self._probes = CollectorRegistry()
        self._probes.register(prober_probe_total)

    def metrics(self) -> dict[str, Page]:
        """The pages of figures but for the process's own."""
        return {
            "/metrics/cadvisor": self._cadvisor,
            "/metrics/resource": self._resource,
            "/metrics/probes": self._probe_counts,
            "/stats/summary": self._stats,
        }

    def all(self) -> dict[str, Page]:
        """Every page of the node's own port."""
        healthy = ("/healthz", "/healthz/ping", "/healthz/log", "/healthz/syncloop")
        return self.metrics() | {
            **dict.fromkeys(healthy, self._ok),
            "/metrics": self._own,
            "/pods": partial(self._pod_list, running=False),
            "/runningpods": partial(self._pod_list, running=True),
            "/configz": self._config,
        }

    async def _ok(self) -> tuple[str, bytes]:
        return TEXT, b"ok"

    async def _own(self) -> tuple[str, bytes]:
        return CONTENT_TYPE_LATEST, prometheus_client.generate_latest()

    async def _cadvisor(self) -> tuple[str, bytes]:
        return CONTENT_TYPE, cadvisor_page(await self._usage.read(), self._size.cpu_millis, self._size.memory_bytes)

    async def _resource(self) -> tuple[str, bytes]:
        return CONTENT_TYPE, resource_page(await self._usage.read())

    async def _probe_counts(self) -> tuple[str, bytes]:
        return CONTENT_TYPE_LATEST, prometheus_client.generate_latest(self._probes)

    async def _stats(self) -> tuple[str, bytes]:
        return JSON, await self._summary.page()

    async def _config(self) -> tuple[str, bytes]:
        return JSON, msgspec.json.encode({"kubeletconfig": self._configuration})

    async def _pod_list(self, *, running: bool) -> tuple[str, bytes]:
        workers = [worker for worker in self._pods.workers() if not running or worker.record.sandbox is not None]
        items = [codec.to_tree(_with_status(worker)) for worker in workers]
        return JSON, msgspec.json.encode({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items})


def _with_status(worker: PodWorker) -> Pod:
    """The pod as this node sees it."""
    return msgspec.structs.replace(worker.record.pod, status=worker.status)


class ContainerLogs:
    """Answers /containerLogs as the log subresource does, without following."""

    def __init__(self, pods: Pods, paths: Paths) -> None:
        self._pods = pods
        self._paths = paths

    async def read(self, namespace: str, pod: str, container: str, query: Mapping[str, str]) -> bytes:
        """The text. Raises StatusError."""
        worker = find_worker(self._pods, namespace, pod)
        run = run_for_logs(worker, container, previous=query.get("previous") == "true")
        options = LogOptions(
            format=Format(query.get("timestamps") == "true", 0),
            tail=_number(query, "tailLines"),
            limit=_number(query, "limitBytes"),
        )
        file = self._paths.log_file(worker.record.pod, run.spec.name, run.spec.attempt)
        pieces = [piece async for piece in read_log(file, options, lambda: True, _never)]
        return b"".join(pieces)


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise errors.BadRequest(f"{name}: {text!r} is not a number")
    return int(text)


def _never() -> asyncio.Task[None]:
    raise AssertionError("a log that is not followed is not waited for")
