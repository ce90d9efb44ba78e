"""The fields that field selectors may name, per kind, read from the bytes without decoding the whole object.

The lists are upstream's (pkg/apis/core/v1/conversion.go and the registries' SelectableFields).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from api import selectors
from api.errors import BadRequest
from api.scheme import Resource
from api.selectors import FieldSelector

_METADATA: Final = ("metadata.name", "metadata.namespace")
_REFERENCE: Final = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")

# The one field per resource that watches and lists are indexed by.
INDEXED: Final[Mapping[str, str]] = {"pods": "spec.nodeName"}


class _Part(msgspec.Struct, frozen=True, rename="camel", gc=False):
    pass


class _PodSpec(_Part, frozen=True):
    node_name: str = ""
    restart_policy: str = ""
    scheduler_name: str = ""
    service_account_name: str = ""
    host_network: bool = False


class _PodStatus(_Part, frozen=True):
    phase: str = ""
    pod_ip: str = msgspec.field(name="podIP", default="")
    nominated_node_name: str = ""


class _Pod(_Part, frozen=True):
    spec: _PodSpec
    status: _PodStatus = _PodStatus()


def _pod(pod: _Pod) -> dict[str, str]:
    spec, status = pod.spec, pod.status
    return {
        "spec.nodeName": spec.node_name,
        "spec.restartPolicy": spec.restart_policy,
        "spec.schedulerName": spec.scheduler_name,
        "spec.serviceAccountName": spec.service_account_name,
        "spec.hostNetwork": "true" if spec.host_network else "false",
        "status.phase": status.phase,
        "status.podIP": status.pod_ip,
        "status.nominatedNodeName": status.nominated_node_name,
    }


class _Reference(_Part, frozen=True):
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    resource_version: str = ""
    field_path: str = ""


class _Source(_Part, frozen=True):
    component: str = ""


class _Event(_Part, frozen=True):
    involved_object: _Reference
    reason: str = ""
    type: str = ""
    source: _Source = _Source()
    reporting_component: str = ""


def _event(event: _Event) -> dict[str, str]:
    about = event.involved_object
    return {
        "involvedObject.kind": about.kind,
        "involvedObject.namespace": about.namespace,
        "involvedObject.name": about.name,
        "involvedObject.uid": about.uid,
        "involvedObject.apiVersion": about.api_version,
        "involvedObject.resourceVersion": about.resource_version,
        "involvedObject.fieldPath": about.field_path,
        "reason": event.reason,
        "reportingComponent": event.reporting_component,
        "source": event.source.component or event.reporting_component,
        "type": event.type,
    }


class _Secret(_Part, frozen=True):
    type: str = ""


class _Phase(_Part, frozen=True):
    phase: str = ""


class _Namespace(_Part, frozen=True):
    status: _Phase = _Phase()


class _NodeSpec(_Part, frozen=True):
    unschedulable: bool = False


class _Node(_Part, frozen=True):
    spec: _NodeSpec = _NodeSpec()


class _ServiceSpec(_Part, frozen=True):
    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    type: str = ""


class _Service(_Part, frozen=True):
    spec: _ServiceSpec


class _ReplicaSetStatus(_Part, frozen=True):
    replicas: int = 0


class _ReplicaSet(_Part, frozen=True):
    status: _ReplicaSetStatus = _ReplicaSetStatus()


class _JobStatus(_Part, frozen=True):
    succeeded: int = 0


class _Job(_Part, frozen=True):
    status: _JobStatus = _JobStatus()


class _Kind:
    """One kind's own fields: the part of the object to decode and how to read it."""

    def __init__(self, part: type[_Part], read: Callable[[Any], dict[str, str]]) -> None:
        self.decode = msgspec.json.Decoder(part).decode
        self.read = read
        self.names = (*_METADATA, *read(msgspec.convert(_EXAMPLES.get(part, {}), part)))


_EXAMPLES: Final[Mapping[type[_Part], Any]] = {
    _Pod: {"spec": {}},
    _Event: {"involvedObject": {}},
    _Service: {"spec": {}},
}
_KINDS: Final[Mapping[str, _Kind]] = {
    "pods": _Kind(_Pod, _pod),
    "events": _Kind(_Event, _event),
    "secrets": _Kind(_Secret, lambda secret: {"type": secret.type}),
    "namespaces": _Kind(_Namespace, lambda namespace: {"status.phase": namespace.status.phase}),
    "nodes": _Kind(_Node, lambda node: {"spec.unschedulable": "true" if node.spec.unschedulable else "false"}),
    "services": _Kind(
        _Service,
        lambda service: {"spec.clusterIP": service.spec.cluster_ip, "spec.type": service.spec.type},
    ),
    "replicasets.apps": _Kind(_ReplicaSet, lambda replica_set: {"status.replicas": str(replica_set.status.replicas)}),
    "replicationcontrollers": _Kind(
        _ReplicaSet, lambda controller: {"status.replicas": str(controller.status.replicas)}
    ),
    "jobs.batch": _Kind(_Job, lambda job: {"status.successful": str(job.status.succeeded)}),
}


# What a resource that another one stores calls the fields it can be selected by, and what the stored one calls them.
_RENAMED: Final[Mapping[str, Mapping[str, str]]] = {
    "events.events.k8s.io": {
        **{name: name for name in (*_METADATA, "reason", "type")},
        **{f"regarding.{name}": f"involvedObject.{name}" for name in _REFERENCE},
        "reportingController": "reportingComponent",
    },
}


def in_stored_terms(resource: Resource, text: str) -> str:
    """A field selector on a converted resource, in the words of the resource that is stored. Raises `BadRequest`."""
    names = _RENAMED.get(resource.group_resource)
    if not text or names is None:
        return text
    renamed = []
    for requirement in selectors.fields(text).requirements:
        if requirement.field not in names:
            raise BadRequest(f"field label not supported: {requirement.field}")
        renamed.append(replace(requirement, field=names[requirement.field]))
    return str(FieldSelector(tuple(renamed)))


def check_known(resource: Resource, field: str) -> None:
    """Raise `BadRequest` for a field that cannot be selected on."""
    kind = _KINDS.get(resource.group_resource)
    if field in (kind.names if kind else _METADATA):
        return
    if kind is not None:
        raise BadRequest(f"field label not supported: {field}")
    supported = ", ".join(f'"{name}"' for name in _METADATA)
    raise BadRequest(f'"{field}" is not a known field selector: only {supported}')


def extract(resource: Resource, namespace: str, name: str, data: bytes) -> Mapping[str, str]:
    """The selectable fields of an object and their values."""
    fields = {"metadata.name": name, "metadata.namespace": namespace}
    kind = _KINDS.get(resource.group_resource)
    if kind is not None:
        fields.update(kind.read(kind.decode(data)))
    return fields
