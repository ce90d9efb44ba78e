"""Which volume suits a claim. Pure (upstream: component-helpers/storage/volume, FindMatchingVolume; pv_controller)."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from api import quantity, selectors
from api.types import PersistentVolume, PersistentVolumeClaim, StorageClass
from controllers.persistent_volume import names


def claim_class(claim: PersistentVolumeClaim) -> str:
    """The claim's class; "" when it has none."""
    return claim.metadata.annotations.get(names.OLD_CLASS) or claim.spec.storage_class_name or ""


def volume_class(volume: PersistentVolume) -> str:
    return volume.metadata.annotations.get(names.OLD_CLASS) or volume.spec.storage_class_name


def wanted_size(claim: PersistentVolumeClaim) -> Fraction:
    return quantity.parse(claim.spec.resources.requests.get("storage", "0"))


def size(volume: PersistentVolume) -> Fraction:
    return quantity.parse(volume.spec.capacity.get("storage", "0"))


def is_bound_to(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Whether the volume names this claim: by uid too, once that is known."""
    reference = volume.spec.claim_ref
    if reference is None or (reference.namespace, reference.name) != (claim.metadata.namespace, claim.metadata.name):
        return False
    return not reference.uid or reference.uid == claim.metadata.uid


def is_waiting(claim: PersistentVolumeClaim, storage_class: StorageClass | None) -> bool:
    """Whether binding waits for the claim's first pod to be given a node."""
    if names.SELECTED_NODE in claim.metadata.annotations:
        return False
    return storage_class is not None and storage_class.volume_binding_mode == "WaitForFirstConsumer"


def unsuitable(volume: PersistentVolume, claim: PersistentVolumeClaim) -> str:
    """Why a volume the claim asks for by name cannot be its; "" when it can."""
    if wanted_size(claim) > size(volume):
        return "requested PV is too small"
    if volume_class(volume) != claim_class(claim):
        return "storageClassName does not match"
    if _attributes_class(volume.spec) != _attributes_class(claim.spec):
        return "volumeAttributesClassName does not match"
    if _mode(volume.spec.volume_mode) != _mode(claim.spec.volume_mode):
        return "incompatible volumeMode"
    if not _allows(volume, claim):
        return "incompatible accessMode"
    return ""


def best_match(
    claim: PersistentVolumeClaim, volumes: Iterable[PersistentVolume], *, waiting: bool
) -> PersistentVolume | None:
    """The volume made for this claim, else the smallest free one that suits; with few access modes to spare first.

    waiting: the first pod is to decide; then only a volume made for the claim is taken.
    """
    chooses = selectors.from_record(claim.spec.selector).matches if claim.spec.selector is not None else None
    suiting = []
    for volume in volumes:
        if volume.metadata.deletion_timestamp is not None or wanted_size(claim) > size(volume):
            continue
        if _mode(volume.spec.volume_mode) != _mode(claim.spec.volume_mode):
            continue
        if is_bound_to(volume, claim):
            return volume
        if waiting or volume.spec.claim_ref is not None or volume.status.phase != "Available":
            continue
        if unsuitable(volume, claim) or (chooses is not None and not chooses(volume.metadata.labels)):
            continue
        suiting.append(volume)
    return min(
        suiting,
        key=lambda each: (len(each.spec.access_modes), size(each), each.metadata.name),
        default=None,
    )


def _allows(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    return set(claim.spec.access_modes) <= set(volume.spec.access_modes)


def _mode(value: str | None) -> str:
    return value or "Filesystem"


def _attributes_class(spec: object) -> str:
    return getattr(spec, "volume_attributes_class_name", None) or ""
