"""The part of a Pod that network policies are about: every node follows every pod, so it is kept small."""

from __future__ import annotations

from msgspec import field

from api.types.meta import ObjectMeta
from api.types.record import Record


class PortView(Record, frozen=True, kw_only=True):
    """A port a container declares."""

    name: str = ""
    container_port: int = 0
    protocol: str = ""


class ContainerView(Record, frozen=True, kw_only=True):
    """A container's ports."""

    ports: list[PortView] = []


class PodSpecView(Record, frozen=True, kw_only=True):
    """Where a pod runs, and on which ports it listens."""

    containers: list[ContainerView] = []
    host_network: bool = False
    init_containers: list[ContainerView] = []
    node_name: str = ""


class PodStatusView(Record, frozen=True, kw_only=True):
    """A pod's address, and whether it still has it."""

    phase: str = ""
    pod_ip: str = field(name="podIP", default="")

    @property
    def addresses(self) -> list[str]:
        return [self.pod_ip]


class PodIPView(Record, frozen=True, kw_only=True):
    """One of a pod's addresses."""

    ip: str = ""


class DualStackPodStatusView(PodStatusView, frozen=True, kw_only=True):
    """The same, with the addresses of both IP families."""

    pod_ips: list[PodIPView] = field(name="podIPs", default_factory=list)

    @property
    def addresses(self) -> list[str]:
        return [each.ip for each in self.pod_ips] or [self.pod_ip]


class PodView(Record, frozen=True, kw_only=True):
    """A Pod, as network policies see it."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: PodSpecView = field(default_factory=PodSpecView)
    status: PodStatusView = field(default_factory=PodStatusView)


class DualStackPodView(PodView, frozen=True, kw_only=True):
    """A Pod, as network policies of a dual-stack cluster see it: the others do without what it has more."""

    status: DualStackPodStatusView = field(default_factory=DualStackPodStatusView)
