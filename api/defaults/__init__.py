"""Defaults: what an object means where its author said nothing (upstream `pkg/apis/*/v1/defaults.go`).

Left to others, as upstream: what admission adds (service account, tolerations for failing nodes), what
strategies set on creation (phase, QoS class, generation, the namespace's finalizer), and allocated addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from api import codec
from api import types as t
from api.defaults import (
    access,
    autoscaling,
    batch,
    daemon_sets,
    gateway,
    ingress_classes,
    network,
    network_policies,
    objects,
    pods,
    policy,
    replication,
    stateful_sets,
    storage,
    workloads,
)
from api.types.record import Record

R = TypeVar("R", bound=Record)

_BY_TYPE: dict[type[Record], Callable[[Any], Any]] = {
    t.Pod: pods.pod,
    t.PodTemplate: workloads.pod_template_object,
    t.Deployment: workloads.deployment,
    t.Job: batch.job,
    t.CronJob: batch.cron_job,
    t.HorizontalPodAutoscaler: autoscaling.horizontal_pod_autoscaler,
    t.ReplicationController: replication.replication_controller,
    t.ReplicaSet: workloads.replica_set,
    t.StatefulSet: stateful_sets.stateful_set,
    t.DaemonSet: daemon_sets.daemon_set,
    t.Service: network.service,
    t.Endpoints: network.endpoints,
    t.EndpointSlice: network.endpoint_slice,
    t.Gateway: gateway.gateway,
    t.GatewayClass: gateway.gateway_class,
    t.HTTPRoute: gateway.http_route,
    t.IngressClass: ingress_classes.ingress_class,
    t.Namespace: objects.namespace,
    t.NetworkPolicy: network_policies.network_policy,
    t.LimitRange: policy.limit_range,
    t.PriorityClass: policy.priority_class,
    t.Node: objects.node,
    t.Secret: objects.secret,
    t.RoleBinding: access.role_binding,
    t.ClusterRoleBinding: access.role_binding,
    t.TokenRequest: access.token_request,
    t.PersistentVolume: storage.persistent_volume,
    t.PersistentVolumeClaim: storage.persistent_volume_claim,
    t.StorageClass: storage.storage_class,
    t.CSIDriver: storage.csi_driver,
}


def apply(record: R) -> R:
    """The record with defaults filled in and parsed scalars (quantities, times) in canonical form.

    Applying twice changes nothing. Raises `BadRequest` for quantities, times and base64 that cannot be parsed.
    """
    record = codec.canonical(record)
    complete: Callable[[R], R] | None = _BY_TYPE.get(type(record))
    return record if complete is None else complete(record)
