"""Objects as tables: meta.k8s.io/v1 Table, what `kubectl get` shows.

One module per group of kinds holds columns and cells; `render` puts a table together. Wide columns are always there:
clients choose by priority.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from api.scheme import Resource
from api.tables import (
    autoscaling,
    batch,
    bindings,
    configuration,
    events,
    gateway,
    ingresses,
    network,
    network_policies,
    nodes,
    pods,
    policy,
    service_addresses,
    sets,
    snapshots,
    storage,
    workloads,
)
from api.tables.layout import NAME, Column, Layout
from api.types import (
    AutoscalingV1HorizontalPodAutoscaler,
    ClusterRoleBinding,
    ConfigMap,
    ControllerRevision,
    CronJob,
    CSIDriver,
    CSINode,
    CSIStorageCapacity,
    DaemonSet,
    Deployment,
    Endpoints,
    EndpointSlice,
    Event,
    EventsV1Event,
    Gateway,
    GatewayClass,
    HorizontalPodAutoscaler,
    HTTPRoute,
    Ingress,
    IngressClass,
    IPAddress,
    Job,
    Lease,
    Namespace,
    NetworkPolicy,
    Node,
    NodeMetrics,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    PodMetrics,
    PodTemplate,
    PriorityClass,
    ReferenceGrant,
    ReplicaSet,
    ReplicationController,
    ResourceQuota,
    RoleBinding,
    RuntimeClass,
    Scale,
    Secret,
    Service,
    ServiceAccount,
    ServiceCIDR,
    StatefulSet,
    StorageClass,
    VolumeAttachment,
    VolumeAttributesClass,
    VolumeSnapshot,
    VolumeSnapshotClass,
    VolumeSnapshotContent,
)

_LAYOUTS: dict[type[msgspec.Struct], Layout] = {
    ClusterRoleBinding: bindings.ROLE_BINDINGS,
    ConfigMap: configuration.CONFIG_MAPS,
    ControllerRevision: sets.CONTROLLER_REVISIONS,
    CronJob: batch.CRON_JOBS,
    DaemonSet: sets.DAEMON_SETS,
    Deployment: workloads.DEPLOYMENTS,
    Endpoints: network.ENDPOINTS,
    EndpointSlice: network.ENDPOINT_SLICES,
    Event: events.EVENTS,
    EventsV1Event: events.EVENTS,
    Gateway: gateway.GATEWAYS,
    GatewayClass: gateway.GATEWAY_CLASSES,
    HTTPRoute: gateway.HTTP_ROUTES,
    ReferenceGrant: gateway.REFERENCE_GRANTS,
    Ingress: ingresses.INGRESSES,
    IngressClass: ingresses.INGRESS_CLASSES,
    IPAddress: service_addresses.IP_ADDRESSES,
    Job: batch.JOBS,
    Lease: configuration.LEASES,
    Namespace: configuration.NAMESPACES,
    NetworkPolicy: network_policies.NETWORK_POLICIES,
    Node: nodes.NODES,
    Pod: pods.PODS,
    PodDisruptionBudget: policy.POD_DISRUPTION_BUDGETS,
    PodTemplate: workloads.POD_TEMPLATES,
    PriorityClass: policy.PRIORITY_CLASSES,
    ResourceQuota: policy.RESOURCE_QUOTAS,
    RuntimeClass: policy.RUNTIME_CLASSES,
    ReplicationController: batch.REPLICATION_CONTROLLERS,
    ReplicaSet: workloads.REPLICA_SETS,
    RoleBinding: bindings.ROLE_BINDINGS,
    Scale: workloads.SCALES,
    Secret: configuration.SECRETS,
    Service: network.SERVICES,
    ServiceAccount: configuration.SERVICE_ACCOUNTS,
    ServiceCIDR: service_addresses.SERVICE_CIDRS,
    CSIDriver: storage.DRIVERS,
    CSINode: storage.NODES,
    CSIStorageCapacity: storage.CAPACITIES,
    PersistentVolume: storage.VOLUMES,
    PersistentVolumeClaim: storage.CLAIMS,
    StorageClass: storage.CLASSES,
    VolumeAttachment: storage.ATTACHMENTS,
    VolumeAttributesClass: storage.ATTRIBUTES_CLASSES,
    VolumeSnapshot: snapshots.SNAPSHOTS,
    VolumeSnapshotClass: snapshots.CLASSES,
    VolumeSnapshotContent: snapshots.CONTENTS,
    StatefulSet: sets.STATEFUL_SETS,
    HorizontalPodAutoscaler: autoscaling.HORIZONTAL_POD_AUTOSCALERS,
    AutoscalingV1HorizontalPodAutoscaler: autoscaling.HORIZONTAL_POD_AUTOSCALERS_V1,
    NodeMetrics: autoscaling.NODE_METRICS,
    PodMetrics: autoscaling.POD_METRICS,
}

_DEFAULT = Layout(
    columns=(NAME, Column("Created At", "When the object was created.", type="date")),
    cells=lambda record, now: [record.metadata.name, record.metadata.creation_timestamp or ""],
)


def layout(record_type: type[msgspec.Struct]) -> Layout:
    """How records of a type are shown; kinds without a layout of their own show name and creation time."""
    return _LAYOUTS.get(record_type, _DEFAULT)


def render(
    resource: Resource,
    records: Iterable[Any],
    now: float,
    *,
    list_meta: Mapping[str, Any] | None = None,
    include_object: str = "Metadata",
    with_columns: bool = True,
) -> dict[str, Any]:
    """A Table of the records, one row each, in their order.

    `now` is in seconds since the epoch, for ages. `include_object` is "Metadata", "Object" or "None": what each row
    carries as `object`. `with_columns` is off for all but the first table of a watch. Records of another type than
    the resource's, such as a Scale, are shown in their own layout.
    """
    listed = list(records)
    shown = layout(type(listed[0]) if listed else resource.record)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": dict(list_meta or {}),
        "columnDefinitions": [column.to_tree() for column in shown.columns] if with_columns else None,
        "rows": [_row(shown, record, now, include_object) for record in listed],
    }


def _row(shown: Layout, record: Any, now: float, include_object: str) -> dict[str, Any]:
    row: dict[str, Any] = {"cells": shown.cells(record, now)}
    conditions = shown.conditions(record)
    if conditions:
        row["conditions"] = conditions
    row["object"] = _row_object(record, include_object)
    return row


def _row_object(record: Any, include_object: str) -> dict[str, Any] | None:
    if include_object == "None":
        return None
    if include_object == "Object":
        tree: dict[str, Any] = msgspec.to_builtins(record)
        return tree
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": msgspec.to_builtins(record.metadata),
    }
