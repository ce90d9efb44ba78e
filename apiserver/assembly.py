"""The API server's parts put together: storage, registries, admission, authorization, handler. No I/O yet.

`apiserver.run` opens the doors onto what is built here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from api import autoscaler_conversion, event_conversion, rbac, scheme
from api.scheme import Resource
from api.types import ClusterRole, Node, PolicyRule
from apiserver.admission.by_namespace import ByNamespace
from apiserver.admission.chain import Admission
from apiserver.admission.escalation import EscalationCheck
from apiserver.admission.ingress_classes import DefaultIngressClass
from apiserver.admission.limits import LimitBounds, LimitDefaults
from apiserver.admission.namespaces import NamespaceGuard, NamespaceLifecycle
from apiserver.admission.node_restriction import NodeRestriction
from apiserver.admission.nodes import TaintNodesByCondition
from apiserver.admission.pods import DefaultTolerationSeconds
from apiserver.admission.priorities import OneDefaultPriority, Priority, SystemPriorities
from apiserver.admission.quotas.ledger import QuotaLedger
from apiserver.admission.runtime_classes import RuntimeClassPlugin
from apiserver.admission.service_accounts import ServiceAccountPlugin
from apiserver.admission.storage import DefaultStorageClass, PersistentVolumeClaimResize, StorageObjectInUseProtection
from apiserver.auth.authn import Authenticator
from apiserver.auth.authorizer import ClusterAuthorizer
from apiserver.auth.cached_objects import CachedObjects
from apiserver.auth.service_accounts import TokenIssuer, TokenVerifier
from apiserver.auth.user import User
from apiserver.etcd.config import EtcdConfig
from apiserver.handler import Handler
from apiserver.kubelets import Kubelets
from apiserver.node_usage import NodeUsages
from apiserver.pod_streams import PodStreams
from apiserver.registry import reviews
from apiserver.registry.allocation import Allocations, Ranges
from apiserver.registry.catalog import strategy_for
from apiserver.registry.converted import ConvertedRegistry
from apiserver.registry.eviction import PodEviction
from apiserver.registry.objects import ObjectRegistry
from apiserver.registry.pod_actions import Bindings, PodBinding
from apiserver.registry.registry import Registry
from apiserver.registry.resource_metrics import NodeMetricsRegistry, PodMetricsRegistry
from apiserver.registry.scale import WorkloadScale
from apiserver.registry.strategies.configuration import EventsGroupStrategy
from apiserver.registry.tokens import ServiceAccountToken
from apiserver.storage.keys import DEFAULT_PREFIX, storage_of
from apiserver.storage.storage import Storage
from cluster.connection import Connection

_NODE_ROLE: Final = "system:node"
_SCALABLE: Final = ("deployments.apps", "replicasets.apps", "replicationcontrollers", "statefulsets.apps")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssemblyConfig:
    """`issuer` is the URL in tokens; `kubelet_identity` the certificate shown to kubelets.

    exclusive: nobody else writes to this etcd.
    """

    etcd: EtcdConfig
    ranges: Ranges
    issuer: str
    signing_key_file: Path
    verifying_key_files: tuple[Path, ...]
    kubelet_identity: Connection
    static_tokens: Mapping[str, User]
    prefix: str = DEFAULT_PREFIX
    exclusive: bool = False


class Assembly:
    """Raises OSError when a file cannot be read."""

    def __init__(self, config: AssemblyConfig) -> None:
        stored = [resource for resource in scheme.RESOURCES if resource.persistent and resource.stored_as is None]
        self.storage = Storage(config.etcd, stored, config.prefix, exclusive=config.exclusive)
        self.objects = CachedObjects(self.storage.caches)
        self.authorizer = ClusterAuthorizer(self.objects, _node_rules())
        self.verifier = TokenVerifier(config.issuer, config.verifying_key_files, self.objects)
        self.authenticator = Authenticator(self.verifier, config.static_tokens)
        self.allocations = Allocations(config.ranges, self.storage.keys)
        self.storage.caches["services"].on_change(self.allocations.listener)
        self.storage.caches["ipaddresses.networking.k8s.io"].on_change(self.allocations.address_listener)
        self.storage.caches["servicecidrs.networking.k8s.io"].on_change(self.allocations.network_listener)
        self.admission = Admission(self._plugins())
        self.registries: dict[str, Registry] = {}
        self._add_stored(stored)
        self._add_subresources(TokenIssuer(config.issuer, config.signing_key_file))
        self._add_virtual()
        self.handler = Handler(self.registries, self.authorizer)
        self.kubelets = Kubelets(self._node, config.kubelet_identity)
        self.usages = NodeUsages(self.kubelets)
        self._add_metrics()
        self.pod_streams = PodStreams(self.handler, self.registries["pods"], self.kubelets)

    def stored_registry(self, group_resource: str) -> ObjectRegistry:
        registry = self.registries[group_resource]
        assert isinstance(registry, ObjectRegistry)
        return registry

    def _plugins(self) -> list[Any]:
        reader = self.storage.reader
        limit_ranges = ByNamespace(self.storage.caches["limitranges"])
        priorities = reader(_v1("scheduling.k8s.io", "priorityclasses"))
        return [
            NamespaceLifecycle(),
            LimitDefaults(limit_ranges),
            NodeRestriction(reader(_core("pods"))),
            ServiceAccountPlugin(reader(_core("serviceaccounts"))),
            TaintNodesByCondition(),
            DefaultTolerationSeconds(),
            Priority(priorities),
            OneDefaultPriority(priorities),
            SystemPriorities(),
            RuntimeClassPlugin(reader(_v1("node.k8s.io", "runtimeclasses"))),
            StorageObjectInUseProtection(),
            DefaultStorageClass(reader(_v1("storage.k8s.io", "storageclasses"))),
            PersistentVolumeClaimResize(reader(_v1("storage.k8s.io", "storageclasses"))),
            DefaultIngressClass(reader(_v1("networking.k8s.io", "ingressclasses"))),
            EscalationCheck(self.authorizer, self._role),
            LimitBounds(limit_ranges),
        ]

    def _add_stored(self, resources: list[Resource]) -> None:
        namespaces = _core("namespaces")
        guard = NamespaceGuard(self.storage.reader(namespaces), self.storage.keys, storage_of(namespaces))
        quotas = QuotaLedger(self.storage.caches["resourcequotas"], self.storage.keys, self.storage.store, guard.touch)
        for resource in resources:
            self.registries[resource.group_resource] = ObjectRegistry(
                resource,
                self.storage.reader(resource),
                self.storage.store,
                strategy_for(resource, self.allocations),
                self.admission,
                guard if resource.namespaced else None,
                quotas if resource.namespaced else None,
            )

    def _add_subresources(self, issuer: TokenIssuer) -> None:
        pods = self.stored_registry("pods")
        binding = PodBinding(pods)
        pods.subresources |= {"binding": binding, "eviction": self._eviction(pods)}
        self.registries["bindings"] = Bindings(_core("bindings"), binding)
        accounts = self.stored_registry("serviceaccounts")
        bindable = {plural: self.registries[plural] for plural in ("pods", "secrets", "nodes")}
        accounts.subresources["token"] = ServiceAccountToken(accounts, bindable, issuer, self.admission)
        for name in _SCALABLE:
            workloads = self.stored_registry(name)
            workloads.subresources["scale"] = WorkloadScale(workloads)

    def _eviction(self, pods: ObjectRegistry) -> PodEviction:
        name = "poddisruptionbudgets.policy"
        return PodEviction(pods, self.stored_registry(name), ByNamespace(self.storage.caches[name]))

    def _add_virtual(self) -> None:
        authentication, authorization = "authentication.k8s.io", "authorization.k8s.io"
        virtual: list[Registry] = [
            reviews.TokenReviews(_v1(authentication, "tokenreviews"), self.authenticator),
            reviews.SelfReview(_v1(authentication, "selfsubjectreviews")),
            reviews.AccessReview(_v1(authorization, "subjectaccessreviews"), self.authorizer),
            reviews.AccessReview(_v1(authorization, "localsubjectaccessreviews"), self.authorizer),
            reviews.SelfAccessReview(_v1(authorization, "selfsubjectaccessreviews"), self.authorizer),
            reviews.SelfRulesReview(_v1(authorization, "selfsubjectrulesreviews"), self.authorizer),
            ConvertedRegistry(
                _v1("events.k8s.io", "events"),
                self.stored_registry("events").judged_by(EventsGroupStrategy(_core("events"))),
                event_conversion.to_events_group,
                event_conversion.to_core,
            ),
            ConvertedRegistry(
                _v1("autoscaling", "horizontalpodautoscalers"),
                self.stored_registry("horizontalpodautoscalers.autoscaling"),
                autoscaler_conversion.to_v1,
                autoscaler_conversion.to_v2,
            ),
        ]
        for registry in virtual:
            self.registries[registry.resource.registry_name] = registry

    def _add_metrics(self) -> None:
        caches, group, version = self.storage.caches, "metrics.k8s.io", "v1beta1"
        nodes, pods = (scheme.by_path(group, version, plural) for plural in ("nodes", "pods"))
        self.registries[nodes.registry_name] = NodeMetricsRegistry(nodes, caches["nodes"], caches["nodes"], self.usages)
        self.registries[pods.registry_name] = PodMetricsRegistry(pods, caches["pods"], caches["nodes"], self.usages)

    def _node(self, name: str) -> Node | None:
        return self.objects.node(name)

    def _role(self, plural: str, namespace: str, name: str) -> Any:
        found = self.storage.caches[f"{plural}.rbac.authorization.k8s.io"].get(namespace, name)
        return None if found is None else found.record


def _core(plural: str) -> Resource:
    return _v1("", plural)


def _v1(group: str, plural: str) -> Resource:
    return scheme.by_path(group, "v1", plural)


def _node_rules() -> list[PolicyRule]:
    for record in rbac.bootstrap():
        if isinstance(record, ClusterRole) and record.metadata.name == _NODE_ROLE:
            return list(record.rules)
    raise LookupError(f"the default policy has no ClusterRole {_NODE_ROLE}")
