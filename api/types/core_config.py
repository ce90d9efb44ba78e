"""ConfigMaps, Secrets and ServiceAccounts (core/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_reference import LocalObjectReference, ObjectReference
from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Base64

PACKAGE = "core/v1"


class ConfigMap(Record, frozen=True, kw_only=True):
    """Configuration as keys and values."""

    api_version: str = always("v1")
    kind: str = always("ConfigMap")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    binary_data: dict[str, Base64] = {}
    data: dict[str, str] = {}
    immutable: bool | None = None


class Secret(Record, frozen=True, kw_only=True):
    """Confidential data; values are base64."""

    api_version: str = always("v1")
    kind: str = always("Secret")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    data: dict[str, Base64] = {}
    immutable: bool | None = None
    string_data: dict[str, str] = {}
    type: str = ""


class ServiceAccount(Record, frozen=True, kw_only=True):
    """An identity for processes in pods."""

    api_version: str = always("v1")
    kind: str = always("ServiceAccount")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    automount_service_account_token: bool | None = None
    image_pull_secrets: Annotated[list[LocalObjectReference], Field(list_type="atomic")] = []
    secrets: Annotated[
        list[ObjectReference],
        Field(list_type="map", list_map_keys=("name",), patch_strategy="merge", patch_merge_key="name"),
    ] = []
