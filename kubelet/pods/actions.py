"""What a pod worker can be told to do. Data only: `kubelet.pods.executor` carries them out.

Each has a `key`; an action is not decided again while one of the same key is being carried out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

VOLUMES = "volumes"
SANDBOX = "sandbox"
RELEASE = "release"
REMOVE = "remove"
RESIZE = "resize"


def start_key(container: str) -> str:
    return f"start/{container}"


def stop_key(container: str) -> str:
    return f"stop/{container}"


def pre_stop_key(container: str) -> str:
    return f"pre-stop/{container}"


class StopCause(Enum):
    """Why a container is stopped: what its Killing event says."""

    POD = "pod"
    LIVENESS = "liveness"
    STARTUP = "startup"
    CHANGED = "changed"
    RESIZED = "resized"
    RESTART_ALL = "restart-all"


@dataclass(frozen=True, slots=True)
class MountVolumes:
    """Make every volume of the pod."""

    key: str = VOLUMES


@dataclass(frozen=True, slots=True)
class CreateSandbox:
    """Make the pod's cgroup and sandbox; `attempt` counts from 0."""

    attempt: int
    key: str = SANDBOX


@dataclass(frozen=True, slots=True)
class StartContainer:
    """Create and start a container in the sandbox.

    failed_at: when its previous run ended, in seconds since the epoch; None for the first run.
    """

    name: str
    sandbox_id: str
    attempt: int
    failed_at: float | None = None

    @property
    def key(self) -> str:
        return start_key(self.name)


@dataclass(frozen=True, slots=True)
class StopContainer:
    """Run the preStop hook and stop the container, killing it at `deadline` (seconds since the epoch)."""

    name: str
    id: str
    deadline: float
    cause: StopCause = StopCause.POD
    restarts: bool = False

    @property
    def key(self) -> str:
        return stop_key(self.name)


@dataclass(frozen=True, slots=True)
class RunPreStop:
    """Run the preStop hook of a container that is stopped later: a sidecar's, whose turn has not come yet."""

    name: str
    id: str
    deadline: float

    @property
    def key(self) -> str:
        return pre_stop_key(self.name)


@dataclass(frozen=True, slots=True)
class ResizeContainers:
    """Give these running containers, and the pod's cgroup, the limits the node has allocated."""

    names: tuple[str, ...]
    key: str = RESIZE


@dataclass(frozen=True, slots=True)
class RemoveContainer:
    """Forget a dead run: a newer one has taken its place."""

    id: str

    @property
    def key(self) -> str:
        return f"remove/{self.id}"


@dataclass(frozen=True, slots=True)
class Release:
    """Stop the sandbox and give back volumes and cgroup; nothing of the pod runs any more."""

    key: str = RELEASE


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove sandbox, dead containers, logs and the pod's folder: its object is gone or going."""

    key: str = REMOVE


Action = (
    MountVolumes
    | CreateSandbox
    | StartContainer
    | StopContainer
    | RunPreStop
    | ResizeContainers
    | RemoveContainer
    | Release
    | Remove
)
