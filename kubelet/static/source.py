"""The manifests of a folder, or the one of a file: read when they change, told as static pods come and go.

`NodePods` is what the node's pods come from: those of the API server and the static ones, without the mirrors.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from api.types import Pod
from cluster.informer import Informer
from cluster.logs import get_logger
from kubelet.pods.static import is_mirror

CHECK_SECONDS = 1.0

log = get_logger()

# What of a file tells that it is another one: changed at (ns), size, inode.
Stamp = tuple[int, int, int]
# (old, new): as an informer's handler.
Changed = Callable[[Pod | None, Pod | None], None]


class StaticPods:
    """A file that is no manifest is told once in the log.

    Files whose names begin with a dot are passed over, as editors' and half-written ones are.
    """

    def __init__(self, place: Path, node_name: str) -> None:
        self._place = place
        self._node_name = node_name
        self._handlers: list[Changed] = []
        self._seen: dict[Path, Stamp] = {}
        self._pods: dict[Path, Pod] = {}

    def add_handler(self, handler: Changed) -> None:
        """Call `handler` for every pod that comes, changes or goes from now on."""
        self._handlers.append(handler)

    def pods(self) -> list[Pod]:
        """The static pods as last read."""
        return list(self._pods.values())

    async def run(self) -> None:
        """Read again whenever something changed, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self.read(time.time())

    def read(self, now: float) -> None:
        """Look once. What cannot be read any more is gone."""
        present = _files(self._place)
        for path in self._seen.keys() - present.keys():
            del self._seen[path]
            self._put(path, None)
        for path, stamp in sorted(present.items()):
            if self._seen.get(path) != stamp:
                self._seen[path] = stamp
                self._put(path, self._parse(path, now))

    def _parse(self, path: Path, now: float) -> Pod | None:
        # Imported on first use: most nodes have no manifests, and defaults, validation and YAML take memory.
        from kubelet.static.manifests import ManifestFailure, static_pod

        try:
            pod = static_pod(path.read_bytes(), self._node_name, now)
        except (ManifestFailure, OSError) as error:
            log.error("could not use a manifest", file=str(path), reason=str(error))
            return None
        metadata = pod.metadata
        for other, known in self._pods.items():
            if other != path and (known.metadata.namespace, known.metadata.name) == (metadata.namespace, metadata.name):
                log.error("two manifests are of one pod", file=str(path), other=str(other), pod=metadata.name)
                return None
        return pod

    def _put(self, path: Path, pod: Pod | None) -> None:
        old = self._pods.pop(path, None)
        if pod is not None:
            self._pods[path] = pod
        if old is not None or pod is not None:
            for handler in self._handlers:
                handler(old, pod)


def _files(place: Path) -> dict[Path, Stamp]:
    try:
        entries = list(place.iterdir()) if place.is_dir() else [place]
    except OSError:
        return {}
    found = {}
    for path in entries:
        try:
            status = path.stat()
        except OSError:
            continue
        if path.is_file() and not path.name.startswith("."):
            found[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


class NodePods:
    """Both sorts of pods of a node, as one source."""

    def __init__(self, informer: Informer[Pod], static: StaticPods) -> None:
        self._informer = informer
        self._static = static

    @property
    def synced(self) -> asyncio.Event:
        """Set once the API server's pods are known; static pods are read by then."""
        return self._informer.synced

    def items(self) -> list[Pod]:
        """Every pod that this node shall run."""
        return [*self._static.pods(), *(pod for pod in self._informer.items() if not is_mirror(pod))]

    def add_handler(self, handler: Changed) -> None:
        """Call `handler` for every pod that comes, changes or goes."""

        def without_mirrors(old: Pod | None, new: Pod | None) -> None:
            before = None if old is None or is_mirror(old) else old
            after = None if new is None or is_mirror(new) else new
            if before is not None or after is not None:
                handler(before, after)

        self._informer.add_handler(without_mirrors)
        self._static.add_handler(handler)
