"""What a pod's worker needs of its node, whatever runs the pods there.

`kubelet.pods.executor` has the node of real containers, `kubelet.hollow` the one without processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from api.types import Pod
from cluster.events import EventRecorder
from kubelet.paths import Paths
from kubelet.pods.actions import Action, StopCause
from kubelet.pods.record import PodRecord
from kubelet.pods.view import AnyContainer, Run
from kubelet.probes.prober import Announce, Probed
from kubelet.runtime.base import Runtime


class Volumes(Protocol):
    """A pod's volumes, as far as its worker is concerned."""

    def pod_changed(self, pod: Pod) -> None: ...

    def stop_following(self) -> None: ...

    async def close(self) -> None: ...


class PodExecutor(Protocol):
    """Carries out the actions of one pod."""

    @property
    def volumes(self) -> Volumes: ...

    async def carry_out(self, action: Action) -> None: ...

    def announce(self, type: str, reason: str, message: str, container: AnyContainer | None = None) -> None: ...

    def observe(self, run: Run) -> None: ...


class Prober(Protocol):
    """What the probes of one pod say: ids of containers."""

    started: set[str]
    ready: set[str]

    @property
    def unhealthy(self) -> Mapping[str, StopCause]: ...

    def follow(self, running: Iterable[Probed], pod_ip: str) -> None: ...

    def stop_judging(self) -> None: ...

    async def close(self) -> None: ...


class PodCgroups(Protocol):
    def adopt(self, pod: Pod) -> None: ...


class PodSource(Protocol):
    """The pods bound to the node; `cluster.informer.Informer` is one."""

    @property
    def synced(self) -> asyncio.Event: ...

    def add_handler(self, handler: Callable[[Pod | None, Pod | None], None]) -> None: ...

    def items(self) -> list[Pod]: ...


class PodServices(Protocol):
    """The node's side of its pods' workers."""

    @property
    def runtime(self) -> Runtime: ...

    @property
    def recorder(self) -> EventRecorder: ...

    @property
    def cgroups(self) -> PodCgroups: ...

    @property
    def paths(self) -> Paths: ...

    @property
    def node_ip(self) -> str: ...

    @property
    def second_node_ip(self) -> str: ...

    def executor(self, record: PodRecord, changed: Callable[[], None]) -> PodExecutor:
        """Who carries out the pod's actions; calls `changed` when the record changed in between."""

    def prober(self, labels: tuple[str, str, str], announce: Announce, changed: Callable[[], None]) -> Prober:
        """Who asks the pod's probes."""

    async def remove_leftovers(self, known: set[str]) -> None:
        """Clear away what pods other than these (uids) have left."""
