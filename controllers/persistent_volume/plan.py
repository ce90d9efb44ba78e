"""What to do about one claim or one volume. Pure: what decides, not what carries out.

Source: upstream's pkg/controller/volume/persistentvolume/pv_controller.go, the comments on syncClaim and syncVolume.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from api.types import PersistentVolume, PersistentVolumeClaim, StorageClass
from controllers.persistent_volume import names
from controllers.persistent_volume.matching import (
    best_match,
    claim_class,
    is_bound_to,
    is_waiting,
    unsuitable,
)

NORMAL, WARNING = "Normal", "Warning"


@dataclass(frozen=True, slots=True)
class Said:
    """An event about the object that was looked at."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Bind:
    """Bind the claim and the volume to each other; whatever part of it is done already is left."""

    volume: PersistentVolume
    claim: PersistentVolumeClaim


@dataclass(frozen=True, slots=True)
class SetClaimPhase:
    phase: str


@dataclass(frozen=True, slots=True)
class Provision:
    """Have a volume made: the claim is marked for its class's provisioner, who takes it from there."""

    provisioner: str


@dataclass(frozen=True, slots=True)
class SetVolumePhase:
    phase: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Unbind:
    """Let go of a claim that took another volume. whole: the reference was ours; else only its uid goes."""

    whole: bool


@dataclass(frozen=True, slots=True)
class Look:
    """Look at the volume's claim again."""


Action = Said | Bind | SetClaimPhase | Provision | SetVolumePhase | Unbind | Look


def plan_claim(
    claim: PersistentVolumeClaim,
    volumes: Callable[[], Iterable[PersistentVolume]],
    find_volume: Callable[[str], PersistentVolume | None],
    storage_class: StorageClass | None,
) -> list[Action]:
    """What a claim needs. volumes: all there are, which only an unbound claim asks for; storage_class: that of the
    claim, if there is such.
    """
    if names.BIND_COMPLETED in claim.metadata.annotations:
        return _plan_bound(claim, find_volume)
    if claim.spec.volume_name:
        return _plan_named(claim, find_volume(claim.spec.volume_name))
    waiting = is_waiting(claim, storage_class)
    found = best_match(claim, volumes(), waiting=waiting)
    if found is not None:
        return [Bind(found, claim)]
    return [*_plan_missing(claim, storage_class, waiting=waiting), SetClaimPhase("Pending")]


def _plan_missing(claim: PersistentVolumeClaim, storage_class: StorageClass | None, *, waiting: bool) -> list[Action]:
    """No volume suits: one is made, or waited for."""
    if waiting:
        text = "waiting for first consumer to be created before binding"
        return [Said(NORMAL, "WaitForFirstConsumer", text)]
    name = claim_class(claim)
    if not name:
        text = "no persistent volumes available for this claim and no storage class is set"
        return [Said(NORMAL, "FailedBinding", text)]
    if storage_class is None:
        return [Said(WARNING, "ProvisioningFailed", f'storageclass.storage.k8s.io "{name}" not found')]
    provisioner = storage_class.provisioner
    if provisioner == names.NO_PROVISIONER:
        return [Said(WARNING, "ProvisioningFailed", "no volume plugin matched name: kubernetes.io/no-provisioner")]
    text = (
        f"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the "
        "system administrator. If volume creation is delayed, please verify that the provisioner is running and "
        "correctly registered."
    )
    return [Provision(provisioner), Said(NORMAL, "ExternalProvisioning", text)]


def _plan_named(claim: PersistentVolumeClaim, volume: PersistentVolume | None) -> list[Action]:
    """The claim asks for one volume by name."""
    if volume is None:
        return [SetClaimPhase("Pending")]
    if is_bound_to(volume, claim):
        return [Bind(volume, claim)]
    if volume.spec.claim_ref is None:
        problem = unsuitable(volume, claim)
        if problem:
            text = f'Cannot bind to requested volume "{volume.metadata.name}": {problem}'
            return [Said(WARNING, "VolumeMismatch", text), SetClaimPhase("Pending")]
        return [Bind(volume, claim)]
    text = f'volume "{volume.metadata.name}" already bound to a different claim.'
    return [Said(WARNING, "FailedBinding", text), SetClaimPhase("Pending")]


def _plan_bound(claim: PersistentVolumeClaim, find_volume: Callable[[str], PersistentVolume | None]) -> list[Action]:
    if not claim.spec.volume_name:
        return _lost("ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!")
    volume = find_volume(claim.spec.volume_name)
    if volume is None:
        return _lost("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!")
    if volume.spec.claim_ref is None or is_bound_to(volume, claim):
        return [Bind(volume, claim)]
    return _lost("ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly")


def _lost(reason: str, message: str) -> list[Action]:
    return [SetClaimPhase("Lost"), Said(WARNING, reason, message)]


def plan_volume(volume: PersistentVolume, claim: PersistentVolumeClaim | None) -> list[Action]:
    """What a volume needs. claim: what its claimRef names, whatever its uid."""
    reference = volume.spec.claim_ref
    if reference is None or not reference.uid:
        # Free, or reserved for a claim that has not taken it yet.
        return [SetVolumePhase("Available"), *([Look()] if reference is not None and claim is not None else [])]
    if claim is None or claim.metadata.uid != reference.uid:
        return [] if volume.status.phase == "Failed" else [SetVolumePhase("Released")]
    if not claim.spec.volume_name:
        if unsuitable_mode(volume, claim):
            text = "Cannot bind PersistentVolume to requested PersistentVolumeClaim due to incompatible volumeMode."
            return [Said(WARNING, "VolumeMismatch", text)]
        return [Look()]
    if claim.spec.volume_name == volume.metadata.name:
        return [SetVolumePhase("Bound")]
    provisioned = names.PROVISIONED_BY in volume.metadata.annotations
    if provisioned and volume.spec.persistent_volume_reclaim_policy == "Delete":
        return [SetVolumePhase("Released")]
    return [Unbind(whole=names.BOUND_BY_CONTROLLER in volume.metadata.annotations)]


def unsuitable_mode(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    return (volume.spec.volume_mode or "Filesystem") != (claim.spec.volume_mode or "Filesystem")


def plan_reclaim(volume: PersistentVolume) -> list[Action]:
    """What becomes of a released volume that no driver of the cluster has made.

    Those that one has made are its provisioner's to delete.
    """
    policy = volume.spec.persistent_volume_reclaim_policy
    if policy == "Delete" and names.PROVISIONED_BY not in volume.metadata.annotations and volume.spec.csi is None:
        text = (
            f'error getting deleter volume plugin for volume "{volume.metadata.name}": '
            "no deletable volume plugin matched"
        )
        return [Said(WARNING, "VolumeFailedDelete", text), SetVolumePhase("Failed", text)]
    if policy == "Recycle":
        text = "Volume has no plugin that can recycle it: Recycle is deprecated, use Retain or Delete"
        return [Said(WARNING, "VolumeFailedRecycle", text), SetVolumePhase("Failed", text)]
    return []
