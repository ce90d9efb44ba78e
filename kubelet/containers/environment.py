"""The environment of a container: `env`, `envFrom`, values from elsewhere, Service variables.

Pure: the ConfigMaps, Secrets and files it needs are read beforehand (`references`, `files`) and passed in. Source:
upstream's kubelet_pods.go (makeEnvironmentVariables) and pkg/kubelet/envvars.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from api.types import (
    ConfigMap,
    ConfigMapKeySelector,
    Container,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    EphemeralContainer,
    FileKeySelector,
    Pod,
    Secret,
    SecretKeySelector,
    Service,
)
from kubelet.containers.expansion import expand
from kubelet.containers.fields import FieldError, PodFacts, pod_field, resource_field

AnyContainer = Container | EphemeralContainer
MASTER_SERVICE = ("default", "kubernetes")


# The volume's name and the path in it.
File = tuple[str, str]


class EnvironmentFailure(Exception):
    """The environment cannot be made yet (upstream: CreateContainerConfigError). The text is upstream's."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A ConfigMap or Secret of the pod's namespace that a container's environment reads."""

    kind: type[ConfigMap] | type[Secret]
    name: str


@dataclass(frozen=True, slots=True)
class Sources:
    """What was read for the references and from the files; what is absent is absent here."""

    config_maps: Mapping[str, ConfigMap]
    secrets: Mapping[str, Secret]
    files: Mapping[File, Mapping[str, str]]

    @staticmethod
    def of(objects: Iterable[ConfigMap | Secret], files: Mapping[File, Mapping[str, str]]) -> Sources:
        config_maps, secrets = {}, {}
        for object in objects:
            if isinstance(object, ConfigMap):
                config_maps[object.metadata.name] = object
            else:
                secrets[object.metadata.name] = object
        return Sources(config_maps, secrets, files)


def references(container: AnyContainer) -> set[Reference]:
    """Every object the environment needs or, when optional, would use."""
    found = set()
    for source in container.env_from:
        if source.config_map_ref is not None:
            found.add(Reference(ConfigMap, source.config_map_ref.name))
        if source.secret_ref is not None:
            found.add(Reference(Secret, source.secret_ref.name))
    for value_from in (variable.value_from for variable in container.env):
        if value_from is not None and value_from.config_map_key_ref is not None:
            found.add(Reference(ConfigMap, value_from.config_map_key_ref.name))
        if value_from is not None and value_from.secret_key_ref is not None:
            found.add(Reference(Secret, value_from.secret_key_ref.name))
    return found


def files(container: AnyContainer) -> set[File]:
    """Every file the environment reads variables from."""
    sources = (variable.value_from for variable in container.env)
    keys = (source.file_key_ref for source in sources if source is not None)
    return {(key.volume_name, key.path) for key in keys if key is not None}


def build(
    pod: Pod, container: AnyContainer, sources: Sources, services: Mapping[str, str], facts: PodFacts
) -> dict[str, str]:
    """All variables of the container. `services` are those of `service_variables`.

    Raises EnvironmentFailure when something required is missing.
    """
    result: dict[str, str] = {}
    for source in container.env_from:
        result.update(_all_of(pod, source, sources))
    for variable in container.env:
        value = _value(pod, container, variable, result, sources, services, facts)
        if value is not None:
            result[variable.name] = value
    for name, value in services.items():
        result.setdefault(name, value)
    return result


def _all_of(pod: Pod, source: EnvFromSource, sources: Sources) -> Iterator[tuple[str, str]]:
    if source.config_map_ref is not None:
        reference = source.config_map_ref
        config_map = sources.config_maps.get(reference.name)
        if config_map is None:
            _missing(f'configmap "{reference.name}" not found', bool(reference.optional))
        else:
            yield from ((source.prefix + key, value) for key, value in config_map.data.items())
    if source.secret_ref is not None:
        name = source.secret_ref.name
        secret = sources.secrets.get(name)
        if secret is None:
            _missing(f'secret "{name}" not found', bool(source.secret_ref.optional))
        else:
            yield from ((source.prefix + key, secret_text(value)) for key, value in secret.data.items())


def secret_text(value: str) -> str:
    """A Secret's base64 value as an environment variable; bytes that are not UTF-8 are kept as such."""
    return base64.b64decode(value).decode("utf-8", "surrogateescape")


