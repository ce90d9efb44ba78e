"""The restart of all containers of a pod in its place: which runs it has made void. Pure.

A container whose exit matches a rule with the action RestartAllContainers has every container of the pod begin anew,
init containers first; sandbox, address and volumes stay. What ran before that exit is void: it is stopped without grace
and without preStop hooks, and counts as if it had never been. Nothing else need be remembered: the exit is in the
runtime's records. Source: KEP-5532 and upstream's ShouldAllContainersRestart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from api.types import Container, Pod
from kubelet.containers.resources import is_sidecar
from kubelet.runtime.base import ContainerState, ContainerStatus

ACTION: Final = "RestartAllContainers"

Runs = Mapping[str, Sequence[ContainerStatus]]


def possible(pod: Pod) -> bool:
    """Whether any exit can have all containers restarted."""
    containers = (*pod.spec.init_containers, *pod.spec.containers)
    return any(rule.action == ACTION for container in containers for rule in container.restart_policy_rules)


def asked(container: Container, run: ContainerStatus) -> bool:
    """Whether the run's end is one that has all containers restarted: the first rule that matches decides."""
    if run.state is not ContainerState.EXITED:
        return False
    for rule in container.restart_policy_rules:
        codes = rule.exit_codes
        if codes is not None and (run.exit_code in codes.values) == (codes.operator == "In"):
            return rule.action == ACTION
    return False


def void(pod: Pod, runs: Runs) -> frozenset[str]:
    """Ids of the runs from before the last such exit, the one that exited so included."""
    if not possible(pod):
        return frozenset()
    spec = pod.spec
    since = max(
        (
            run.finished_at
            for container in (*spec.init_containers, *spec.containers)
            for run in runs.get(container.name, ())
            if asked(container, run)
        ),
        default=0,
    )
    if not since:
        return frozenset()
    found: set[str] = set()
    # What was being started when the exit came is void too: the init containers before it have their turn first.
    behind, begun = False, since
    for container in (*spec.init_containers, *spec.containers):
        known = runs.get(container.name, ())
        found.update(run.id for run in known if behind or run.created_at < begun or asked(container, run))
        if container in spec.init_containers and known:
            behind = behind or known[-1].id in found
            begun = max(begun, _began_anew(container, known, found))
    for ephemeral in spec.ephemeral_containers:
        found.update(run.id for run in runs.get(ephemeral.name, ()) if run.created_at < since)
    return frozenset(found)


def _began_anew(container: Container, known: Sequence[ContainerStatus], void: set[str]) -> int:
    """When an init container began anew; 0 if it has not. A sidecar may have run again since, others may not."""
    if not is_sidecar(container):
        return 0 if known[-1].id in void else known[-1].created_at
    runs = [run.id in void for run in known]
    if True not in runs:
        return 0  # too long ago to be known
    last_void = len(runs) - 1 - runs[::-1].index(True)
    return known[last_void + 1].created_at if last_void + 1 < len(known) else 0
