"""Containers: image, command, environment, ports, resources, mounts (core/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_probe import Lifecycle, Probe
from api.types.core_reference import (
    ConfigMapKeySelector,
    FileKeySelector,
    ObjectFieldSelector,
    ResourceFieldSelector,
    SecretKeySelector,
)
from api.types.core_security import SecurityContext
from api.types.record import Field, Record, always
from api.types.scalars import Int32, Quantity

PACKAGE = "core/v1"


class ConfigMapEnvSource(Record, frozen=True, kw_only=True):
    """All keys of a ConfigMap as environment variables."""

    name: Annotated[str, Field(default="")] = ""
    optional: bool | None = None


class EnvVarSource(Record, frozen=True, kw_only=True):
    """Where an environment variable's value comes from."""

    config_map_key_ref: ConfigMapKeySelector | None = None
    field_ref: ObjectFieldSelector | None = None
    file_key_ref: FileKeySelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    secret_key_ref: SecretKeySelector | None = None


class EnvVar(Record, frozen=True, kw_only=True):
    """One environment variable, by value or by reference."""

    name: Annotated[str, Field(required=True)] = always("")
    value: str = ""
    value_from: EnvVarSource | None = None


class SecretEnvSource(Record, frozen=True, kw_only=True):
    """All keys of a Secret as environment variables."""

    name: Annotated[str, Field(default="")] = ""
    optional: bool | None = None


class EnvFromSource(Record, frozen=True, kw_only=True):
    """Environment variables taken from all keys of an object."""

    config_map_ref: ConfigMapEnvSource | None = None
    prefix: str = ""
    secret_ref: SecretEnvSource | None = None


class ContainerPort(Record, frozen=True, kw_only=True):
    """A port the container listens on."""

    name: str = ""
    container_port: Annotated[Int32, Field(required=True)] = always(0)
    host_ip: str = field(name="hostIP", default="")
    host_port: Int32 = 0
    protocol: Annotated[str, Field(default="TCP", enum=("TCP", "UDP", "SCTP"))] = ""


class ContainerResizePolicy(Record, frozen=True, kw_only=True):
    """Whether changing a resource in place restarts the container."""

    resource_name: Annotated[str, Field(required=True)] = always("")
    restart_policy: Annotated[str, Field(required=True)] = always("")


class ResourceClaim(Record, frozen=True, kw_only=True):
    """A claim of the pod that a container uses."""

    name: Annotated[str, Field(required=True)] = always("")
    request: str = ""


class ResourceRequirements(Record, frozen=True, kw_only=True):
    """What a container is guaranteed and what it may use at most."""

    claims: Annotated[list[ResourceClaim], Field(list_type="map", list_map_keys=("name",))] = []
    limits: dict[str, Quantity] = {}
    requests: dict[str, Quantity] = {}


class ContainerRestartRuleOnExitCodes(Record, frozen=True, kw_only=True):
    """The exit codes a restart rule is for."""

    operator: Annotated[str, Field(required=True)] = ""
    values: Annotated[list[Int32], Field(list_type="set")] = []


class ContainerRestartRule(Record, frozen=True, kw_only=True):
    """What to do when a container exits in a certain way."""

    action: Annotated[str, Field(required=True)] = ""
    exit_codes: ContainerRestartRuleOnExitCodes | None = None


class VolumeDevice(Record, frozen=True, kw_only=True):
    """A raw block volume inside a container."""

    name: Annotated[str, Field(required=True)] = always("")
    device_path: Annotated[str, Field(required=True)] = always("")


class VolumeMount(Record, frozen=True, kw_only=True):
    """Where a container sees a volume."""

    name: Annotated[str, Field(required=True)] = always("")
    mount_path: Annotated[str, Field(required=True)] = always("")
    mount_propagation: Annotated[str | None, Field(enum=("None", "HostToContainer", "Bidirectional"))] = None
    read_only: bool = False
    recursive_read_only: str | None = None
    sub_path: str = ""
    sub_path_expr: str = ""


