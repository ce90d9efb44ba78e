"""Roles and their bindings (rbac.authorization.k8s.io/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import LabelSelector, ObjectMeta
from api.types.record import Field, Record, always, always_list

PACKAGE = "rbac/v1"


class AggregationRule(Record, frozen=True, kw_only=True):
    """Which cluster roles' rules are copied into this one."""

    cluster_role_selectors: Annotated[list[LabelSelector], Field(list_type="atomic")] = []


class PolicyRule(Record, frozen=True, kw_only=True):
    """Verbs allowed on resources or on URLs."""

    api_groups: Annotated[list[str], Field(list_type="atomic")] = []
    non_resource_urls: Annotated[list[str], Field(list_type="atomic")] = field(
        name="nonResourceURLs", default_factory=list
    )
    resource_names: Annotated[list[str], Field(list_type="atomic")] = []
    resources: Annotated[list[str], Field(list_type="atomic")] = []
    verbs: Annotated[list[str], Field(required=True, list_type="atomic")] = always_list()


class ClusterRole(Record, frozen=True, kw_only=True):
    """Permissions on cluster-wide objects, or on those of every namespace."""

    api_version: str = always("rbac.authorization.k8s.io/v1")
    kind: str = always("ClusterRole")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    aggregation_rule: AggregationRule | None = None
    rules: Annotated[list[PolicyRule], Field(list_type="atomic")] = always_list()


class RoleRef(Record, frozen=True, kw_only=True):
    """The role a binding grants."""

    name: Annotated[str, Field(required=True)] = always("")
    api_group: str = always("")
    kind: Annotated[str, Field(required=True)] = always("")


class Subject(Record, frozen=True, kw_only=True):
    """Who a binding grants a role to: a user, group or service account."""

    name: Annotated[str, Field(required=True)] = always("")
    api_group: str = ""
    kind: Annotated[str, Field(required=True)] = always("")
    namespace: str = ""


class ClusterRoleBinding(Record, frozen=True, kw_only=True):
    """Grants a cluster role everywhere."""

    api_version: str = always("rbac.authorization.k8s.io/v1")
    kind: str = always("ClusterRoleBinding")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    role_ref: Annotated[RoleRef, Field(required=True)] = field(default_factory=RoleRef)
    subjects: Annotated[list[Subject], Field(list_type="atomic")] = []


class Role(Record, frozen=True, kw_only=True):
    """Permissions within a namespace."""

    api_version: str = always("rbac.authorization.k8s.io/v1")
    kind: str = always("Role")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    rules: Annotated[list[PolicyRule], Field(list_type="atomic")] = always_list()


class RoleBinding(Record, frozen=True, kw_only=True):
    """Grants a role within a namespace."""

    api_version: str = always("rbac.authorization.k8s.io/v1")
    kind: str = always("RoleBinding")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    role_ref: Annotated[RoleRef, Field(required=True)] = field(default_factory=RoleRef)
    subjects: Annotated[list[Subject], Field(list_type="atomic")] = []
