"""Containers as they are described in pods and in pod templates."""

from collections.abc import Iterable, Mapping, Sequence

from api.types import (
    Container,
    ContainerState,
    ContainerStatus,
    EnvFromSource,
    EnvVar,
    EphemeralContainer,
    Pod,
    Probe,
    ResourceRequirements,
)
from podling.describe.common import NONE, moment, true_or_false
from podling.describe.page import Page

AnyContainer = Container | EphemeralContainer


def describe_containers(
    page: Page,
    title: str,
    containers: Sequence[AnyContainer],
    *,
    pod: Pod | None = None,
    statuses: Iterable[ContainerStatus] = (),
    level: int = 0,
) -> None:
    """A section on containers. `pod` is given for running ones, whose environment can be resolved."""
    page.line(f"{title}:" if containers else f"{title}: {NONE}", level=level)
    by_name = {status.name: status for status in statuses}
    for container in containers:
        page.line(f"{' ' if level else ''}{container.name}:", level=1)
        status = by_name.get(container.name)
        _describe_basics(page, container, status)
        _describe_lines(page, "Command", container.command)
        _describe_lines(page, "Args", container.args)
        if status is not None:
            _describe_status(page, status)
        describe_resources(page, container.resources)
        for name, probe in (
            ("Liveness", container.liveness_probe),
            ("Readiness", container.readiness_probe),
            ("Startup", container.startup_probe),
        ):
            if probe is not None:
                page.field(name, probe_text(probe), level=2)
        _describe_env_from(page, container.env_from)
        _describe_env(page, container, pod)
        _describe_mounts(page, container)


def _describe_basics(page: Page, container: AnyContainer, status: ContainerStatus | None) -> None:
    if status is not None:
        page.field("Container ID", status.container_id, level=2)
    page.field("Image", container.image, level=2)
    if status is not None:
        page.field("Image ID", status.image_id, level=2)
    ports = [f"{port.container_port}/{port.protocol}" for port in container.ports]
    host_ports = [f"{port.host_port}/{port.protocol}" for port in container.ports]
    plural = "s" if len(ports) > 1 else ""
    page.field(f"Port{plural}", ", ".join(ports) or NONE, level=2)
    page.field(f"Host Port{plural}", ", ".join(host_ports) or NONE, level=2)


def _describe_lines(page: Page, title: str, values: Sequence[str]) -> None:
    if values:
        page.line(f"{title}:", level=2)
        for value in values:
            for line in value.split("\n"):
                page.line(line, level=3)


def _describe_status(page: Page, status: ContainerStatus) -> None:
    _describe_state(page, "State", status.state)
    if status.last_state.terminated is not None:
        _describe_state(page, "Last State", status.last_state)
    page.field("Ready", true_or_false(status.ready), level=2)
    page.field("Restart Count", status.restart_count, level=2)


def _describe_state(page: Page, title: str, state: ContainerState) -> None:
    if state.running is not None:
        page.field(title, "Running", level=2)
        page.field("Started", moment(state.running.started_at), level=3)
    elif state.terminated is not None:
        ended = state.terminated
        page.field(title, "Terminated", level=2)
        if ended.reason:
            page.field("Reason", ended.reason, level=3)
        if ended.message:
            page.field("Message", ended.message, level=3)
        page.field("Exit Code", ended.exit_code, level=3)
        if ended.signal:
            page.field("Signal", ended.signal, level=3)
        page.field("Started", moment(ended.started_at), level=3)
        page.field("Finished", moment(ended.finished_at), level=3)
    else:
        page.field(title, "Waiting", level=2)
        if state.waiting is not None and state.waiting.reason:
            page.field("Reason", state.waiting.reason, level=3)


def describe_resources(page: Page, resources: ResourceRequirements | None, *, level: int = 2) -> None:
    """Limits and requests, those that are set."""
    if resources is None:
        return
    for title, amounts in (("Limits", resources.limits), ("Requests", resources.requests)):
        if amounts:
            page.line(f"{title}:", level=level)
            for name in sorted(amounts):
                page.field(name, amounts[name], level=level + 1)


