"""Claims, persistent volumes and storage classes."""

from collections.abc import Iterable, Iterator

from api.storage_classes import is_default
from api.tables.storage import access_modes
from api.types import (
    Event,
    NodeSelectorRequirement,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeSpec,
    Pod,
    StorageClass,
)
from podling.describe.common import NONE, annotations, events, labels, listed, moment
from podling.describe.page import Page

Field = tuple[str, object]


def describe_claim(claim: PersistentVolumeClaim, pods: Iterable[Pod], found: Iterable[Event], now: float) -> str:
    """A claim, what it was given, and which of the pods of its namespace use it."""
    page = Page()
    metadata, spec, status = claim.metadata, claim.spec, claim.status
    page.field("Name", metadata.name)
    page.field("Namespace", metadata.namespace)
    page.field("StorageClass", spec.storage_class_name or "")
    page.field("Status", _phase(metadata.deletion_timestamp, status.phase, now))
    page.field("Volume", spec.volume_name)
    labels(page, "Labels", metadata.labels)
    annotations(page, metadata.annotations)
    page.field("Finalizers", f"[{' '.join(metadata.finalizers)}]")
    page.field("Capacity", status.capacity.get("storage", "") if spec.volume_name else "")
    page.field("Access Modes", access_modes(status.access_modes) if spec.volume_name else "")
    if spec.volume_mode is not None:
        page.field("VolumeMode", spec.volume_mode)
    if spec.data_source is not None:
        page.line("DataSource:")
        page.field("Kind", spec.data_source.kind, level=1)
        page.field("Name", spec.data_source.name, level=1)
    listed(page, "Used By", sorted(pod.metadata.name for pod in pods if metadata.name in _claims(pod)))
    if status.conditions:
        page.line("Conditions:")
        rows = [
            (each.type, each.status, moment(each.last_transition_time), each.reason, each.message)
            for each in status.conditions
        ]
        page.table(("Type", "Status", "LastTransitionTime", "Reason", "Message"), rows)
    events(page, found, now)
    return page.show()


def _claims(pod: Pod) -> Iterator[str]:
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is not None:
            yield volume.persistent_volume_claim.claim_name
        elif volume.ephemeral is not None:
            yield f"{pod.metadata.name}-{volume.name}"


def _phase(deletion_timestamp: str | None, phase: str, now: float) -> str:
    return f"Terminating (since {moment(deletion_timestamp)})" if deletion_timestamp else phase


def describe_volume(volume: PersistentVolume, found: Iterable[Event], now: float) -> str:
    """A volume, whose it is and where."""
    page = Page()
    metadata, spec = volume.metadata, volume.spec
    page.field("Name", metadata.name)
    labels(page, "Labels", metadata.labels)
    annotations(page, metadata.annotations)
    page.field("Finalizers", f"[{' '.join(metadata.finalizers)}]")
    page.field("StorageClass", spec.storage_class_name)
    page.field("Status", _phase(metadata.deletion_timestamp, volume.status.phase, now))
    reference = spec.claim_ref
    page.field("Claim", f"{reference.namespace}/{reference.name}" if reference is not None else "")
    page.field("Reclaim Policy", spec.persistent_volume_reclaim_policy)
    page.field("Access Modes", access_modes(spec.access_modes))
    if spec.volume_mode is not None:
        page.field("VolumeMode", spec.volume_mode)
    page.field("Capacity", spec.capacity.get("storage", ""))
    _affinity(page, spec)
    page.field("Message", volume.status.message)
    page.line("Source:")
    for name, value in _source(spec):
        page.field(name, value, level=2)
    events(page, found, now)
    return page.show()


def _affinity(page: Page, spec: PersistentVolumeSpec) -> None:
    required = spec.node_affinity.required if spec.node_affinity is not None else None
    if required is None:
        page.field("Node Affinity", NONE)
        return
    page.line("Node Affinity:")
    page.line("Required Terms:", level=1)
    for index, term in enumerate(required.node_selector_terms):
        texts = [_requirement(each) for each in (*term.match_expressions, *term.match_fields)]
        listed(page, f"Term {index}", texts, level=2)


def _requirement(requirement: NodeSelectorRequirement) -> str:
    values = f" [{', '.join(requirement.values)}]" if requirement.values else ""
    return f"{requirement.key} {requirement.operator.lower()}{values}"


def _source(spec: PersistentVolumeSpec) -> Iterator[Field]:
    if (csi := spec.csi) is not None:
        yield "Type", "CSI (a Container Storage Interface (CSI) volume source)"
        yield "Driver", csi.driver
        yield "FSType", csi.fs_type
        yield "VolumeHandle", csi.volume_handle
        yield "ReadOnly", "true" if csi.read_only else "false"
        attributes = ",".join(f"{key}={value}" for key, value in sorted(csi.volume_attributes.items()))
        yield "VolumeAttributes", attributes or NONE
    elif spec.host_path is not None:
        yield "Type", "HostPath (bare host directory volume)"
        yield "Path", spec.host_path.path
        yield "HostPathType", spec.host_path.type or ""
    elif spec.local is not None:
        yield "Type", "LocalVolume (a persistent volume backed by local storage on a node)"
        yield "Path", spec.local.path
    elif (nfs := spec.nfs) is not None:
        yield "Type", "NFS (an NFS mount that lasts the lifetime of a pod)"
        yield "Server", nfs.server
        yield "Path", nfs.path
        yield "ReadOnly", "true" if nfs.read_only else "false"
    else:
        yield "Type", "<unknown>"


def describe_storage_class(storage_class: StorageClass, found: Iterable[Event], now: float) -> str:
    """A class: who makes its volumes, when, and what becomes of them."""
    page = Page()
    page.field("Name", storage_class.metadata.name)
    page.field("IsDefaultClass", "Yes" if is_default(storage_class) else "No")
    shown = storage_class.metadata.annotations
    page.field("Annotations", ",".join(f"{key}={shown[key]}" for key in sorted(shown)) or NONE)
    page.field("Provisioner", storage_class.provisioner)
    parameters = ",".join(f"{key}={value}" for key, value in sorted(storage_class.parameters.items()))
    page.field("Parameters", parameters or NONE)
    expands = storage_class.allow_volume_expansion
    page.field("AllowVolumeExpansion", "<unset>" if expands is None else "True" if expands else "False")
    listed(page, "MountOptions", list(storage_class.mount_options))
    page.field("ReclaimPolicy", storage_class.reclaim_policy or "")
    page.field("VolumeBindingMode", storage_class.volume_binding_mode or "")
    events(page, found, now)
    return page.show()
