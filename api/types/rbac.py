"""Roles and their bindings (rbac.authorization.k8s.io/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import LabelSelector, ObjectMeta
from api.types.record import Field, Record, always, always_list

PACKAGE = "rbac/v1"


class AggregationRule(Record, frozen=True, kw_only=True):
    """AggregationRule of rbac/v1."""

    cluster_role_selectors: Annotated[list[LabelSelector], Field(list_type="atomic")] = []


class PolicyRule(Record, frozen=True, kw_only=True):
    """PolicyRule of rbac/v1."""

    api_groups: Annotated[list[str], Field(list_type="atomic")] = []
    non_resource_urls: Annotated[list[str], Field(list_type="atomic")] = field(
        name="nonResourceURLs", default_factory=list
    )
    resource_names: Annotated[list[str], Field(list_type="atomic")] = []
    resources: Annotated[list[str], Field(list_type="atomic")] = []
    verbs: Annotated[list[str], Field(required=True, list_type="atomic")] = always_list()


class ClusterRole(Record, frozen=True, kw_only=True):
    """ClusterRole of rbac/v1."""

    api_version: str = always("rbac.authorization.k8s.io/v1")
    kind: str = always("ClusterRole")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    aggregation_rule: AggregationRule | None = None
    rules: Annotated[list[PolicyRule], Field(list_type="atomic")] = always_list()


class RoleRef(Record, frozen=True, kw_only=True):
    """RoleRef of rbac/v1."""

    name: Annotated[str, Field(required=True)] = always("")
    api_group: str = always("")
    kind: Annotated[str, Field(required=True)] = always("")


class Subject(Record, frozen=True, kw_only=True):
    """Subject of rbac/v1."""

    name: Annotated[str, Field(required=True)] = always("")
    api_group: str = ""
    kind: Annotated[str, Field(required=True)] = always("")
    namespace: str = ""


class ClusterRoleBinding(Record, frozen=True, kw_only=True):
    """ClusterRoleBinding of rbac/v1."""

    api_version: str = always("rbac.authorization.k8s.io/v1")
    kind: str = always("ClusterRoleBinding")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    role_ref: Annotated[RoleRef, Field(required=True)] = field(default_factory=RoleRef)
    subjects: Annotated[list[Subject], Field(list_type="atomic")] = []


class Role(Record, frozen=True, kw_only=True):
    """Role of rbac/v1."""

    api_version: str = always("rbac.authorization.k8s.io/v1")
    kind: str = always("Role")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    rules: Annotated[list[PolicyRule], Field(list_type="atomic")] = always_list()


class RoleBinding(Record, frozen=True, kw_only=True):
    """RoleBinding of rbac/v1."""

    api_version: str = always("rbac.authorization.k8s.io/v1")
    kind: str = always("RoleBinding")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    role_ref: Annotated[RoleRef, Field(required=True)] = field(default_factory=RoleRef)
    subjects: Annotated[list[Subject], Field(list_type="atomic")] = []
