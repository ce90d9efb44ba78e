"""Which strategy serves which resource, and which subresources of other kinds it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from api.scheme import Resource
from apiserver.registry.allocation import Allocations
from apiserver.registry.strategies import batch, configuration, sets, snapshots, storage, workloads
from apiserver.registry.strategies.gateway import GatewayStrategy
from apiserver.registry.strategies.namespaces import NamespaceStrategy
from apiserver.registry.strategies.networking import IngressStrategy, NetworkPolicyStrategy
from apiserver.registry.strategies.nodes import NodeStrategy
from apiserver.registry.strategies.pods import PodStrategy
from apiserver.registry.strategies.policy import (
    PodDisruptionBudgetStrategy,
    PriorityClassStrategy,
    ResourceQuotaStrategy,
    RuntimeClassStrategy,
)
from apiserver.registry.strategies.services import ServiceStrategy
from apiserver.registry.strategy import Strategy

_RBAC: Final = "rbac.authorization.k8s.io"
_STRATEGIES: Final[Mapping[str, Callable[[Resource], Strategy]]] = {
    "cronjobs.batch": batch.CronJobStrategy,
    "daemonsets.apps": sets.DaemonSetStrategy,
    "deployments.apps": workloads.DeploymentStrategy,
    "endpoints": configuration.EndpointsStrategy,
    "endpointslices.discovery.k8s.io": configuration.EndpointSliceStrategy,
    "events": configuration.EventStrategy,
    "gatewayclasses.gateway.networking.k8s.io": GatewayStrategy,
    "gateways.gateway.networking.k8s.io": GatewayStrategy,
    "httproutes.gateway.networking.k8s.io": GatewayStrategy,
    "referencegrants.gateway.networking.k8s.io": GatewayStrategy,
    "ingressclasses.networking.k8s.io": IngressStrategy,
    "ingresses.networking.k8s.io": IngressStrategy,
    "jobs.batch": batch.JobStrategy,
    "leases.coordination.k8s.io": configuration.LeaseStrategy,
    "namespaces": NamespaceStrategy,
    "networkpolicies.networking.k8s.io": NetworkPolicyStrategy,
    "nodes": NodeStrategy,
    "persistentvolumeclaims": storage.PersistentVolumeClaimStrategy,
    "persistentvolumes": storage.PersistentVolumeStrategy,
    "poddisruptionbudgets.policy": PodDisruptionBudgetStrategy,
    "pods": PodStrategy,
    "podtemplates": configuration.PodTemplateStrategy,
    "replicasets.apps": workloads.ReplicaSetStrategy,
    "replicationcontrollers": batch.ReplicationControllerStrategy,
    "priorityclasses.scheduling.k8s.io": PriorityClassStrategy,
    "resourcequotas": ResourceQuotaStrategy,
    "runtimeclasses.node.k8s.io": RuntimeClassStrategy,
    "secrets": configuration.SecretStrategy,
    "serviceaccounts": configuration.ServiceAccountStrategy,
    "csidrivers.storage.k8s.io": storage.CSIDriverStrategy,
    "csinodes.storage.k8s.io": storage.StorageStrategy,
    "csistoragecapacities.storage.k8s.io": storage.StorageStrategy,
    "storageclasses.storage.k8s.io": storage.StorageStrategy,
    "volumeattachments.storage.k8s.io": storage.StorageStrategy,
    "volumeattributesclasses.storage.k8s.io": storage.StorageStrategy,
    "volumesnapshotclasses.snapshot.storage.k8s.io": snapshots.SnapshotStrategy,
    "volumesnapshotcontents.snapshot.storage.k8s.io": snapshots.SnapshotStrategy,
    "volumesnapshots.snapshot.storage.k8s.io": snapshots.SnapshotStrategy,
    "statefulsets.apps": sets.StatefulSetStrategy,
}


def strategy_for(resource: Resource, allocations: Allocations) -> Strategy:
    """The strategy of a stored resource."""
    if resource.group_resource == "services":
        return ServiceStrategy(resource, allocations)
    if resource.group == _RBAC:
        return configuration.RbacStrategy(resource)
    return _STRATEGIES.get(resource.group_resource, Strategy)(resource)
