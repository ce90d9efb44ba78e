"""Pods: creation, the few changes a spec allows, status, and binding to a node."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from api import names
from api.errors import FieldError
from api.types import (
    Affinity,
    Binding,
    Container,
    ContainerStatus,
    NodeAffinity,
    NodeSelectorTerm,
    Pod,
    PodSchedulingGate,
    PodSpec,
    PodStatus,
    Toleration,
)
from api.validation import pod_spec, restarts, scheduling
from api.validation.checks import Errors, immutable, in_range, ip_address, one_per_family, well_formed
from api.validation.spec_diff import describe

MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
DELETION_COST_ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
_WHOLE_NUMBER = re.compile("-[0-9]+|0|[1-9][0-9]*")
_UPDATABLE = ",".join(
    (
        "`spec.containers[*].image`",
        "`spec.initContainers[*].image`",
        "`spec.activeDeadlineSeconds`",
        "`spec.tolerations` (only additions to existing tolerations)",
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    )
)


def check(pod: Pod) -> Errors:
    """The pod itself, its metadata aside."""
    mirror = pod.metadata.annotations.get(MIRROR_ANNOTATION)
    if mirror is not None and not pod.spec.node_name:
        where = f"metadata.annotations[{MIRROR_ANNOTATION}]"
        yield FieldError.invalid(where, mirror, "must set spec.nodeName if mirror pod annotation is set")
    yield from pod_spec.check(pod.spec, "spec", in_pod=True, pod_name=pod.metadata.name)
    if not pod.spec.service_account_name:
        yield from _tokens_without_account(pod)


def create(pod: Pod) -> Errors:
    yield from check(pod)
    yield from _deletion_cost(pod)
    if pod.spec.ephemeral_containers:
        yield FieldError.forbidden("spec.ephemeralContainers", "cannot be set on create")
    if pod.spec.node_name and pod.spec.scheduling_gates:
        yield FieldError.forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")


def update(new: Pod, old: Pod) -> Errors:
    yield from check(new)
    if not list(_deletion_cost(old)):
        yield from _deletion_cost(new)
    yield from _mirror_change(new, old)
    for json_name, after, before in (
        ("containers", new.spec.containers, old.spec.containers),
        ("initContainers", new.spec.init_containers, old.spec.init_containers),
    ):
        if len(after) != len(before):
            yield FieldError.forbidden(f"spec.{json_name}", "pod updates may not add or remove containers")
            return
    yield from _deadline(new.spec.active_deadline_seconds, old.spec.active_deadline_seconds)
    yield from _only_added_tolerations(new.spec.tolerations, old.spec.tolerations, "spec.tolerations")
    yield from _only_removed_gates(new.spec.scheduling_gates, old.spec.scheduling_gates, "spec.schedulingGates")
    if new.spec != old.spec:
        yield from _frozen_fields(new.spec, old.spec)


def update_status(new: Pod, old: Pod) -> Errors:
    yield from _mirror_change(new, old)
    for index, condition in enumerate(new.status.conditions):
        if condition.type not in ("PodScheduled", "Ready", "Initialized"):
            where = f"metadata.conditions[{index}].Type"
            yield from well_formed(condition.type, where, names.qualified_name)
    if new.spec.node_name != old.spec.node_name:
        yield FieldError.forbidden("status.nodeName", "may not be changed directly")
    nominated = new.status.nominated_node_name
    if nominated and nominated != old.status.nominated_node_name:
        yield from well_formed(nominated, "status.nominatedNodeName", names.dns1123_subdomain)
    yield from immutable(new.status.qos_class, old.status.qos_class, "status.qosClass")
    yield from _transitions(new, old)
    yield from _addresses(new.status)


def binding(binding: Binding) -> Errors:
    if binding.target.kind not in ("", "Node"):
        yield FieldError.not_supported("target.kind", binding.target.kind, ("Node", "<empty>"))
    if not binding.target.name:
        yield FieldError.required("target.name")


def _deletion_cost(pod: Pod) -> Errors:
    """What a replaced pod costs to delete is read by the ReplicaSet controller."""
    cost = pod.metadata.annotations.get(DELETION_COST_ANNOTATION)
    if cost is None:
        return
    if not _WHOLE_NUMBER.fullmatch(cost) or not -(2**31) <= int(cost) < 2**31:
        yield FieldError.invalid(f"metadata.annotations[{DELETION_COST_ANNOTATION}]", "", "must be a 32bit integer")


def _tokens_without_account(pod: Pod) -> Errors:
    for index, volume in enumerate(pod.spec.volumes):
        for number, source in enumerate(volume.projected.sources if volume.projected is not None else ()):
            if source.service_account_token is not None:
                where = f"spec.volumes[{index}].projected.sources[{number}].serviceAccountToken"
                yield FieldError.forbidden(where, "must not be specified when serviceAccountName is not set")


def _mirror_change(new: Pod, old: Pod) -> Errors:
    after = new.metadata.annotations.get(MIRROR_ANNOTATION)
    before = old.metadata.annotations.get(MIRROR_ANNOTATION)
    where = f"metadata.annotations[{MIRROR_ANNOTATION}]"
    if before is None and after is not None:
        yield FieldError.forbidden(where, "may not add mirror pod annotation")
    elif before != after:
        yield FieldError.forbidden(where, "may not remove or update mirror pod annotation")


def _deadline(new: int | None, old: int | None) -> Errors:
    """A deadline may be set once and then only come closer."""
    path = "spec.activeDeadlineSeconds"
    if new is None:
        if old is not None:
            yield FieldError.invalid(path, None, "must not update from a positive integer to nil value")
        return
    yield from in_range(new, path, 0, pod_spec.MAX_INT32)
    if old is not None and old < new:
        yield FieldError.invalid(path, new, "must be less than or equal to previous value")


def _only_added_tolerations(new: Sequence[Toleration], old: Sequence[Toleration], path: str) -> Errors:
    def without_seconds(tolerations: Iterable[Toleration]) -> set[Toleration]:
        return {replace(toleration, toleration_seconds=None) for toleration in tolerations}

    if not without_seconds(new) >= without_seconds(old):
        yield FieldError.forbidden(path, "existing toleration can not be modified except its tolerationSeconds")
        return
    yield from scheduling.tolerations(new, path)


def _only_removed_gates(new: Sequence[PodSchedulingGate], old: Sequence[PodSchedulingGate], path: str) -> Errors:
    present = {gate.name for gate in old}
    for index, gate in enumerate(new):
        if gate.name not in present:
            detail = f"only deletion is allowed, but found new scheduling gate '{gate.name}'"
            yield FieldError.forbidden(f"{path}[{index}].name", detail)


def _frozen_fields(new: PodSpec, old: PodSpec) -> Errors:
    """What is left of a change once everything that may change is put back."""
    masked = replace(
        new,
        containers=_with_old_images(new.containers, old.containers),
        init_containers=_with_old_images(new.init_containers, old.init_containers),
        active_deadline_seconds=old.active_deadline_seconds,
        scheduling_gates=old.scheduling_gates,
        tolerations=old.tolerations,
    )
    if (old.termination_grace_period_seconds or 0) < 0 and masked.termination_grace_period_seconds == 1:
        masked = replace(masked, termination_grace_period_seconds=old.termination_grace_period_seconds)
    if old.scheduling_gates:
        yield from _gated_changes(masked, old)
        masked = _with_old_placement(masked, old)
    if masked != old:
        detail = f"pod updates may not change fields other than {_UPDATABLE}\n{describe(old, masked, 'spec')}"
        yield FieldError.forbidden("spec", detail)


def _with_old_images(new: Sequence[Container], old: Sequence[Container]) -> list[Container]:
    return [replace(after, image=before.image) for after, before in zip(new, old, strict=True)]


def _gated_changes(new: PodSpec, old: PodSpec) -> Errors:
    """A pod not yet released for scheduling may still be told more about where to run."""
    if any(new.node_selector.get(key) != value for key, value in old.node_selector.items()):
        detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
        yield FieldError.invalid("spec.nodeSelector", new.node_selector, detail)
    before, after = _required_terms(old.affinity), _required_terms(new.affinity)
    path = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
    if not before or before == after:
        return
    if len(before) != len(after):
        detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        yield FieldError.invalid(path, list(after), detail)
        return
    for index, (one, other) in enumerate(zip(before, after, strict=True)):
        if not _only_extends(other, one):
            detail = "only additions are allowed (no mutations or deletions)"
            yield FieldError.invalid(f"{path}[{index}]", other, detail)


def _required_terms(affinity: Affinity | None) -> Sequence[NodeSelectorTerm]:
    node: NodeAffinity | None = affinity.node_affinity if affinity is not None else None
    required = node.required_during_scheduling_ignored_during_execution if node is not None else None
    return required.node_selector_terms if required is not None else ()


def _only_extends(new: NodeSelectorTerm, old: NodeSelectorTerm) -> bool:
    if not old.match_expressions and not old.match_fields:
        return not new.match_expressions and not new.match_fields
    return (
        new.match_expressions[: len(old.match_expressions)] == old.match_expressions
        and new.match_fields[: len(old.match_fields)] == old.match_fields
    )


def _with_old_placement(new: PodSpec, old: PodSpec) -> PodSpec:
    affinity = new.affinity
    before = old.affinity.node_affinity if old.affinity is not None else None
    if affinity is not None or before is not None:
        affinity = replace(affinity or Affinity(), node_affinity=before)
    if old.affinity is None and affinity == Affinity():
        affinity = None
    return replace(new, node_selector=old.node_selector, affinity=affinity)


def _transitions(new: Pod, old: Pod) -> Errors:
    """Containers that ended for good may not come back to life."""
    after, before, spec = new.status, old.status, old.spec
    own = {container.name: container for container in spec.containers}
    path = "status.containerStatuses"
    yield from _resurrections(after.container_statuses, before.container_statuses, spec, own, path)
    path = "status.initContainerStatuses"
    init = {container.name: container for container in spec.init_containers}
    yield from _resurrections(
        after.init_container_statuses, before.init_container_statuses, spec, init, path, init=True
    )
    path = "status.ephemeralContainerStatuses"
    yield from _resurrections(after.ephemeral_container_statuses, before.ephemeral_container_statuses, spec, {}, path)


def _resurrections(
    new: Sequence[ContainerStatus],
    old: Sequence[ContainerStatus],
    spec: PodSpec,
    containers: Mapping[str, Container],
    path: str,
    *,
    init: bool = False,
) -> Errors:
    if containers and (spec.restart_policy == "Always" or restarts.may_restart_all(spec)):
        return
    alive = {status.name for status in new if status.state.terminated is None}
    for index, status in enumerate(old):
        ended, container = status.state.terminated, containers.get(status.name)
        if ended is None or status.name not in alive:
            continue
        if container is None or not restarts.may_restart(container, spec, ended.exit_code, init=init):
            yield FieldError.forbidden(f"{path}[{index}].state", "may not be transitioned to non-terminated state")


def _addresses(status: PodStatus) -> Errors:
    groups = (("podIPs", [pod_ip.ip for pod_ip in status.pod_ips]), ("hostIPs", [host.ip for host in status.host_ips]))
    if status.host_ips and status.host_ip != status.host_ips[0].ip:
        yield FieldError.invalid("status.hostIPs[0].ip", status.host_ips[0].ip, "must be equal to `hostIP`")
    for json_name, addresses in groups:
        path = f"status.{json_name}"
        for index, address in enumerate(addresses):
            yield from ip_address(address, f"{path}[{index}]")
        if len(addresses) > 1 and not one_per_family(addresses):
            detail = "may specify no more than one IP for each IP family"
            yield FieldError.invalid(path, addresses, detail)
