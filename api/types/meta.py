"""Metadata and meta types shared by every kind (group meta.k8s.io/v1)."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import field

from api.types.record import Field, Record, always
from api.types.scalars import Int32, Int64, Time

PACKAGE = "meta/v1"


class Condition(Record, frozen=True, kw_only=True):
    """One aspect of an object's state at a certain point of its life."""

    last_transition_time: Annotated[Time | None, Field(required=True)] = always(None)
    message: Annotated[str, Field(required=True)] = always("")
    observed_generation: Int64 = 0
    reason: Annotated[str, Field(required=True)] = always("")
    status: Annotated[str, Field(required=True)] = always("")
    type: Annotated[str, Field(required=True)] = always("")


class Preconditions(Record, frozen=True, kw_only=True):
    """What must still be true for a delete to go ahead."""

    resource_version: str | None = None
    uid: str | None = None


class DeleteOptions(Record, frozen=True, kw_only=True):
    """What a delete request may say: grace period, propagation, preconditions."""

    api_version: str = ""
    dry_run: Annotated[list[str], Field(list_type="atomic")] = []
    grace_period_seconds: Int64 | None = None
    ignore_store_read_error_with_cluster_breaking_potential: bool | None = None
    kind: str = ""
    orphan_dependents: bool | None = None
    preconditions: Preconditions | None = None
    propagation_policy: str | None = None


class FieldSelectorRequirement(Record, frozen=True, kw_only=True):
    """One condition on a field, as access reviews carry it."""

    key: Annotated[str, Field(required=True)] = always("")
    operator: Annotated[str, Field(required=True)] = always("")
    values: Annotated[list[str], Field(list_type="atomic")] = []


class LabelSelectorRequirement(Record, frozen=True, kw_only=True):
    """One set-based condition on a label."""

    key: Annotated[str, Field(required=True)] = always("")
    operator: Annotated[str, Field(required=True)] = always("")
    values: Annotated[list[str], Field(list_type="atomic")] = []


class LabelSelector(Record, frozen=True, kw_only=True):
    """Labels that must match: all of `match_labels` and all of `match_expressions`."""

    match_expressions: Annotated[list[LabelSelectorRequirement], Field(list_type="atomic")] = []
    match_labels: dict[str, str] = {}


class ListMeta(Record, frozen=True, kw_only=True):
    """Metadata of a list and of a Status: revision and how to continue."""

    continue_: str = field(name="continue", default="")
    remaining_item_count: Int64 | None = None
    resource_version: str = ""
    self_link: str = ""


class ManagedFieldsEntry(Record, frozen=True, kw_only=True):
    """The fields one manager last set."""

    api_version: str = ""
    fields_type: str = ""
    fields_v1: Any = None
    manager: str = ""
    operation: str = ""
    subresource: str = ""
    time: Time | None = None


class OwnerReference(Record, frozen=True, kw_only=True):
    """The object in the same namespace (or in none) that this object lives and dies with."""

    name: Annotated[str, Field(required=True)] = always("")
    api_version: Annotated[str, Field(required=True)] = always("")
    block_owner_deletion: bool | None = None
    controller: bool | None = None
    kind: Annotated[str, Field(required=True)] = always("")
    uid: Annotated[str, Field(required=True)] = always("")


class ObjectMeta(Record, frozen=True, kw_only=True):
    """Metadata every stored object has: identity, labels, owners, life cycle."""

    resource_version: str = ""
    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: Int64 = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    deletion_grace_period_seconds: Int64 | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: Annotated[
        list[OwnerReference],
        Field(list_type="map", list_map_keys=("uid",), patch_strategy="merge", patch_merge_key="uid"),
    ] = []
    finalizers: Annotated[list[str], Field(list_type="set", patch_strategy="merge")] = []
    managed_fields: Annotated[list[ManagedFieldsEntry], Field(list_type="atomic")] = []
    self_link: str = ""


class StatusCause(Record, frozen=True, kw_only=True):
    """One of several reasons for a failure, and the field it concerns."""

    field: str = ""
    message: str = ""
    reason: str = ""


class StatusDetails(Record, frozen=True, kw_only=True):
    """What a Status is about: name, kind, causes, when to retry."""

    name: str = ""
    causes: Annotated[list[StatusCause], Field(list_type="atomic")] = []
    group: str = ""
    kind: str = ""
    retry_after_seconds: Int32 = 0
    uid: str = ""


class Status(Record, frozen=True, kw_only=True):
    """The outcome of a call that has no object to answer with."""

    api_version: str = always("v1")
    kind: str = always("Status")
    metadata: ListMeta = field(default_factory=ListMeta)
    code: Int32 = 0
    details: StatusDetails | None = None
    message: str = ""
    reason: str = ""
    status: str = ""


class WatchEvent(Record, frozen=True, kw_only=True):
    """One change as a watch sends it."""

    object: Annotated[Any, Field(required=True)] = always(None)
    type: Annotated[str, Field(required=True)] = always("")
