"""Which resources exist: group, version, plural, kind, record, verbs, subresources.

The order is that of upstream's discovery. A resource served under two groups (events) has one storage:
`storage` names the resource whose record is what etcd holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from api import types as t
from api.types.record import Record

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_STATUS_VERBS = ("get", "patch", "update")


@dataclass(frozen=True, slots=True)
class Subresource:
    """A path below an object. Its kind may belong to another group ("scale" is autoscaling/v1 Scale)."""

    name: str
    kind: str
    verbs: tuple[str, ...]
    record: type[Record] | None
    group: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One resource of one group and version. Identity is the table's: compare with `is` or use as a key."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    record: type[Record]
    namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    stored_as: Resource | None = field(default=None, repr=False)
    storage_path: str = ""
    computed: bool = False
    """Made for each answer (measurements), never kept."""

    @property
    def api_version(self) -> str:
        """As objects carry it: "v1", "apps/v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """As errors name it: "pods", "deployments.apps"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def group_kind(self) -> str:
        """As validation errors name it: "Pod", "Deployment.apps"."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def storage(self) -> Resource:
        """The resource whose record is stored: itself, except where two groups share one storage."""
        return self.stored_as or self

    @property
    def persistent(self) -> bool:
        """Whether objects are kept; reviews and bindings are only answered, measurements made for each answer."""
        return "get" in self.verbs and not self.computed

    @property
    def preferred(self) -> bool:
        """Whether this is the version clients use unless they ask for another that the group serves too."""
        return self.stored_as is None or self.stored_as.group != self.group

    @property
    def registry_name(self) -> str:
        """What registries are told apart by: other versions than the preferred one carry theirs."""
        return self.group_resource if self.preferred else f"{self.group_resource}/{self.version}"

    @property
    def key_prefix(self) -> str:
        """Where etcd holds the objects, as upstream: "/registry/pods", "/registry/services/specs"."""
        return f"/registry/{self.storage.storage_path or self.storage.plural}"

    def subresource(self, name: str) -> Subresource:
        """Raises `KeyError` when the resource has no such subresource."""
        for subresource in self.subresources:
            if subresource.name == name:
                return subresource
        raise KeyError(name)


def _status(record: type[Record]) -> Subresource:
    return Subresource("status", record.__name__, _STATUS_VERBS, record)


_SCALE = Subresource("scale", "Scale", _STATUS_VERBS, t.Scale, "autoscaling", "v1")
_STREAM = ("create", "get")
_PROXY_VERBS = ("create", "delete", "get", "patch", "update")
_POD_SUBRESOURCES = (
    Subresource("attach", "PodAttachOptions", _STREAM, None),
    Subresource("binding", "Binding", ("create",), t.Binding),
    Subresource("ephemeralcontainers", "Pod", _STATUS_VERBS, t.Pod),
    Subresource("eviction", "Eviction", ("create",), t.Eviction, "policy", "v1"),
    Subresource("exec", "PodExecOptions", _STREAM, None),
    Subresource("log", "Pod", ("get",), None),
    Subresource("portforward", "PodPortForwardOptions", _STREAM, None),
    Subresource("proxy", "PodProxyOptions", _PROXY_VERBS, None),
    Subresource("resize", "Pod", _STATUS_VERBS, t.Pod),
    _status(t.Pod),
)
_TOKEN = Subresource("token", "TokenRequest", ("create",), t.TokenRequest, "authentication.k8s.io", "v1")
_FINALIZE = Subresource("finalize", "Namespace", ("update",), t.Namespace)
_WITHOUT_DELETE_COLLECTION = tuple(verb for verb in ALL_VERBS if verb != "deletecollection")


def _core() -> Iterator[Resource]:
    def core(record: type[Record], plural: str, *short_names: str, **more: object) -> Resource:
        kind = record.__name__
        values = {"namespaced": True, "short_names": short_names} | more
        return Resource("", "v1", plural, kind.lower(), kind, record, **values)  # type: ignore[arg-type]

    yield core(t.Binding, "bindings", verbs=("create",))
    yield core(t.ConfigMap, "configmaps", "cm")
    yield core(t.Endpoints, "endpoints", "ep", storage_path="services/endpoints")
    yield core(t.Event, "events", "ev")
    yield core(t.LimitRange, "limitranges", "limits")
    yield core(
        t.Namespace,
        "namespaces",
        "ns",
        namespaced=False,
        verbs=_WITHOUT_DELETE_COLLECTION,
        subresources=(_FINALIZE, _status(t.Namespace)),
    )
    yield core(
        t.Node,
        "nodes",
        "no",
        namespaced=False,
        storage_path="minions",
        subresources=(Subresource("proxy", "NodeProxyOptions", _PROXY_VERBS, None), _status(t.Node)),
    )
    yield core(
        t.PersistentVolumeClaim, "persistentvolumeclaims", "pvc", subresources=(_status(t.PersistentVolumeClaim),)
    )
    yield core(
        t.PersistentVolume, "persistentvolumes", "pv", namespaced=False, subresources=(_status(t.PersistentVolume),)
    )
    yield core(t.Pod, "pods", "po", categories=("all",), subresources=_POD_SUBRESOURCES)
    yield core(t.PodTemplate, "podtemplates")
    yield core(
        t.ReplicationController,
        "replicationcontrollers",
        "rc",
        categories=("all",),
        storage_path="controllers",
        subresources=(_SCALE, _status(t.ReplicationController)),
    )
    yield core(t.ResourceQuota, "resourcequotas", "quota", subresources=(_status(t.ResourceQuota),))
    yield core(t.Secret, "secrets")
    yield core(t.ServiceAccount, "serviceaccounts", "sa", subresources=(_TOKEN,))
    yield core(
        t.Service,
        "services",
        "svc",
        categories=("all",),
        storage_path="services/specs",
        subresources=(Subresource("proxy", "ServiceProxyOptions", _PROXY_VERBS, None), _status(t.Service)),
    )


def _resource(group: str, record: type[Record], plural: str, *short_names: str, **more: object) -> Resource:
    kind = record.__name__
    values = {"namespaced": True, "short_names": short_names} | more
    return Resource(group, "v1", plural, kind.lower(), kind, record, **values)  # type: ignore[arg-type]


def _review(group: str, record: type[Record], namespaced: bool = False) -> Resource:
    return _resource(group, record, f"{record.__name__.lower()}s", namespaced=namespaced, verbs=("create",))


def _workload(group: str, record: type[Record], plural: str, *short_names: str, scalable: bool = False) -> Resource:
    subresources = (_SCALE, _status(record)) if scalable else (_status(record),)
    return _resource(group, record, plural, *short_names, categories=("all",), subresources=subresources)


def _apps() -> Iterator[Resource]:
    yield _resource("apps", t.ControllerRevision, "controllerrevisions")
    yield _workload("apps", t.DaemonSet, "daemonsets", "ds")
    yield _workload("apps", t.Deployment, "deployments", "deploy", scalable=True)
    yield _workload("apps", t.ReplicaSet, "replicasets", "rs", scalable=True)
    yield _workload("apps", t.StatefulSet, "statefulsets", "sts", scalable=True)


def _reviews() -> Iterator[Resource]:
    yield _review("authentication.k8s.io", t.SelfSubjectReview)
    yield _review("authentication.k8s.io", t.TokenReview)
    yield _review("authorization.k8s.io", t.LocalSubjectAccessReview, namespaced=True)
    yield _review("authorization.k8s.io", t.SelfSubjectAccessReview)
    yield _review("authorization.k8s.io", t.SelfSubjectRulesReview)
    yield _review("authorization.k8s.io", t.SubjectAccessReview)


def _autoscaling_and_batch() -> Iterator[Resource]:
    words = ("horizontalpodautoscalers", "hpa")
    autoscalers = replace(_workload("autoscaling", t.HorizontalPodAutoscaler, *words), version="v2")
    yield autoscalers
    yield replace(_workload("autoscaling", t.AutoscalingV1HorizontalPodAutoscaler, *words), stored_as=autoscalers)
    yield _workload("batch", t.CronJob, "cronjobs", "cj")
    yield _workload("batch", t.Job, "jobs")


def _networking() -> Iterator[Resource]:
    group = "networking.k8s.io"
    yield _resource(group, t.IngressClass, "ingressclasses", namespaced=False)
    yield _resource(group, t.Ingress, "ingresses", "ing", storage_path="ingress", subresources=(_status(t.Ingress),))
    yield _resource(group, t.IPAddress, "ipaddresses", "ip", namespaced=False)
    yield _resource(group, t.NetworkPolicy, "networkpolicies", "netpol")
    yield _resource(group, t.ServiceCIDR, "servicecidrs", namespaced=False, subresources=(_status(t.ServiceCIDR),))


def _gateway() -> Iterator[Resource]:
    """The Gateway API's standard channel, which upstream serves as custom resources."""

    def gateway(record: type[Record], plural: str, *short_names: str, **more: object) -> Resource:
        values = {"categories": ("gateway-api",), "storage_path": f"gateway.networking.k8s.io/{plural}"} | more
        return _resource("gateway.networking.k8s.io", record, plural, *short_names, **values)

    classes = t.GatewayClass
    yield gateway(classes, "gatewayclasses", "gc", namespaced=False, subresources=(_status(classes),))
    yield gateway(t.Gateway, "gateways", "gtw", subresources=(_status(t.Gateway),))
    yield gateway(t.HTTPRoute, "httproutes", subresources=(_status(t.HTTPRoute),))
    yield replace(gateway(t.ReferenceGrant, "referencegrants", "refgrant"), version="v1beta1")


