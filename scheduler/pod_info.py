"""What the scheduler needs to know of a pod, worked out once when the pod is first seen or changes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from api.types import Pod, PodAffinity, PodAntiAffinity
from scheduler.resources import Amounts, pod_requests, scoring_requests
from scheduler.terms import SpreadConstraint, Term, WeightedTerm, compile_constraint, compile_term

TERMINAL_PHASES = frozenset({"Succeeded", "Failed"})
ANY_ADDRESS = "0.0.0.0"


class HostPort(NamedTuple):
    """A port of the node that a container takes for itself."""

    protocol: str
    port: int
    address: str


@dataclass(frozen=True, slots=True)
class PodInfo:
    """A pod with its requests, ports and terms. Amounts are in milli-cores and whole units.

    claims: the names of its persistent volume claims, in its namespace; ephemeral: those made for the pod alone.
    images: normalized names, one for each container.
    """

    pod: Pod
    requests: Amounts
    scoring_cpu: int
    scoring_memory: int
    host_ports: tuple[HostPort, ...]
    required_affinity: tuple[Term, ...]
    required_anti_affinity: tuple[Term, ...]
    preferred: tuple[WeightedTerm, ...]
    hard_spread: tuple[SpreadConstraint, ...]
    soft_spread: tuple[SpreadConstraint, ...]
    claims: tuple[str, ...] = ()
    ephemeral: frozenset[str] = frozenset()
    images: tuple[str, ...] = ()

    @property
    def likeness(self) -> bytes:
        """Equal for pods that every node and every event treats alike, but for their priority and nomination."""
        spec = self.pod.spec
        parts = (
            self.namespace,
            sorted(self.labels.items()),
            sorted(self.requests.items()),
            self.host_ports,
            self.claims,
            spec.node_name,
            spec.scheduler_name,
            sorted(spec.node_selector.items()),
            spec.affinity,
            spec.tolerations,
            spec.topology_spread_constraints,
        )
        return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).digest()

    @property
    def uid(self) -> str:
        return self.pod.metadata.uid

    @property
    def namespace(self) -> str:
        return self.pod.metadata.namespace

    @property
    def labels(self) -> dict[str, str]:
        return self.pod.metadata.labels

    @property
    def terminating(self) -> bool:
        return self.pod.metadata.deletion_timestamp is not None

    @property
    def priority(self) -> int:
        return self.pod.spec.priority or 0

    @property
    def full_name(self) -> str:
        return f"{self.pod.metadata.namespace}/{self.pod.metadata.name}"


def is_terminal(pod: Pod) -> bool:
    """The pod has run to its end and holds nothing of its node any more."""
    return pod.status.phase in TERMINAL_PHASES


def pod_info(pod: Pod) -> PodInfo:
    """Work out a pod's facts."""
    spec = pod.spec
    affinity = spec.affinity.pod_affinity if spec.affinity else None
    anti_affinity = spec.affinity.pod_anti_affinity if spec.affinity else None
    scoring_cpu, scoring_memory = scoring_requests(pod)
    constraints = [(c.when_unsatisfiable, compile_constraint(c, pod)) for c in spec.topology_spread_constraints]
    return PodInfo(
        pod,
        pod_requests(pod),
        scoring_cpu,
        scoring_memory,
        _host_ports(pod),
        _required(affinity, pod),
        _required(anti_affinity, pod),
        _preferred(affinity, pod, 1) + _preferred(anti_affinity, pod, -1),
        tuple(constraint for when, constraint in constraints if when == "DoNotSchedule"),
        tuple(constraint for when, constraint in constraints if when != "DoNotSchedule"),
        *_claims(pod),
        tuple(normalized_image(c.image) for c in (*spec.init_containers, *spec.containers)),
    )


def normalized_image(name: str) -> str:
    """The name with its tag, `latest` when it has neither tag nor digest (upstream: normalizedImageName)."""
    return name if name.rfind(":") > name.rfind("/") else f"{name}:latest"


def _claims(pod: Pod) -> tuple[tuple[str, ...], frozenset[str]]:
    named = []
    ephemeral = set()
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is not None:
            named.append(volume.persistent_volume_claim.claim_name)
        elif volume.ephemeral is not None:
            name = f"{pod.metadata.name}-{volume.name}"
            named.append(name)
            ephemeral.add(name)
    return tuple(dict.fromkeys(named)), frozenset(ephemeral)


def _host_ports(pod: Pod) -> tuple[HostPort, ...]:
    sidecars = [c for c in pod.spec.init_containers if c.restart_policy == "Always"]
    return tuple(
        HostPort(port.protocol or "TCP", port.host_port, port.host_ip or ANY_ADDRESS)
        for container in (*pod.spec.containers, *sidecars)
        for port in container.ports
        if port.host_port > 0
    )


def _required(affinity: PodAffinity | PodAntiAffinity | None, pod: Pod) -> tuple[Term, ...]:
    if affinity is None:
        return ()
    return tuple(compile_term(term, pod) for term in affinity.required_during_scheduling_ignored_during_execution)


def _preferred(affinity: PodAffinity | PodAntiAffinity | None, pod: Pod, sign: int) -> tuple[WeightedTerm, ...]:
    if affinity is None:
        return ()
    return tuple(
        WeightedTerm(compile_term(preference.pod_affinity_term, pod), sign * preference.weight)
        for preference in affinity.preferred_during_scheduling_ignored_during_execution
    )