def probe_text(probe: Probe) -> str:
    """A probe on one line: "http-get http://:80/ delay=0s timeout=1s period=10s #success=1 #failure=3"."""
    attributes = (
        f"delay={probe.initial_delay_seconds}s timeout={probe.timeout_seconds}s period={probe.period_seconds}s "
        f"#success={probe.success_threshold} #failure={probe.failure_threshold}"
    )
    if probe.exec is not None:
        return f"exec [{' '.join(probe.exec.command)}] {attributes}"
    if probe.http_get is not None:
        get = probe.http_get
        path = get.path if not get.path or get.path.startswith("/") else f"/{get.path}"
        return f"http-get {get.scheme.lower()}://{get.host}:{get.port}{path} {attributes}"
    if probe.tcp_socket is not None:
        return f"tcp-socket {probe.tcp_socket.host}:{probe.tcp_socket.port} {attributes}"
    if probe.grpc is not None:
        return f"grpc <pod>:{probe.grpc.port} {probe.grpc.service or ''} {attributes}"
    return f"unknown {attributes}"


def _describe_env_from(page: Page, sources: Sequence[EnvFromSource]) -> None:
    if not sources:
        return
    page.line("Environment Variables from:", level=2)
    for source in sources:
        reference = source.config_map_ref or source.secret_ref
        kind = "ConfigMap" if source.config_map_ref else "Secret"
        prefix = f" with prefix '{source.prefix}'" if source.prefix else ""
        name = reference.name if reference else ""
        page.line(name, f"{kind}{prefix}", f"Optional: {_optional(reference.optional if reference else None)}", level=3)


def _describe_env(page: Page, container: AnyContainer, pod: Pod | None) -> None:
    if not container.env:
        page.field("Environment", NONE, level=2)
        return
    page.line("Environment:", level=2)
    for variable in container.env:
        if variable.value_from is None:
            first, *more = variable.value.split("\n")
            page.field(variable.name, first, level=3)
            for line in more:
                page.line("", line, level=3)
        else:
            page.line(f"{variable.name}:", *_source(variable, container, pod), level=3)


def _source(variable: EnvVar, container: AnyContainer, pod: Pod | None) -> tuple[str, ...]:
    """Where a variable's value comes from, and the value if it can be told."""
    source = variable.value_from
    if source is None:
        return ()
    if source.field_ref is not None:
        reference = source.field_ref
        value = _field_value(reference.field_path, pod) if pod is not None else ""
        return (f"{value} ({reference.api_version}:{reference.field_path})",)
    if source.resource_field_ref is not None:
        resource = source.resource_field_ref.resource
        return (f"{_resource_value(resource, container)} ({resource})",)
    if source.secret_key_ref is not None:
        key = source.secret_key_ref
        return f"<set to the key '{key.key}' in secret '{key.name}'>", f"Optional: {_optional(key.optional)}"
    if source.config_map_key_ref is not None:
        entry = source.config_map_key_ref
        return f"<set to the key '{entry.key}' of config map '{entry.name}'>", f"Optional: {_optional(entry.optional)}"
    return ("",)


def _optional(value: bool | None) -> str:
    return "true" if value else "false"


def _field_value(path: str, pod: Pod) -> str:
    name, bracket, key = path.partition("['")
    maps: Mapping[str, Mapping[str, str]] = {
        "metadata.labels": pod.metadata.labels,
        "metadata.annotations": pod.metadata.annotations,
    }
    if bracket:
        return maps.get(name, {}).get(key.removesuffix("']"), "")
    return {
        "metadata.name": pod.metadata.name,
        "metadata.namespace": pod.metadata.namespace,
        "metadata.uid": pod.metadata.uid,
    }.get(path, "")


def _resource_value(resource: str, container: AnyContainer) -> str:
    section, _, name = resource.partition(".")
    amounts = container.resources.limits if section == "limits" else container.resources.requests
    return amounts.get(name, "0")


def _describe_mounts(page: Page, container: AnyContainer) -> None:
    if not container.volume_mounts:
        page.field("Mounts", NONE, level=2)
    else:
        page.line("Mounts:", level=2)
    for mount in sorted(container.volume_mounts, key=lambda item: item.mount_path):
        flags = ["ro" if mount.read_only else "rw"]
        if mount.sub_path:
            flags.append(f'path="{mount.sub_path}"')
        page.line(f"{mount.mount_path} from {mount.name} ({','.join(flags)})", level=3)
    if container.volume_devices:
        page.line("Devices:", level=2)
        for device in sorted(container.volume_devices, key=lambda item: item.device_path):
            page.line(f"{device.device_path} from {device.name}", level=3)