class Container(Record, frozen=True, kw_only=True):
    """One container: what runs, with which environment, resources, mounts and probes."""

    name: Annotated[str, Field(required=True)] = always("")
    args: Annotated[list[str], Field(list_type="atomic")] = []
    command: Annotated[list[str], Field(list_type="atomic")] = []
    env: Annotated[
        list[EnvVar], Field(list_type="map", list_map_keys=("name",), patch_strategy="merge", patch_merge_key="name")
    ] = []
    env_from: Annotated[list[EnvFromSource], Field(list_type="atomic")] = []
    image: str = ""
    image_pull_policy: Annotated[str, Field(enum=("Always", "Never", "IfNotPresent"))] = ""
    lifecycle: Lifecycle | None = None
    liveness_probe: Probe | None = None
    ports: Annotated[
        list[ContainerPort],
        Field(
            list_type="map",
            list_map_keys=("containerPort", "protocol"),
            patch_strategy="merge",
            patch_merge_key="containerPort",
        ),
    ] = []
    readiness_probe: Probe | None = None
    resize_policy: Annotated[list[ContainerResizePolicy], Field(list_type="atomic")] = []
    resources: ResourceRequirements = field(default_factory=ResourceRequirements)
    restart_policy: str | None = None
    restart_policy_rules: Annotated[list[ContainerRestartRule], Field(list_type="atomic")] = []
    security_context: SecurityContext | None = None
    startup_probe: Probe | None = None
    stdin: bool = False
    stdin_once: bool = False
    termination_message_path: str = ""
    termination_message_policy: Annotated[str, Field(enum=("File", "FallbackToLogsOnError"))] = ""
    tty: bool = False
    volume_devices: Annotated[
        list[VolumeDevice],
        Field(list_type="map", list_map_keys=("devicePath",), patch_strategy="merge", patch_merge_key="devicePath"),
    ] = []
    volume_mounts: Annotated[
        list[VolumeMount],
        Field(list_type="map", list_map_keys=("mountPath",), patch_strategy="merge", patch_merge_key="mountPath"),
    ] = []
    working_dir: str = ""


class EphemeralContainer(Record, frozen=True, kw_only=True):
    """A container added to a running pod to look around."""

    name: Annotated[str, Field(required=True)] = always("")
    args: Annotated[list[str], Field(list_type="atomic")] = []
    command: Annotated[list[str], Field(list_type="atomic")] = []
    env: Annotated[
        list[EnvVar], Field(list_type="map", list_map_keys=("name",), patch_strategy="merge", patch_merge_key="name")
    ] = []
    env_from: Annotated[list[EnvFromSource], Field(list_type="atomic")] = []
    image: str = ""
    image_pull_policy: Annotated[str, Field(enum=("Always", "Never", "IfNotPresent"))] = ""
    lifecycle: Lifecycle | None = None
    liveness_probe: Probe | None = None
    ports: Annotated[
        list[ContainerPort],
        Field(
            list_type="map",
            list_map_keys=("containerPort", "protocol"),
            patch_strategy="merge",
            patch_merge_key="containerPort",
        ),
    ] = []
    readiness_probe: Probe | None = None
    resize_policy: Annotated[list[ContainerResizePolicy], Field(list_type="atomic")] = []
    resources: ResourceRequirements = field(default_factory=ResourceRequirements)
    restart_policy: str | None = None
    restart_policy_rules: Annotated[list[ContainerRestartRule], Field(list_type="atomic")] = []
    security_context: SecurityContext | None = None
    startup_probe: Probe | None = None
    stdin: bool = False
    stdin_once: bool = False
    target_container_name: str = ""
    termination_message_path: str = ""
    termination_message_policy: Annotated[str, Field(enum=("File", "FallbackToLogsOnError"))] = ""
    tty: bool = False
    volume_devices: Annotated[
        list[VolumeDevice],
        Field(list_type="map", list_map_keys=("devicePath",), patch_strategy="merge", patch_merge_key="devicePath"),
    ] = []
    volume_mounts: Annotated[
        list[VolumeMount],
        Field(list_type="map", list_map_keys=("mountPath",), patch_strategy="merge", patch_merge_key="mountPath"),
    ] = []
    working_dir: str = ""
