"""Objects described in full, as text in the style of `kubectl describe`. Pure: the caller fetches what is related."""

from dataclasses import dataclass
from typing import Any

from api.types import (
    ConfigMap,
    DaemonSet,
    Deployment,
    EndpointSlice,
    Event,
    Lease,
    LimitRange,
    Namespace,
    Node,
    Pod,
    PodDisruptionBudget,
    PriorityClass,
    ReplicaSet,
    ResourceQuota,
    Secret,
    Service,
    StatefulSet,
)
from podling.describe.configuration import describe_config_map, describe_secret
from podling.describe.generic import describe_generic
from podling.describe.namespaces import describe_namespace
from podling.describe.nodes import describe_node
from podling.describe.pods import describe_pod
from podling.describe.policy import describe_policy
from podling.describe.services import describe_service
from podling.describe.sets import describe_daemon_set, describe_stateful_set
from podling.describe.workloads import describe_deployment, describe_replica_set


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """What else a description tells about. Each kind uses what it needs.

    `events`: those about the object. `pods`: on the node, or of the replica set (others are left out).
    `replica_sets`: those the deployment controls. `endpoint_slices`: the service's. `lease`: the node's, in
    namespace kube-node-lease. `quotas`, `limit_ranges`: the namespace's.
    """

    events: tuple[Event, ...] = ()
    pods: tuple[Pod, ...] = ()
    replica_sets: tuple[ReplicaSet, ...] = ()
    endpoint_slices: tuple[EndpointSlice, ...] = ()
    lease: Lease | None = None
    quotas: tuple[ResourceQuota, ...] = ()
    limit_ranges: tuple[LimitRange, ...] = ()


def describe(record: Any, related: Related, now: float) -> str:
    """The description of an object of any kind; `now` is in seconds since the epoch, for ages."""
    match record:
        case Pod():
            return describe_pod(record, related.events, now)
        case Node():
            return describe_node(record, related.lease, related.pods, related.events, now)
        case Deployment():
            return describe_deployment(record, related.replica_sets, related.events, now)
        case ReplicaSet():
            return describe_replica_set(record, related.pods, related.events, now)
        case StatefulSet():
            return describe_stateful_set(record, related.pods, related.events, now)
        case DaemonSet():
            return describe_daemon_set(record, related.pods, related.events, now)
        case Service():
            return describe_service(record, related.endpoint_slices, related.events, now)
        case Namespace():
            return describe_namespace(record, related.quotas, related.limit_ranges)
        case ResourceQuota() | LimitRange() | PodDisruptionBudget() | PriorityClass():
            return describe_policy(record, related.events, now)
        case ConfigMap():
            return describe_config_map(record, related.events, now)
        case Secret():
            return describe_secret(record)
        case _:
            return describe_generic(record, related.events, now)
