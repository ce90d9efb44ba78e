"""One hollow node: a real reporter, lease and pods on a runtime without processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from api.types import Node, NodeSystemInfo, Pod
from cluster.client import Client
from cluster.events import EventRecorder
from kubelet.config import Intervals, NodeConfig
from kubelet.hollow.config import Config
from kubelet.hollow.executor import HollowExecutor
from kubelet.hollow.prober import HollowProber
from kubelet.hollow.sources import SharedPods
from kubelet.node import machine
from kubelet.node.lease import NodeLease
from kubelet.node.reporter import NodeReporter, Registration
from kubelet.node.status import Identity, Measured, Size, allocatable
from kubelet.paths import Paths
from kubelet.pods.admission import NodeFacts
from kubelet.pods.pods import Pods
from kubelet.pods.record import PodRecord
from kubelet.pods.status_writer import StatusWriter
from kubelet.probes.prober import Announce
from kubelet.runtime.base import Version
from kubelet.runtime.hollow.restore import containers_of, sandbox_of
from kubelet.runtime.hollow.runtime import NAME, VERSION, HollowRuntime

# By which people tell hollow nodes from others.
TYPE_LABEL = "node.kubernetes.io/instance-type"
ZONE_LABEL = "topology.kubernetes.io/zone"
DISK_BYTES = 100 * 2**30


class _NoCgroups:
    def adopt(self, pod: Pod) -> None:
        """There are none."""


NO_CGROUPS = _NoCgroups()


@dataclass(frozen=True, slots=True)
class HollowServices:
    """`kubelet.pods.services.PodServices` of a hollow node, which has addresses of one family only."""

    runtime: HollowRuntime
    recorder: EventRecorder
    paths: Paths
    node_ip: str
    second_node_ip: str = ""
    cgroups: _NoCgroups = NO_CGROUPS

    def executor(self, record: PodRecord, changed: Callable[[], None]) -> HollowExecutor:
        return HollowExecutor(record, self.runtime, self.recorder, self.paths, changed)

    def prober(self, labels: tuple[str, str, str], announce: Announce, changed: Callable[[], None]) -> HollowProber:
        return HollowProber(self.runtime, changed)

    async def remove_leftovers(self, known: set[str]) -> None:
        """Pods without processes leave nothing."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What the nodes of a process have in common."""

    client: Client
    recorder: EventRecorder
    writer: StatusWriter
    pods: SharedPods
    paths: Paths
    measured: Measured
    system: NodeSystemInfo
    limits: dict[str, str]
    intervals: Intervals

    @staticmethod
    def of(config: Config, client: Client, recorder: EventRecorder, writer: StatusWriter, pods: SharedPods) -> Shared:
        shape = config.shape
        size = Size(shape.cpu_millis, shape.memory_bytes, DISK_BYTES, shape.max_pods)
        version = Version(name=NAME, version=VERSION)
        return Shared(
            client=client,
            recorder=recorder,
            writer=writer,
            pods=pods,
            paths=Paths(config.data_dir, config.run_dir),
            measured=Measured(size, {}, (), (), ()),
            system=machine.system_info(version),
            limits=allocatable(size, {}),
            intervals=config.intervals,
        )


class HollowNode:
    """The group's node `index`, counted from 0."""

    def __init__(self, config: Config, index: int, shared: Shared) -> None:
        self.name = f"{config.group}-{index + 1}"
        ip = str(config.address(index))
        labels = {TYPE_LABEL: NAME}
        if zone := config.zone(index):
            labels[ZONE_LABEL] = zone
        self._shared = shared
        # No pod CIDR: there is nothing to route to.
        self._registration = Registration.of(NodeConfig(self.name, ip, "", (ip, 0), labels=labels))
        self._runtime = HollowRuntime(config.pod_addresses(index))
        self._source = shared.pods.of(self.name)
        self.reporter = NodeReporter(
            shared.client,
            shared.recorder,
            self._registration,
            Identity(self.name, ip, 0, shared.system),
            shared.intervals,
            self._measure,
        )
        self.lease = NodeLease(shared.client, self.name, shared.intervals, lambda: self.reporter.node)
        services = HollowServices(self._runtime, shared.recorder, shared.paths, ip)
        self.pods = Pods(services, shared.writer, self._source, self._facts, NAME)

    async def run_pods(self) -> None:
        """Take over what ran before, by the pods' statuses, and follow the pods until cancelled."""
        for pod in self._source.items():
            sandbox = sandbox_of(pod)
            if sandbox is not None:
                self._runtime.restore([sandbox], containers_of(pod, sandbox))
        await self.pods.run()

    async def _measure(self) -> Measured:
        return self._shared.measured

    def _facts(self) -> NodeFacts:
        node: Node = self.reporter.node or self._registration.node()
        return NodeFacts(
            name=self.name,
            labels=node.metadata.labels,
            taints=node.spec.taints,
            allocatable=self._shared.limits,
        )
