"""Defaults of pods and of the pod specs in templates."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from api import pod_resources
from api.defaults.fill import each, fill, put, within
from api.defaults.volumes import field_reference, pull_policy, volume
from api.types import (
    Container,
    ContainerPort,
    EnvVar,
    EnvVarSource,
    EphemeralContainer,
    FileKeySelector,
    GRPCAction,
    HTTPGetAction,
    Lifecycle,
    LifecycleHandler,
    Pod,
    PodSecurityContext,
    PodSpec,
    Probe,
    ResourceRequirements,
)

C = TypeVar("C", Container, EphemeralContainer)


def pod(pod: Pod) -> Pod:
    """Beyond the spec's own defaults a pod takes host ports, requests from limits, and service links."""
    spec = pod_spec(pod.spec)
    if spec.host_network:
        spec = put(
            spec,
            containers=each(spec.containers, _with_host_ports),
            init_containers=each(spec.init_containers, _with_host_ports),
        )
    spec = within(spec, containers=_with_requests, init_containers=_with_requests)
    if spec.resources is not None and spec.resources.limits:
        spec = put(spec, resources=_requests_from_limits(_with_containers_requests(spec.resources, spec)))
    if (spec.termination_grace_period_seconds or 0) < 0:
        # Of pods alone: templates keep what they say (upstream: Convert_v1_Pod_To_core_Pod).
        spec = put(spec, termination_grace_period_seconds=1)
    return put(pod, spec=fill(spec, enable_service_links=True))


def pod_spec(spec: PodSpec) -> PodSpec:
    """Defaults of any pod spec, whether of a pod or of a template."""
    spec = within(
        spec,
        volumes=volume,
        containers=container,
        init_containers=container,
        ephemeral_containers=container,
    )
    account = spec.service_account_name or spec.service_account
    return fill(
        put(spec, service_account_name=account, service_account=account),
        restart_policy="Always",
        termination_grace_period_seconds=30,
        dns_policy="ClusterFirst",
        security_context=PodSecurityContext(),
        scheduler_name="default-scheduler",
    )


def container(container: C) -> C:
    container = within(
        container,
        ports=_port,
        env=_env,
        liveness_probe=_probe,
        readiness_probe=_probe,
        startup_probe=_probe,
        lifecycle=_lifecycle,
    )
    return fill(
        container,
        image_pull_policy=pull_policy(container.image),
        termination_message_path="/dev/termination-log",
        termination_message_policy="File",
    )


def _port(port: ContainerPort) -> ContainerPort:
    return fill(port, protocol="TCP")


def _env(env: EnvVar) -> EnvVar:
    return within(env, value_from=_env_source)


def _env_source(source: EnvVarSource) -> EnvVarSource:
    return within(source, field_ref=field_reference, file_key_ref=_file_key)


def _file_key(selector: FileKeySelector) -> FileKeySelector:
    return fill(selector, optional=False)


def _probe(probe: Probe) -> Probe:
    probe = within(probe, http_get=_http_get, grpc=_grpc)
    numbers = {"timeout_seconds": 1, "period_seconds": 10, "success_threshold": 1, "failure_threshold": 3}
    return put(probe, **{name: getattr(probe, name) or default for name, default in numbers.items()})


def _grpc(action: GRPCAction) -> GRPCAction:
    return fill(action, service="")


def _http_get(action: HTTPGetAction) -> HTTPGetAction:
    return fill(action, path="/", scheme="HTTP")


def _lifecycle(lifecycle: Lifecycle) -> Lifecycle:
    return within(lifecycle, post_start=_handler, pre_stop=_handler)


def _handler(handler: LifecycleHandler) -> LifecycleHandler:
    return within(handler, http_get=_http_get)


def _with_host_ports(container: Container) -> Container:
    return within(container, ports=_with_host_port)


def _with_host_port(port: ContainerPort) -> ContainerPort:
    return port if port.host_port else replace(port, host_port=port.container_port)


def _with_requests(container: Container) -> Container:
    return put(container, resources=_requests_from_limits(container.resources))


def _with_containers_requests(whole: ResourceRequirements, spec: PodSpec) -> ResourceRequirements:
    """What containers request and the pod as a whole does not is requested for it (upstream defaultPodRequests)."""
    missing = {
        name: pod_resources.text(value, _first_request(spec, name))
        for name, value in pod_resources.of_containers(spec, lambda resources: resources.requests).items()
        if name in ("cpu", "memory") and name not in whole.requests
    }
    return replace(whole, requests={**whole.requests, **missing}) if missing else whole


def _first_request(spec: PodSpec, name: str) -> str:
    containers = (*spec.containers, *spec.init_containers)
    return next(one.resources.requests[name] for one in containers if name in one.resources.requests)


def _requests_from_limits(resources: ResourceRequirements) -> ResourceRequirements:
    """A resource that is limited but not requested is requested up to its limit."""
    missing = {name: limit for name, limit in resources.limits.items() if name not in resources.requests}
    return replace(resources, requests={**resources.requests, **missing}) if missing else resources