def _missing(message: str, optional: bool) -> None:
    if not optional:
        raise EnvironmentFailure(message)


def _value(
    pod: Pod,
    container: AnyContainer,
    variable: EnvVar,
    known: Mapping[str, str],
    sources: Sources,
    services: Mapping[str, str],
    facts: PodFacts,
) -> str | None:
    """The variable's value; None when it is optional and has none."""
    source = variable.value_from
    if source is None:
        return expand(variable.value, known, services)
    if source.config_map_key_ref is not None or source.secret_key_ref is not None:
        return _key_value(pod, source, sources)
    if source.file_key_ref is not None:
        return _file_value(source.file_key_ref, sources)
    try:
        if source.field_ref is not None:
            return pod_field(pod, source.field_ref.field_path, facts)
        if source.resource_field_ref is not None:
            own = container if isinstance(container, Container) else None
            return resource_field(pod, source.resource_field_ref, own, facts.node_allocatable or {})
    except FieldError as error:
        raise EnvironmentFailure(str(error)) from error
    raise EnvironmentFailure(f"environment variable {variable.name} has a valueFrom this node does not support")


def _key_value(pod: Pod, source: EnvVarSource, sources: Sources) -> str | None:
    if source.config_map_key_ref is not None:
        config_map = sources.config_maps.get(source.config_map_key_ref.name)
        return _pick(pod, "ConfigMap", source.config_map_key_ref, config_map.data if config_map else None)
    if source.secret_key_ref is not None:
        secret = sources.secrets.get(source.secret_key_ref.name)
        value = _pick(pod, "Secret", source.secret_key_ref, secret.data if secret else None)
        return None if value is None else secret_text(value)
    return None


def _file_value(selector: FileKeySelector, sources: Sources) -> str | None:
    found = sources.files.get((selector.volume_name, selector.path), {}).get(selector.key)
    if found is None:
        text = f'environment variable key "{selector.key}" not found in file "{selector.path}"'
        _missing(text, bool(selector.optional))
    return found


def _pick(
    pod: Pod, kind: str, selector: ConfigMapKeySelector | SecretKeySelector, data: Mapping[str, str] | None
) -> str | None:
    optional = bool(selector.optional)
    if data is None:
        _missing(f'{kind.lower()} "{selector.name}" not found', optional)
        return None
    if selector.key not in data:
        where = f"{pod.metadata.namespace}/{selector.name}"
        _missing(f"couldn't find key {selector.key} in {kind} {where}", optional)
    return data.get(selector.key)


def service_variables(namespace: str, services: Iterable[Service], *, links: bool) -> dict[str, str]:
    """Variables that name Services: those of `namespace` when `links`, and always the API server's."""
    chosen: dict[str, Service] = {}
    for service in services:
        metadata = service.metadata
        if service.spec.cluster_ip in ("", "None"):
            continue
        if (metadata.namespace, metadata.name) == MASTER_SERVICE:
            chosen.setdefault(metadata.name, service)
        elif links and metadata.namespace == namespace:
            chosen[metadata.name] = service
    result: dict[str, str] = {}
    for name in sorted(chosen):
        result.update(_variables_of(chosen[name]))
    return result


def _variables_of(service: Service) -> Iterator[tuple[str, str]]:
    prefix = variable_name(service.metadata.name)
    address, ports = service.spec.cluster_ip, service.spec.ports
    if not ports:
        return
    host = f"[{address}]" if ":" in address else address
    yield f"{prefix}_SERVICE_HOST", address
    yield f"{prefix}_SERVICE_PORT", str(ports[0].port)
    for port in ports:
        if port.name:
            yield f"{prefix}_SERVICE_PORT_{variable_name(port.name)}", str(port.port)
    for index, port in enumerate(ports):
        protocol = port.protocol or "TCP"
        url = f"{protocol.lower()}://{host}:{port.port}"
        if index == 0:
            yield f"{prefix}_PORT", url
        stem = f"{prefix}_PORT_{port.port}_{protocol.upper()}"
        yield stem, url
        yield f"{stem}_PROTO", protocol.lower()
        yield f"{stem}_PORT", str(port.port)
        yield f"{stem}_ADDR", address


def variable_name(text: str) -> str:
    return text.upper().replace("-", "_")
