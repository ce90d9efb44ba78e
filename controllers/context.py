"""What every controller is given: the client, the shared informers, a clock, recorders, work queues."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, TypeVar

from api.errors import StatusError
from api.types import (
    ControllerRevision,
    DaemonSet,
    EndpointSlice,
    Job,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    ReplicaSet,
    ReplicationController,
    Service,
    StatefulSet,
    VolumeAttachment,
    VolumeSnapshot,
)
from api.types.record import Record
from cluster import metrics
from cluster.client import Client
from cluster.clock import Clock, LoopClock
from cluster.controller import Controller
from cluster.events import EventRecorder
from cluster.informer import Informer
from cluster.workqueue import WorkQueue
from controllers.mirror import Mirror
from controllers.namespace.errors import is_terminating
from controllers.ownership import controller_of

T = TypeVar("T", bound=Record)
Key = TypeVar("Key", bound=Hashable)

# Long enough not to press a server in trouble, short enough to be back soon after it is.
MAX_BACKOFF_SECONDS = 15.0
# Of one controller, after twice as many at once: when thousands of nodes or pods come together, not each is told of.
EVENTS_PER_SECOND = 50.0
SERVICE_NAME_LABEL = "kubernetes.io/service-name"


def by_controller(object: Any) -> list[Hashable]:
    """The controlling owner; objects without one are found as orphans.

    Only within the object's namespace: anybody can name the uid of somebody else's owner.
    """
    owner = controller_of(object)
    namespace = object.metadata.namespace
    return [orphans_of(namespace) if owner is None else ("controlled", namespace, owner.uid)]


def controlled_by(owner: Any) -> Hashable:
    """What `by_controller` says of the objects that an owner in a namespace controls."""
    return "controlled", owner.metadata.namespace, owner.metadata.uid


def orphans_of(namespace: str) -> Hashable:
    """What `by_controller` says of a namespace's objects that nobody controls."""
    return "orphans", namespace


def by_namespace(object: Any) -> list[Hashable]:
    return [object.metadata.namespace]


def by_node(pod: Pod) -> list[Hashable]:
    return [pod.spec.node_name] if pod.spec.node_name else []


def by_service(endpoint_slice: EndpointSlice) -> list[Hashable]:
    service = endpoint_slice.metadata.labels.get(SERVICE_NAME_LABEL)
    return [(endpoint_slice.metadata.namespace, service)] if service else []


def by_attached_node(attachment: VolumeAttachment) -> list[Hashable]:
    return [attachment.spec.node_name]


def by_attached_volume(attachment: VolumeAttachment) -> list[Hashable]:
    return [attachment.spec.source.persistent_volume_name]


# What shared informers can be asked for besides single objects.
INDEXES: Mapping[type[Record], Mapping[str, Callable[[Any], list[Hashable]]]] = {
    Pod: {"controller": by_controller, "namespace": by_namespace, "node": by_node},
    ReplicaSet: {"controller": by_controller, "namespace": by_namespace},
    ReplicationController: {"controller": by_controller, "namespace": by_namespace},
    Job: {"controller": by_controller, "namespace": by_namespace},
    StatefulSet: {"namespace": by_namespace},
    DaemonSet: {"namespace": by_namespace},
    ControllerRevision: {"controller": by_controller},
    PersistentVolumeClaim: {"namespace": by_namespace},
    EndpointSlice: {"service": by_service},
    Service: {"namespace": by_namespace},
    PodDisruptionBudget: {"namespace": by_namespace},
    VolumeSnapshot: {"namespace": by_namespace},
    VolumeAttachment: {"node": by_attached_node, "volume": by_attached_volume},
}


class Context:
    """Shared by all controllers of the process; collects what they need run."""

    def __init__(self, client: Client, clock: Clock | None = None) -> None:
        self.client = client
        self.clock = clock or LoopClock()
        self._informers: dict[type[Record], Informer[Any]] = {}
        self._mirrors: dict[type[Record], Mirror[Any]] = {}
        self._recorders: dict[str, EventRecorder] = {}
        self._controllers: dict[str, Controller[Any]] = {}

    @property
    def informers(self) -> Mapping[str, Informer[Any]]:
        """By kind."""
        return {record.__name__: informer for record, informer in self._informers.items()}

    @property
    def recorders(self) -> Mapping[str, EventRecorder]:
        return self._recorders

    @property
    def controllers(self) -> Mapping[str, Controller[Any]]:
        return self._controllers

    @property
    def synced(self) -> bool:
        """Every informer has handed over its first items."""
        return all(informer.synced.is_set() for informer in self._informers.values())

    async def wait_synced(self) -> None:
        for informer in self._informers.values():
            await informer.synced.wait()

    def now(self) -> float:
        """Wall time in seconds since the epoch."""
        return self.clock.time()

    def informer(self, record: type[T]) -> Informer[T]:
        """The process's one informer of a kind."""
        informer = self._informers.get(record)
        if informer is None:
            informer = self._informers[record] = Informer(self.client, record, indexes=INDEXES.get(record))
        return informer

    def mirror(self, record: type[T]) -> Mirror[T]:
        """The process's one informer of a kind, with our own writes laid over it."""
        mirror = self._mirrors.get(record)
        if mirror is None:
            mirror = self._mirrors[record] = Mirror(self.client, self.informer(record), INDEXES.get(record, {}))
        return mirror

    def recorder(self, component: str) -> EventRecorder:
        """The recorder of a component's events."""
        recorder = self._recorders.get(component)
        if recorder is None:
            recorder = self._recorders[component] = EventRecorder(
                self.client, component, clock=self.clock, per_second=EVENTS_PER_SECOND
            )
        return recorder

    def controller(self, name: str, reconcile: Callable[[Key], Awaitable[None]], *, workers: int = 4) -> WorkQueue[Key]:
        """Have `reconcile` run for the keys of a queue; returns the queue."""
        wait = metrics.workqueue_queue_duration_seconds.labels(name)

        async def reconcile_living(key: Key) -> None:
            try:
                await reconcile(key)
            except StatusError as error:
                if not is_terminating(error):
                    raise
                # The namespace is going: trying again is of no use.

        queue: WorkQueue[Key] = WorkQueue(self.clock, observe_wait=wait.observe, max_delay_seconds=MAX_BACKOFF_SECONDS)
        self._controllers[name] = Controller(name, queue, reconcile_living, workers=workers)
        return queue
