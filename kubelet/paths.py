"""Where things of a pod are on this machine. Names are upstream's, so that people find them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from api.types import Pod


@dataclass(frozen=True, slots=True)
class Paths:
    """data: what survives a reboot. run: what must not reach a disk (secrets, tokens)."""

    data: Path
    run: Path

    @property
    def pods(self) -> Path:
        return self.data / "pods"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def memory(self) -> Path:
        """Volumes kept in memory, by pod uid; a tmpfs."""
        return self.run / "volumes"

    def pod(self, uid: str) -> Path:
        return self.pods / uid

    def hosts(self, uid: str) -> Path:
        return self.pod(uid) / "etc-hosts"

    def allocation(self, uid: str) -> Path:
        """What the pod was allocated when it was resized."""
        return self.pod(uid) / "allocation.json"

    def container(self, uid: str, name: str) -> Path:
        return self.pod(uid) / "containers" / name

    def termination_log(self, uid: str, name: str, attempt: int) -> Path:
        return self.container(uid, name) / f"termination-log.{attempt}"

    def volume(self, uid: str, plugin: str, name: str) -> Path:
        return self.pod(uid) / "volumes" / f"kubernetes.io~{plugin}" / name

    def memory_volume(self, uid: str, name: str) -> Path:
        return self.memory / uid / name

    def subpath(self, uid: str, volume: str, container: str, index: int) -> Path:
        return self.pod(uid) / "volume-subpaths" / volume / container / str(index)

    def pod_logs(self, pod: Pod) -> Path:
        metadata = pod.metadata
        return self.logs / f"{metadata.namespace}_{metadata.name}_{metadata.uid}"

    def log_file(self, pod: Pod, container: str, attempt: int) -> Path:
        return self.pod_logs(pod) / container / f"{attempt}.log"


def uid_of_log_directory(name: str) -> str:
    """The pod uid in the name of a pod's log folder."""
    return name.rpartition("_")[2]
