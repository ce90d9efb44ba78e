"""Warnings about a pod's containers: amounts, variables and ports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from api.advice.amounts import complaint, fractional
from api.types import ContainerPort, EnvVar, ObjectMeta, PodSpec

_SECCOMP = "container.seccomp.security.alpha.kubernetes.io/"
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
# The backslashes are upstream's.
_OLD_SECCOMP = r"non-functional in v1.27+; use the \"seccompProfile\" field instead"
_OLD_APPARMOR = r"deprecated since v1.30; use the \"appArmorProfile\" field instead"


def about_containers(metadata: ObjectMeta, spec: PodSpec, prefix: str) -> Iterable[str]:
    """What is to be said about all containers of a pod, or of a template if there is a prefix."""
    containers = list(_containers(spec, f"{prefix}spec"))
    for path, container in containers:
        if metadata.annotations:
            yield from _old_annotations(metadata, spec, container, prefix)
        yield from _amounts(container, f"{path}.resources")
        if len(container.env) > 1:
            yield from _hidden(container.env, f"{path}.env")
    if any(container.ports for _, container in containers):
        yield from _ports(containers)


def _containers(spec: PodSpec, path: str) -> Iterator[tuple[str, Any]]:
    for index, container in enumerate(spec.init_containers):
        yield f"{path}.initContainers[{index}]", container
    for index, container in enumerate(spec.containers):
        yield f"{path}.containers[{index}]", container
    for index, ephemeral in enumerate(spec.ephemeral_containers):
        yield f"{path}.ephemeralContainers[{index}]", ephemeral


def _old_annotations(metadata: ObjectMeta, spec: PodSpec, container: Any, prefix: str) -> Iterable[str]:
    own, pods = container.security_context, spec.security_context
    key = f"{_SECCOMP}{container.name}"
    if key in metadata.annotations and (own is None or own.seccomp_profile is None):
        yield f"{prefix}metadata.annotations[{key}]: {_OLD_SECCOMP}"
    key = f"{_APPARMOR}{container.name}"
    profiles = [context.app_armor_profile for context in (own, pods) if context is not None]
    # A pod's annotation is taken as its profile: only a template's is worth a word.
    if prefix and key in metadata.annotations and not any(profiles):
        yield f"{prefix}metadata.annotations[{key}]: {_OLD_APPARMOR}"


def _amounts(container: Any, path: str) -> Iterable[str]:
    resources = container.resources
    for name in ("memory", "ephemeral-storage"):
        for kind, amounts in (("limits", resources.limits), ("requests", resources.requests)):
            amount = amounts.get(name, "")
            if fractional(amount):
                yield f"{path}.{kind}[{name}]: {complaint(amount)}"


def _hidden(variables: Iterable[EnvVar], path: str) -> Iterable[str]:
    """A variable may be set twice, if the second makes something of the first."""
    seen: set[str] = set()
    for index, variable in enumerate(variables):
        reference = f"$({variable.name})"
        kept = variable.value_from is None and reference in variable.value and variable.value != reference
        if variable.name in seen and not kept:
            consequence = "which may be dropped when using apply"
            yield f'{path}[{index}]: hides previous definition of "{variable.name}", {consequence}'
        seen.add(variable.name)


def _ports(containers: Iterable[tuple[str, Any]]) -> Iterable[str]:
    earlier: dict[tuple[int, str], list[tuple[str, ContainerPort]]] = {}
    ports = ((where, number, port) for where, container in containers for number, port in enumerate(container.ports))
    for container_path, number, port in ports:
        path = f"{container_path}.ports[{number}]"
        if port.host_ip and not port.host_port:
            yield f"{path}: hostIP set without hostPort: {_shown(port)}"
        others = earlier.setdefault((port.container_port, port.protocol), [])
        for where, other in others:
            clash = _clash(port, other)
            if clash:
                yield f"{path}: {clash} port definition with {where}"
        others.append((path, port))


def _clash(port: ContainerPort, other: ContainerPort) -> str:
    if (port.host_ip, port.host_port) == (other.host_ip, other.host_port):
        return "duplicate"
    if not port.host_port or not other.host_port:
        return "overlapping"
    one_is_any = bool(port.host_ip) != bool(other.host_ip)
    return "dangerously ambiguous" if port.host_port == other.host_port and one_is_any else ""


def _shown(port: ContainerPort) -> str:
    """As Go prints it."""
    return (
        f"{{Name:{port.name} HostPort:{port.host_port} ContainerPort:{port.container_port} "
        f"Protocol:{port.protocol} HostIP:{port.host_ip}}}"
    )
