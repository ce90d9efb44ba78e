"""Warnings about a pod, by itself or as a template (upstream's GetWarningsForPod and GetWarningsForPodTemplate).

`prefix` is where the pod's own fields stand: "" or "spec.template.".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from api.advice.amounts import complaint, fractional
from api.advice.containers import about_containers
from api.types import NodeAffinity, NodeSelectorTerm, ObjectMeta, PodAffinity, PodAntiAffinity, PodSpec, Volume

Advice = Iterable[str]

_OLD_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
    "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
}
_OLD_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
# The backslashes are upstream's.
_OLD_SECCOMP = r"non-functional in v1.27+; use the \"seccompProfile\" field instead"
_OLD_VOLUMES = (
    ("photon_persistent_disk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("git_repo", "gitRepo", "deprecated in v1.11"),
    ("scale_io", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
)
_NO_SELECTOR = "a null labelSelector results in matching no pod"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def about_pod(metadata: ObjectMeta, spec: PodSpec, prefix: str) -> Advice:
    """What is to be said about a pod or a template of pods."""
    path = f"{prefix}spec"
    yield from _old_node_labels(spec, path)
    for index, constraint in enumerate(spec.topology_spread_constraints):
        where = f"{path}.topologySpreadConstraints[{index}]"
        key = constraint.topology_key
        if key in _OLD_LABELS:
            yield f"{where}.topologyKey: {key} is {_OLD_LABELS[key]}"
        if constraint.label_selector is None:
            yield f"{where}.labelSelector: {_NO_SELECTOR}"
    for key, message in _OLD_ANNOTATIONS.items():
        if key in metadata.annotations:
            yield f"{prefix}metadata.annotations[{key}]: {message}"
    for index, volume in enumerate(spec.volumes):
        yield from _old_volume(volume, f"{path}.volumes[{index}]")
    yield from _repeated(spec, path)
    for name in ("memory", "ephemeral-storage"):
        amount = spec.overhead.get(name, "")
        if fractional(amount):
            yield f"{path}.overhead[{name}]: {complaint(amount)}"
    seccomp = "seccomp.security.alpha.kubernetes.io/pod"
    profile = spec.security_context.seccomp_profile if spec.security_context is not None else None
    if profile is None and seccomp in metadata.annotations:
        yield f"{prefix}metadata.annotations[{seccomp}]: {_OLD_SECCOMP}"
    yield from about_containers(metadata, spec, prefix)
    grace = spec.termination_grace_period_seconds
    if grace is not None and grace < 0:
        message = "must be >= 0; negative values are invalid and will be treated as 1"
        yield f"{path}.terminationGracePeriodSeconds: {message}"
    if spec.affinity is not None:
        yield from _company(spec.affinity.pod_affinity, f"{path}.affinity.podAffinity")
        yield from _company(spec.affinity.pod_anti_affinity, f"{path}.affinity.podAntiAffinity")


def _old_node_labels(spec: PodSpec, path: str) -> Advice:
    for key in spec.node_selector:
        if key in _OLD_LABELS:
            yield f"{path}.nodeSelector[{key}]: {_OLD_LABELS[key]}"
    if spec.affinity is not None and spec.affinity.node_affinity is not None:
        yield from _old_terms(spec.affinity.node_affinity, f"{path}.affinity.nodeAffinity")


def _old_terms(affinity: NodeAffinity, path: str) -> Advice:
    required = affinity.required_during_scheduling_ignored_during_execution
    for index, term in enumerate(required.node_selector_terms if required is not None else ()):
        yield from _old_keys(term, f"{path}.{_REQUIRED}.nodeSelectorTerms[{index}]")
    for index, preferred in enumerate(affinity.preferred_during_scheduling_ignored_during_execution):
        yield from _old_keys(preferred.preference, f"{path}.{_PREFERRED}[{index}].preference")


def _old_keys(term: NodeSelectorTerm, path: str) -> Advice:
    for index, expression in enumerate(term.match_expressions):
        if expression.key in _OLD_LABELS:
            where = f"{path}.matchExpressions[{index}].key"
            yield f"{where}: {expression.key} is {_OLD_LABELS[expression.key]}"


def _old_volume(volume: Volume, path: str) -> Advice:
    for attribute, json_name, message in _OLD_VOLUMES:
        if getattr(volume, attribute) is not None:
            yield f"{path}.{json_name}: {message}"


def _repeated(spec: PodSpec, path: str) -> Advice:
    for index, ip in _again([alias.ip for alias in spec.host_aliases]):
        yield f'{path}.hostAliases[{index}].ip: duplicate ip "{ip}"'
    names = [secret.name for secret in spec.image_pull_secrets]
    for index, name in _again(names):
        yield f'{path}.imagePullSecrets[{index}].name: duplicate name "{name}"'
    for index, name in enumerate(names):
        if not name:
            yield f'{path}.imagePullSecrets[{index}].name: invalid empty name ""'


def _again(values: Sequence[str]) -> Iterable[tuple[int, str]]:
    """What was there before, with its place."""
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield index, value
        seen.add(value)


def _company(affinity: PodAffinity | PodAntiAffinity | None, path: str) -> Advice:
    if affinity is None:
        return
    for index, term in enumerate(affinity.required_during_scheduling_ignored_during_execution):
        if term.label_selector is None:
            yield f"{path}.{_REQUIRED}[{index}].labelSelector: {_NO_SELECTOR}"
    for index, weighted in enumerate(affinity.preferred_during_scheduling_ignored_during_execution):
        if weighted.pod_affinity_term.label_selector is None:
            yield f"{path}.{_PREFERRED}[{index}].podAffinityTerm.labelSelector: {_NO_SELECTOR}"
