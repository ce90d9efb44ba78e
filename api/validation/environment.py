"""Environment variables and the references that fill them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api import names
from api.errors import FieldError
from api.types import (
    ConfigMapKeySelector,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    FileKeySelector,
    ObjectFieldSelector,
    ResourceFieldSelector,
    SecretKeySelector,
    Volume,
)
from api.validation.checks import Errors, file_path, required, well_formed

_ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
_ALL_FIELDS = frozenset({*_ENV_FIELDS, *VOLUME_FIELDS, "spec.restartPolicy", "status.phase"})
_RESOURCES = tuple(
    f"{side}.{name}" for side in ("limits", "requests") for name in ("cpu", "ephemeral-storage", "memory")
)
_BYTE_DIVISORS = ("1", *(f"1{unit}{i}" for i in ("", "i") for unit in ("K" if i else "k", *"MGTPE")))
_ONE_SOURCE = "may not have more than one field specified at a time"


def variables(env: Sequence[EnvVar], volumes: Mapping[str, Volume], path: str) -> Errors:
    """`volumes` are the pod's valid volumes by name."""
    for index, variable in enumerate(env):
        where = f"{path}[{index}]"
        if not variable.name:
            yield FieldError.required(f"{where}.name")
        else:
            yield from well_formed(variable.name, f"{where}.name", names.env_name)
        if variable.value_from is not None:
            yield from _value_from(variable, variable.value_from, volumes, f"{where}.valueFrom")


def sources(env_from: Sequence[EnvFromSource], path: str) -> Errors:
    for index, source in enumerate(env_from):
        where = f"{path}[{index}]"
        if source.prefix:
            yield from well_formed(source.prefix, f"{where}.prefix", names.env_name)
        given = 0
        for json_name, reference in (("configMapRef", source.config_map_ref), ("secretRef", source.secret_ref)):
            if reference is None:
                continue
            given += 1
            if not reference.name:
                yield FieldError.required(f"{where}.{json_name}.name")
            else:
                yield from well_formed(reference.name, f"{where}.{json_name}.name", names.dns1123_subdomain)
        if not given:
            yield FieldError.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
        elif given > 1:
            yield FieldError.invalid(path, "", _ONE_SOURCE)


def _value_from(variable: EnvVar, source: EnvVarSource, volumes: Mapping[str, Volume], path: str) -> Errors:
    given = 0
    if source.field_ref is not None:
        given += 1
        yield from field_reference(source.field_ref, f"{path}.fieldRef", _ENV_FIELDS)
    if source.resource_field_ref is not None:
        given += 1
        yield from resource_reference(source.resource_field_ref, f"{path}.resourceFieldRef", volume=False)
    if source.config_map_key_ref is not None:
        given += 1
        yield from _key_reference(source.config_map_key_ref, f"{path}.configMapKeyRef")
    if source.secret_key_ref is not None:
        given += 1
        yield from _key_reference(source.secret_key_ref, f"{path}.secretKeyRef")
    if source.file_key_ref is not None:
        given += 1
        yield from _file_key_reference(source.file_key_ref, volumes, f"{path}.fileKeyRef")
    if not given:
        detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        yield FieldError.invalid(path, "", detail)
    elif variable.value:
        yield FieldError.invalid(path, "", "may not be specified when `value` is not empty")
    elif given > 1:
        yield FieldError.invalid(path, "", _ONE_SOURCE)


def field_reference(selector: ObjectFieldSelector, path: str, allowed: Sequence[str]) -> Errors:
    """A reference to one of the pod's own fields, or to one of its labels or annotations."""
    if not selector.api_version:
        yield FieldError.required(f"{path}.apiVersion")
        return
    if not selector.field_path:
        yield FieldError.required(f"{path}.fieldPath")
        return
    field, subscript = _split_subscript(selector.field_path)
    if selector.api_version != "v1":
        detail = f"error converting fieldPath: unsupported pod version: {selector.api_version}"
        yield FieldError.invalid(f"{path}.fieldPath", selector.field_path, detail)
    elif subscript is None and field not in _ALL_FIELDS:
        detail = f"error converting fieldPath: field label not supported: {field}"
        yield FieldError.invalid(f"{path}.fieldPath", selector.field_path, detail)
    elif subscript is None:
        if field not in allowed:
            yield FieldError.not_supported(f"{path}.fieldPath", field, allowed)
    elif field == "metadata.annotations":
        yield from well_formed(subscript.lower(), path, names.qualified_name)
    elif field == "metadata.labels":
        yield from well_formed(subscript, path, names.qualified_name)
    else:
        detail = f"error converting fieldPath: field label does not support subscript: {selector.field_path}"
        yield FieldError.invalid(f"{path}.fieldPath", selector.field_path, detail)


def _split_subscript(field_path: str) -> tuple[str, str | None]:
    """ "metadata.labels['app']" is ("metadata.labels", "app")."""
    if field_path.endswith("']") and "['" in field_path:
        field, _, subscript = field_path.removesuffix("']").partition("['")
        return field, subscript
    return field_path, None


def resource_reference(selector: ResourceFieldSelector, path: str, *, volume: bool) -> Errors:
    """A reference to a container's limit or request; volumes must say of which container."""
    name = selector.resource
    is_huge_page = name.startswith(("limits.hugepages-", "requests.hugepages-"))
    if volume and not selector.container_name:
        yield FieldError.required(f"{path}.containerName")
    elif not name:
        yield FieldError.required(f"{path}.resource")
    elif name not in _RESOURCES and not is_huge_page:
        yield FieldError.not_supported(f"{path}.resource", name, _RESOURCES)
    if selector.divisor in ("", "0"):
        return
    kind = name.partition(".")[2]
    if kind == "cpu":
        if selector.divisor not in ("1m", "1"):
            detail = "only divisor's values 1m and 1 are supported with the cpu resource"
            yield FieldError.invalid(f"{path}.divisor", name, detail)
    elif selector.divisor not in _BYTE_DIVISORS:
        shown = {"ephemeral-storage": "local ephemeral storage"}.get(kind, "hugepages" if is_huge_page else kind)
        listed = ", ".join(_BYTE_DIVISORS)
        detail = f"only divisor's values {listed} are supported with the {shown} resource"
        yield FieldError.invalid(f"{path}.divisor", name, detail)


def _key_reference(selector: ConfigMapKeySelector | SecretKeySelector, path: str) -> Errors:
    yield from well_formed(selector.name, f"{path}.name", names.dns1123_subdomain)
    if not selector.key:
        yield FieldError.required(f"{path}.key")
    else:
        yield from well_formed(selector.key, f"{path}.key", names.config_key)


def _file_key_reference(selector: FileKeySelector, volumes: Mapping[str, Volume], path: str) -> Errors:
    yield from required(selector.volume_name, f"{path}.volumeName")
    volume = volumes.get(selector.volume_name)
    if volume is None and selector.volume_name:
        yield FieldError.not_found(f"{path}.volumeName", selector.volume_name)
    elif volume is not None and volume.empty_dir is None:
        detail = "referenced volume must be of type emptyDir"
        yield FieldError.invalid(f"{path}.volumeName", selector.volume_name, detail)
    yield from required(selector.path, f"{path}.path")
    yield from file_path(selector.path, f"{path}.path")
    yield from required(selector.key, f"{path}.key")
