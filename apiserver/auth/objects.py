"""The live objects that authentication and authorization read: what the watch caches give them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from api.types import (
    ClusterRole,
    ClusterRoleBinding,
    Node,
    PersistentVolume,
    Pod,
    Role,
    RoleBinding,
    Secret,
    ServiceAccount,
)


class RbacObjects(Protocol):
    """The four kinds of role-based access control."""

    def rbac_generation(self) -> object:
        """A value that differs whenever any of the four kinds changed since it was last asked for."""
        ...

    def roles(self) -> Iterable[Role]: ...

    def cluster_roles(self) -> Iterable[ClusterRole]: ...

    def role_bindings(self) -> Iterable[RoleBinding]: ...

    def cluster_role_bindings(self) -> Iterable[ClusterRoleBinding]: ...


class BoundObjects(Protocol):
    """The objects a service-account token can be bound to; None when there is no such object."""

    def service_account(self, namespace: str, name: str) -> ServiceAccount | None: ...

    def pod(self, namespace: str, name: str) -> Pod | None: ...

    def secret(self, namespace: str, name: str) -> Secret | None: ...

    def node(self, name: str) -> Node | None: ...


class NodePods(Protocol):
    """Which pods are bound to a node, and what volumes there are for them."""

    def pods_on_node(self, node_name: str) -> Iterable[Pod]: ...

    def volumes(self) -> Iterable[PersistentVolume]: ...

    def pod(self, namespace: str, name: str) -> Pod | None: ...


class LiveObjects(RbacObjects, BoundObjects, NodePods, Protocol):
    """Everything above, from memory, without waiting."""