def _rbac() -> Iterator[Resource]:
    group = "rbac.authorization.k8s.io"
    yield _resource(group, t.ClusterRoleBinding, "clusterrolebindings", namespaced=False)
    yield _resource(group, t.ClusterRole, "clusterroles", namespaced=False)
    yield _resource(group, t.RoleBinding, "rolebindings")
    yield _resource(group, t.Role, "roles")


def _storage() -> Iterator[Resource]:
    group = "storage.k8s.io"
    attachment = t.VolumeAttachment
    yield _resource(group, t.CSIDriver, "csidrivers", namespaced=False)
    yield _resource(group, t.CSINode, "csinodes", namespaced=False)
    yield _resource(group, t.CSIStorageCapacity, "csistoragecapacities")
    yield _resource(group, t.StorageClass, "storageclasses", "sc", namespaced=False)
    yield _resource(group, attachment, "volumeattachments", namespaced=False, subresources=(_status(attachment),))
    yield _resource(group, t.VolumeAttributesClass, "volumeattributesclasses", "vac", namespaced=False)


def _snapshots() -> Iterator[Resource]:
    """Snapshots of volumes, which upstream serves as custom resources."""

    def snapshots(record: type[Record], plural: str, *short_names: str, **more: object) -> Resource:
        path = f"snapshot.storage.k8s.io/{plural}"
        return _resource("snapshot.storage.k8s.io", record, plural, *short_names, storage_path=path, **more)

    content = t.VolumeSnapshotContent
    yield snapshots(t.VolumeSnapshotClass, "volumesnapshotclasses", "vsclass", "vsclasses", namespaced=False)
    yield snapshots(
        content, "volumesnapshotcontents", "vsc", "vscs", namespaced=False, subresources=(_status(content),)
    )
    yield snapshots(t.VolumeSnapshot, "volumesnapshots", "vs", subresources=(_status(t.VolumeSnapshot),))


