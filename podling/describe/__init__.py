"""Objects described in full, as text in the style of `kubectl describe`. Pure: the caller fetches what is related."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from api.types import (
    ConfigMap,
    CronJob,
    DaemonSet,
    Deployment,
    EndpointSlice,
    Event,
    HorizontalPodAutoscaler,
    Ingress,
    IngressClass,
    Job,
    Lease,
    LimitRange,
    Namespace,
    Node,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    PriorityClass,
    ReplicaSet,
    ReplicationController,
    ResourceQuota,
    Secret,
    Service,
    StatefulSet,
    StorageClass,
)
from podling.describe.autoscaling import describe_autoscaler
from podling.describe.batch import describe_cron_job, describe_job, describe_replication_controller
from podling.describe.configuration import describe_config_map, describe_secret
from podling.describe.generic import describe_generic
from podling.describe.ingresses import describe_ingress, describe_ingress_class
from podling.describe.namespaces import describe_namespace
from podling.describe.nodes import describe_node
from podling.describe.pods import describe_pod
from podling.describe.policy import describe_policy
from podling.describe.services import describe_service
from podling.describe.sets import describe_daemon_set, describe_stateful_set
from podling.describe.storage import describe_claim, describe_storage_class, describe_volume
from podling.describe.workloads import describe_deployment, describe_replica_set


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """What else a description tells about. Each kind uses what it needs.

    `events`: those about the object. `pods`: on the node, of the replica set, or beside the claim.
    `replica_sets`: those the deployment controls. `endpoint_slices`: the service's, or, as `services`, those beside the
    ingress. `lease`: the node's, in namespace kube-node-lease. `quotas`, `limit_ranges`: the namespace's.
    """

    events: tuple[Event, ...] = ()
    pods: tuple[Pod, ...] = ()
    replica_sets: tuple[ReplicaSet, ...] = ()
    endpoint_slices: tuple[EndpointSlice, ...] = ()
    lease: Lease | None = None
    quotas: tuple[ResourceQuota, ...] = ()
    limit_ranges: tuple[LimitRange, ...] = ()
    services: tuple[Service, ...] = ()


_PAGES: Mapping[type[Any], Callable[[Any, Related, float], str]] = {
    Pod: lambda record, related, now: describe_pod(record, related.events, now),
    Node: lambda record, related, now: describe_node(record, related.lease, related.pods, related.events, now),
    Deployment: lambda record, related, now: describe_deployment(record, related.replica_sets, related.events, now),
    ReplicaSet: lambda record, related, now: describe_replica_set(record, related.pods, related.events, now),
    ReplicationController: lambda record, related, now: describe_replication_controller(
        record, related.pods, related.events, now
    ),
    StatefulSet: lambda record, related, now: describe_stateful_set(record, related.pods, related.events, now),
    DaemonSet: lambda record, related, now: describe_daemon_set(record, related.pods, related.events, now),
    HorizontalPodAutoscaler: lambda record, related, now: describe_autoscaler(record, related.events, now),
    Job: lambda record, related, now: describe_job(record, related.events, now),
    CronJob: lambda record, related, now: describe_cron_job(record, related.events, now),
    Service: lambda record, related, now: describe_service(record, related.endpoint_slices, related.events, now),
    Ingress: lambda record, related, now: describe_ingress(
        record, related.services, related.endpoint_slices, related.events, now
    ),
    IngressClass: lambda record, related, now: describe_ingress_class(record, related.events, now),
    Namespace: lambda record, related, now: describe_namespace(record, related.quotas, related.limit_ranges),
    ResourceQuota: lambda record, related, now: describe_policy(record, related.events, now),
    LimitRange: lambda record, related, now: describe_policy(record, related.events, now),
    PodDisruptionBudget: lambda record, related, now: describe_policy(record, related.events, now),
    PriorityClass: lambda record, related, now: describe_policy(record, related.events, now),
    ConfigMap: lambda record, related, now: describe_config_map(record, related.events, now),
    Secret: lambda record, related, now: describe_secret(record),
    PersistentVolumeClaim: lambda record, related, now: describe_claim(record, related.pods, related.events, now),
    PersistentVolume: lambda record, related, now: describe_volume(record, related.events, now),
    StorageClass: lambda record, related, now: describe_storage_class(record, related.events, now),
}


def describe(record: Any, related: Related, now: float) -> str:
    """The description of an object of any kind; `now` is in seconds since the epoch, for ages."""
    page = _PAGES.get(type(record))
    return describe_generic(record, related.events, now) if page is None else page(record, related, now)
