"""Containers of a pod: regular, init and ephemeral."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from api import names
from api.errors import FieldError
from api.types import Container, ContainerPort, ContainerResizePolicy, EphemeralContainer, PodSpec, Volume, fields
from api.validation import environment, mounts, probes, resources, restarts, security
from api.validation.checks import PROTOCOLS, Errors, one_of, well_formed

_ONLY_SIDECARS = "may not be set for init containers without restartPolicy=Always"
_NOT_EPHEMERAL = "cannot be set for an Ephemeral Container"
_FORBIDDEN_IN_EPHEMERAL = (
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What containers depend on in their pod: valid volumes by name, claims, and settings."""

    volumes: Mapping[str, Volume]
    claim_names: Collection[str]
    grace_period: int | None
    restart_policy: str
    host_users: bool
    in_pod: bool


def check(spec: PodSpec, pod: Surroundings, path: str) -> Errors:
    """All containers of a pod spec at `path`."""
    yield from _regular(spec.containers, pod, f"{path}.containers")
    yield from _init(spec, pod, f"{path}.initContainers")
    yield from _ephemeral(spec, pod, f"{path}.ephemeralContainers")
    for json_name, group in (("containers", spec.containers), ("initContainers", spec.init_containers)):
        for index, container in enumerate(group):
            yield from restarts.stop_signal(container, spec, f"{path}.{json_name}[{index}]")


def _regular(containers: Sequence[Container], pod: Surroundings, path: str) -> Errors:
    if not containers:
        yield FieldError.required(path)
    used: set[str] = set()
    for index, container in enumerate(containers):
        where = f"{path}[{index}]"
        yield from _common(container, pod, where)
        if container.name in used:
            yield FieldError.duplicate(f"{where}.name", container.name)
        used.add(container.name)
        yield from probes.of_container(container, pod.grace_period, where)
        yield from restarts.policy(container, where)
    yield from _host_ports(containers, path)


def _init(spec: PodSpec, pod: Surroundings, path: str) -> Errors:
    used = {container.name for container in spec.containers}
    for index, container in enumerate(spec.init_containers):
        where = f"{path}[{index}]"
        yield from _common(container, pod, where)
        yield from restarts.policy(container, where)
        if container.name in used:
            yield FieldError.duplicate(f"{where}.name", container.name)
        elif container.name:
            used.add(container.name)
        yield from _host_ports([container], path)
        if container.restart_policy == "Always":
            yield from probes.of_container(container, pod.grace_period, where)
            continue
        for json_name in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
            if getattr(container, fields(Container)[json_name].python_name) is not None:
                yield FieldError.forbidden(f"{where}.{json_name}", _ONLY_SIDECARS)


def _ephemeral(spec: PodSpec, pod: Surroundings, path: str) -> Errors:
    targets = {container.name for container in (*spec.containers, *spec.init_containers)}
    used = set(targets)
    for index, container in enumerate(spec.ephemeral_containers):
        where = f"{path}[{index}]"
        yield from _common(container, pod, where)
        if container.name in used:
            yield FieldError.duplicate(f"{where}.name", container.name)
        used.add(container.name)
        target = container.target_container_name
        if target and target not in targets:
            yield FieldError.not_found(f"{where}.targetContainerName", target)
        yield from _ephemeral_limits(container, where)


def _ephemeral_limits(container: EphemeralContainer, path: str) -> Errors:
    """Ephemeral containers are for looking around, not for being relied upon."""
    untouched = EphemeralContainer()
    for json_name in _FORBIDDEN_IN_EPHEMERAL:
        name = fields(EphemeralContainer)[json_name].python_name
        if getattr(container, name) != getattr(untouched, name):
            yield FieldError.forbidden(f"{path}.{json_name}", _NOT_EPHEMERAL)
    for index, mount in enumerate(container.volume_mounts):
        for json_name, value in (("subPath", mount.sub_path), ("subPathExpr", mount.sub_path_expr)):
            if value:
                yield FieldError.forbidden(f"{path}.volumeMounts[{index}].{json_name}", _NOT_EPHEMERAL)


def _common(container: Container | EphemeralContainer, pod: Surroundings, path: str) -> Errors:
    """What holds for a container of any sort."""
    if not container.name:
        yield FieldError.required(f"{path}.name")
    else:
        yield from well_formed(container.name, f"{path}.name", names.dns1123_label)
    if not container.image:
        yield FieldError.required(f"{path}.image")
    elif pod.in_pod and container.image.strip() != container.image:
        detail = "must not have leading or trailing whitespace"
        yield FieldError.invalid(f"{path}.image", container.image, detail)
    policy = container.termination_message_policy
    yield from one_of(policy, f"{path}.terminationMessagePolicy", ("File", "FallbackToLogsOnError"))
    yield from _ports(container.ports, f"{path}.ports")
    yield from environment.variables(container.env, pod.volumes, f"{path}.env")
    yield from environment.sources(container.env_from, f"{path}.envFrom")
    yield from mounts.of_container(container, pod.volumes, path)
    yield from one_of(container.image_pull_policy, f"{path}.imagePullPolicy", ("Always", "IfNotPresent", "Never"))
    yield from resources.requirements(container.resources, pod.claim_names, f"{path}.resources")
    yield from _resize_policy(container.resize_policy, pod.restart_policy, f"{path}.resizePolicy")
    if container.security_context is not None:
        yield from security.container_context(container.security_context, pod.host_users, f"{path}.securityContext")


def _ports(ports: Sequence[ContainerPort], path: str) -> Errors:
    used: set[str] = set()
    for index, port in enumerate(ports):
        where = f"{path}[{index}]"
        if port.name:
            messages = names.port_name(port.name)
            for message in messages:
                yield FieldError.invalid(f"{where}.name", port.name, message)
            if not messages and port.name in used:
                yield FieldError.duplicate(f"{where}.name", port.name)
            used.add(port.name)
        if not port.container_port:
            yield FieldError.required(f"{where}.containerPort")
        for json_name, number in (("containerPort", port.container_port), ("hostPort", port.host_port)):
            for message in names.port_number(number) if number else ():
                yield FieldError.invalid(f"{where}.{json_name}", number, message)
        yield from one_of(port.protocol, f"{where}.protocol", PROTOCOLS)


def _host_ports(containers: Sequence[Container], path: str) -> Errors:
    """No two containers may want the same port of the host."""
    used: set[str] = set()
    for index, container in enumerate(containers):
        for number, port in enumerate(container.ports):
            if not port.host_port:
                continue
            claim = f"{port.protocol}/{port.host_ip}/{port.host_port}"
            if claim in used:
                yield FieldError.duplicate(f"{path}[{index}].ports[{number}].hostPort", claim)
            used.add(claim)


def _resize_policy(policies: Sequence[ContainerResizePolicy], restart_policy: str, path: str) -> Errors:
    seen: set[str] = set()
    for index, policy in enumerate(policies):
        if policy.resource_name in seen:
            yield FieldError.duplicate(f"{path}[{index}]", policy.resource_name)
        seen.add(policy.resource_name)
        yield from one_of(policy.resource_name, path, ("cpu", "memory"))
        yield from one_of(policy.restart_policy, path, ("NotRequired", "RestartContainer"))
        if restart_policy == "Never" and policy.restart_policy != "NotRequired":
            detail = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            yield FieldError.invalid(path, policy.restart_policy, detail)
