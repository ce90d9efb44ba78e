"""`LiveObjects` on top of the watch caches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

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
from apiserver.storage.cache import ResourceCache

Kind = TypeVar("Kind")
GROUP = "rbac.authorization.k8s.io"


class CachedObjects:
    """`caches` maps `Resource.group_resource` to its cache; a pod cache is indexed by node name."""

    def __init__(self, caches: Mapping[str, ResourceCache]) -> None:
        self._roles = caches[f"roles.{GROUP}"]
        self._cluster_roles = caches[f"clusterroles.{GROUP}"]
        self._role_bindings = caches[f"rolebindings.{GROUP}"]
        self._cluster_role_bindings = caches[f"clusterrolebindings.{GROUP}"]
        self._service_accounts = caches["serviceaccounts"]
        self._pods = caches["pods"]
        self._secrets = caches["secrets"]
        self._nodes = caches["nodes"]
        self._volumes = caches["persistentvolumes"]

    def rbac_generation(self) -> object:
        return (
            self._roles.changed,
            self._cluster_roles.changed,
            self._role_bindings.changed,
            self._cluster_role_bindings.changed,
        )

    def roles(self) -> Iterable[Role]:
        return [stored.record for stored in self._roles.items()]

    def cluster_roles(self) -> Iterable[ClusterRole]:
        return [stored.record for stored in self._cluster_roles.items()]

    def role_bindings(self) -> Iterable[RoleBinding]:
        return [stored.record for stored in self._role_bindings.items()]

    def cluster_role_bindings(self) -> Iterable[ClusterRoleBinding]:
        return [stored.record for stored in self._cluster_role_bindings.items()]

    def service_account(self, namespace: str, name: str) -> ServiceAccount | None:
        return _record(self._service_accounts, namespace, name, ServiceAccount)

    def pod(self, namespace: str, name: str) -> Pod | None:
        return _record(self._pods, namespace, name, Pod)

    def secret(self, namespace: str, name: str) -> Secret | None:
        return _record(self._secrets, namespace, name, Secret)

    def node(self, name: str) -> Node | None:
        return _record(self._nodes, "", name, Node)

    def pods_on_node(self, node_name: str) -> Iterable[Pod]:
        return [stored.record for stored in self._pods.with_index(node_name)]

    def volumes(self) -> Iterable[PersistentVolume]:
        return (stored.record for stored in self._volumes.items())


def _record(cache: ResourceCache, namespace: str, name: str, kind: type[Kind]) -> Kind | None:
    stored = cache.get(namespace, name)
    if stored is None:
        return None
    record: Kind = stored.record
    return record