def _metrics() -> Iterator[Resource]:
    """Resource metrics, which upstream's metrics server serves."""
    for record, plural, namespaced in ((t.NodeMetrics, "nodes", False), (t.PodMetrics, "pods", True)):
        resource = _resource("metrics.k8s.io", record, plural, namespaced=namespaced, verbs=("get", "list"))
        yield replace(resource, version="v1beta1", singular=plural.removesuffix("s"), computed=True)


def _grouped(events: Resource) -> Iterator[Resource]:
    budget = t.PodDisruptionBudget
    yield from _apps()
    yield Resource("events.k8s.io", "v1", "events", "event", "Event", t.EventsV1Event, True, ("ev",), stored_as=events)
    yield from _reviews()
    yield from _autoscaling_and_batch()
    yield from _networking()
    yield _resource("policy", budget, "poddisruptionbudgets", "pdb", subresources=(_status(budget),))
    yield from _rbac()
    yield from _storage()
    yield _resource("scheduling.k8s.io", t.PriorityClass, "priorityclasses", "pc", namespaced=False)
    yield _resource("coordination.k8s.io", t.Lease, "leases")
    yield _resource("node.k8s.io", t.RuntimeClass, "runtimeclasses", namespaced=False)
    yield _resource("discovery.k8s.io", t.EndpointSlice, "endpointslices")
    yield from _gateway()
    yield from _snapshots()
    yield from _metrics()


def _table() -> tuple[Resource, ...]:
    core = tuple(_core())
    (events,) = [resource for resource in core if resource.plural == "events"]
    return (*core, *_grouped(events))


RESOURCES: tuple[Resource, ...] = _table()

_BY_KIND = {(resource.api_version, resource.kind): resource for resource in RESOURCES}
_BY_PATH = {(resource.group, resource.version, resource.plural): resource for resource in RESOURCES}
_BY_RECORD = {resource.record: resource for resource in RESOURCES}


def _kinds() -> dict[tuple[str, str], type[Record]]:
    kinds: dict[tuple[str, str], type[Record]] = {key: resource.record for key, resource in _BY_KIND.items()}
    for resource in RESOURCES:
        for subresource in resource.subresources:
            if subresource.record is not None and subresource.group:
                kinds[f"{subresource.group}/{subresource.version}", subresource.kind] = subresource.record
    kinds["v1", "Status"] = t.Status
    return kinds


KINDS: Mapping[tuple[str, str], type[Record]] = MappingProxyType(_kinds())
"""Records by apiVersion and kind, with the kinds only subresources take (Scale, Eviction, TokenRequest)."""


def by_kind(api_version: str, kind: str) -> Resource:
    """Raises `KeyError` for an unknown kind."""
    return _BY_KIND[api_version, kind]


def by_path(group: str, version: str, plural: str) -> Resource:
    """Raises `KeyError` for an unknown resource."""
    return _BY_PATH[group, version, plural]


def of(record: Record | type[Record]) -> Resource:
    """The resource a record, or record type, belongs to. Raises `KeyError` for records that are not resources."""
    return _BY_RECORD[record if isinstance(record, type) else type(record)]


def find(word: str) -> Resource:
    """The resource a person means: plural, singular, short name or kind, optionally with ".group" or ".version.group".

    Bare names find the first group in discovery order. Raises `KeyError` when nothing matches.
    """
    name, _, qualifier = word.lower().partition(".")
    for resource in RESOURCES:
        names = (resource.plural, resource.singular, resource.kind.lower(), *resource.short_names)
        if name in names and qualifier in _qualifiers(resource):
            return resource
    raise KeyError(word)


def _qualifiers(resource: Resource) -> tuple[str, ...]:
    versioned = f"{resource.version}.{resource.group}"
    return ("", resource.group, versioned, resource.version if not resource.group else versioned)
