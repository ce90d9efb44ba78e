"""Validation: what an object must satisfy to be stored, in upstream's order and words (`pkg/apis/*/validation`).

Objects are validated after defaulting and admission. Every function returns the errors found, none when all is well.
A new object is checked in full; a changed one is checked in full again and for what may not change.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from api import names, scheme
from api import types as t
from api.errors import FieldError
from api.types.record import Record
from api.validation import (
    access,
    activity,
    autoscaling,
    classes,
    configuration,
    cron_jobs,
    daemon_sets,
    disruption,
    endpoints,
    gateways,
    http_routes,
    ingresses,
    job_status,
    jobs,
    limit_ranges,
    metadata,
    network_policies,
    nodes,
    persistent,
    pods,
    quotas,
    replication,
    service_addresses,
    services,
    snapshots,
    stateful_sets,
    storage_kinds,
    workloads,
)

MAX_ERRORS = 200

_Check = Callable[[Any], Iterator[FieldError]]
_Compare = Callable[[Any, Any], Iterator[FieldError]]

_NAMES: dict[type[Record], metadata.NameCheck] = {
    t.IPAddress: service_addresses.ip_address_name,
    t.Namespace: names.dns1123_label,
    t.Service: names.dns1123_label,
    t.StatefulSet: names.dns1123_label,
    t.Event: names.path_segment,
    t.EventsV1Event: names.path_segment,
    t.Role: names.path_segment,
    t.RoleBinding: names.path_segment,
    t.ClusterRole: names.path_segment,
    t.ClusterRoleBinding: names.path_segment,
}
_CREATE: dict[type[Record], _Check] = {
    t.ClusterRole: access.role,
    t.ClusterRoleBinding: access.binding,
    t.ConfigMap: configuration.config_map,
    t.ControllerRevision: stateful_sets.controller_revision,
    t.CronJob: cron_jobs.cron_job,
    t.DaemonSet: daemon_sets.daemon_set,
    t.Deployment: workloads.deployment,
    t.Endpoints: endpoints.endpoints,
    t.EndpointSlice: endpoints.endpoint_slice,
    t.Event: activity.event,
    t.EventsV1Event: activity.grouped_event,
    t.AutoscalingV1HorizontalPodAutoscaler: autoscaling.horizontal_pod_autoscaler_v1,
    t.HorizontalPodAutoscaler: autoscaling.horizontal_pod_autoscaler,
    t.Gateway: gateways.gateway,
    t.GatewayClass: gateways.gateway_class,
    t.HTTPRoute: http_routes.http_route,
    t.ReferenceGrant: gateways.reference_grant,
    t.Ingress: ingresses.ingress,
    t.IngressClass: ingresses.ingress_class,
    t.IPAddress: service_addresses.ip_address,
    t.Job: jobs.job,
    t.Lease: activity.lease,
    t.LimitRange: limit_ranges.limit_range,
    t.Namespace: configuration.namespace,
    t.NetworkPolicy: network_policies.network_policy,
    t.Node: nodes.create,
    t.Pod: pods.create,
    t.PodDisruptionBudget: disruption.pod_disruption_budget,
    t.PodTemplate: workloads.pod_template_object,
    t.PriorityClass: classes.priority_class,
    t.ReplicaSet: workloads.replica_set,
    t.ReplicationController: replication.replication_controller,
    t.ResourceQuota: quotas.resource_quota,
    t.RuntimeClass: classes.runtime_class,
    t.Role: access.role,
    t.RoleBinding: access.binding,
    t.Secret: configuration.secret,
    t.Service: services.check,
    t.ServiceCIDR: service_addresses.service_cidr,
    t.StatefulSet: stateful_sets.stateful_set,
    t.CSIDriver: storage_kinds.csi_driver,
    t.CSINode: storage_kinds.csi_node,
    t.CSIStorageCapacity: storage_kinds.csi_storage_capacity,
    t.PersistentVolume: persistent.volume,
    t.PersistentVolumeClaim: persistent.claim,
    t.StorageClass: storage_kinds.storage_class,
    t.VolumeAttachment: storage_kinds.volume_attachment,
    t.VolumeAttributesClass: storage_kinds.volume_attributes_class,
    t.VolumeSnapshot: snapshots.volume_snapshot,
    t.VolumeSnapshotClass: snapshots.volume_snapshot_class,
    t.VolumeSnapshotContent: snapshots.volume_snapshot_content,
}
_UPDATE: dict[type[Record], _Compare] = {
    t.ClusterRoleBinding: access.binding_update,
    t.ConfigMap: configuration.config_map_update,
    t.ControllerRevision: stateful_sets.controller_revision_update,
    t.CronJob: cron_jobs.cron_job_update,
    t.DaemonSet: daemon_sets.daemon_set_update,
    t.Deployment: workloads.deployment_update,
    t.EndpointSlice: endpoints.endpoint_slice_update,
    t.EventsV1Event: activity.grouped_event_update,
    t.GatewayClass: gateways.gateway_class_update,
    t.Ingress: ingresses.ingress_update,
    t.IngressClass: ingresses.ingress_class_update,
    t.IPAddress: service_addresses.ip_address_update,
    t.Job: jobs.job_update,
    t.Node: nodes.update,
    t.Pod: pods.update,
    t.PriorityClass: classes.priority_class_update,
    t.ResourceQuota: quotas.resource_quota_update,
    t.RuntimeClass: classes.runtime_class_update,
    t.ReplicaSet: workloads.replica_set_update,
    t.RoleBinding: access.binding_update,
    t.Secret: configuration.secret_update,
    t.Service: services.update,
    t.ServiceCIDR: service_addresses.service_cidr_update,
    t.StatefulSet: stateful_sets.stateful_set_update,
    t.CSIDriver: storage_kinds.csi_driver_update,
    t.CSINode: storage_kinds.csi_node_update,
    t.CSIStorageCapacity: storage_kinds.csi_storage_capacity_update,
    t.PersistentVolume: persistent.volume_update,
    t.PersistentVolumeClaim: persistent.claim_update,
    t.StorageClass: storage_kinds.storage_class_update,
    t.VolumeAttachment: storage_kinds.volume_attachment_update,
    t.VolumeAttributesClass: storage_kinds.volume_attributes_class_update,
    t.VolumeSnapshot: snapshots.volume_snapshot_update,
    t.VolumeSnapshotContent: snapshots.volume_snapshot_content_update,
}
_UPDATE_STATUS: dict[type[Record], _Compare] = {
    t.DaemonSet: daemon_sets.daemon_set_status,
    t.StatefulSet: stateful_sets.stateful_set_status,
    t.Deployment: workloads.deployment_status,
    t.HorizontalPodAutoscaler: autoscaling.horizontal_pod_autoscaler_status,
    t.Gateway: gateways.gateway_status,
    t.GatewayClass: gateways.gateway_class_status,
    t.HTTPRoute: http_routes.http_route_status,
    t.Ingress: ingresses.ingress_status,
    t.Job: job_status.job_status,
    t.Namespace: configuration.namespace_status,
    t.Node: nodes.update,
    t.Pod: pods.update_status,
    t.PodDisruptionBudget: disruption.pod_disruption_budget_status,
    t.ResourceQuota: quotas.resource_quota_status,
    t.ReplicaSet: workloads.replica_set_status,
    t.ReplicationController: replication.replication_controller_status,
    t.Service: services.update_status,
    t.PersistentVolumeClaim: persistent.claim_status,
    t.VolumeSnapshotContent: snapshots.volume_snapshot_content_status,
}
# Answered, not stored: their metadata has its own rules.
_REVIEWS: dict[type[Record], _Check] = {
    t.Binding: pods.binding,
    t.LocalSubjectAccessReview: access.local_subject_access_review,
    t.Scale: activity.scale,
    t.SelfSubjectAccessReview: access.self_subject_access_review,
    t.SubjectAccessReview: access.subject_access_review,
    t.TokenRequest: access.token_request,
}
_UNCHECKED = frozenset({t.Eviction, t.SelfSubjectReview, t.SelfSubjectRulesReview, t.TokenReview})


def create(record: Any) -> list[FieldError]:
    """What is wrong with a new object, or with one that is only answered (reviews, bindings, scales)."""
    record_type = type(record)
    if record_type in _UNCHECKED:
        return []
    if record_type in _REVIEWS:
        return _told(_REVIEWS[record_type](record))
    resource = scheme.of(record)
    check_name = _NAMES.get(record_type, names.dns1123_subdomain)
    errors = metadata.object_meta(record.metadata, namespaced=resource.namespaced, check_name=check_name)
    check = _CREATE.get(record_type)
    return _told(errors, check(record) if check is not None else ())


def update(new: Any, old: Any) -> list[FieldError]:
    """What is wrong with a changed object, including changes of what may not change."""
    record_type = type(new)
    if record_type in _REVIEWS:
        return _told(_REVIEWS[record_type](new))
    errors = metadata.object_meta_update(new.metadata, old.metadata)
    if record_type in _UPDATE:
        return _told(errors, _UPDATE[record_type](new, old))
    check = _CREATE.get(record_type)
    return _told(errors, check(new) if check is not None else ())


def update_status(new: Any, old: Any) -> list[FieldError]:
    """What is wrong with an object whose status was written."""
    errors = metadata.object_meta_update(new.metadata, old.metadata)
    compare = _UPDATE_STATUS.get(type(new))
    return _told(errors, compare(new, old) if compare is not None else ())


def _told(*parts: Iterable[FieldError]) -> list[FieldError]:
    """The first errors: more help nobody, and a body may be made to hold a hundred thousand."""
    return list(itertools.islice(itertools.chain(*parts), MAX_ERRORS))
