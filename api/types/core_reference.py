"""References from one object to another, and to keys and fields of objects (core/v1)."""

from __future__ import annotations

from typing import Annotated

from api.types.record import Field, Record, always
from api.types.scalars import Quantity

PACKAGE = "core/v1"


class ConfigMapKeySelector(Record, frozen=True, kw_only=True):
    """One key of a ConfigMap."""

    name: Annotated[str, Field(default="")] = ""
    key: Annotated[str, Field(required=True)] = always("")
    optional: bool | None = None


class FileKeySelector(Record, frozen=True, kw_only=True):
    """One key of an environment file in a volume."""

    key: Annotated[str, Field(required=True)] = always("")
    optional: Annotated[bool | None, Field(default=False)] = None
    path: Annotated[str, Field(required=True)] = always("")
    volume_name: Annotated[str, Field(required=True)] = always("")


class LocalObjectReference(Record, frozen=True, kw_only=True):
    """Another object of the same namespace, by name."""

    name: Annotated[str, Field(default="")] = ""


class ObjectFieldSelector(Record, frozen=True, kw_only=True):
    """A field of the pod itself, by path."""

    api_version: str = ""
    field_path: Annotated[str, Field(required=True)] = always("")


class ObjectReference(Record, frozen=True, kw_only=True):
    """Any object of the cluster, or a part of one."""

    name: str = ""
    api_version: str = ""
    field_path: str = ""
    kind: str = ""
    namespace: str = ""
    resource_version: str = ""
    uid: str = ""


class ResourceFieldSelector(Record, frozen=True, kw_only=True):
    """A container's limit or request, divided by `divisor`."""

    container_name: str = ""
    divisor: Quantity = always("0")
    resource: Annotated[str, Field(required=True)] = always("")


class SecretKeySelector(Record, frozen=True, kw_only=True):
    """One key of a Secret."""

    name: Annotated[str, Field(default="")] = ""
    key: Annotated[str, Field(required=True)] = always("")
    optional: bool | None = None


class TypedLocalObjectReference(Record, frozen=True, kw_only=True):
    """Another object of the same namespace, by group, kind and name."""

    name: Annotated[str, Field(required=True)] = always("")
    api_group: str | None = always(None)
    kind: Annotated[str, Field(required=True)] = always("")


class TypedObjectReference(Record, frozen=True, kw_only=True):
    """Another object, by group, kind, namespace and name."""

    name: Annotated[str, Field(required=True)] = always("")
    api_group: str | None = always(None)
    kind: Annotated[str, Field(required=True)] = always("")
    namespace: str | None = None
