"""The annotations and finalizers by which binder, scheduler and provisioners tell each other things (upstream)."""

from __future__ import annotations

from typing import Final

# On claims: the binding is known to be complete on both sides.
BIND_COMPLETED: Final = "pv.kubernetes.io/bind-completed"
# On either side: the controller chose the other side, so it may undo that.
BOUND_BY_CONTROLLER: Final = "pv.kubernetes.io/bound-by-controller"
# On volumes: who made it, and so must unmake it.
PROVISIONED_BY: Final = "pv.kubernetes.io/provisioned-by"
# On claims: who is to make a volume.
STORAGE_PROVISIONER: Final = "volume.kubernetes.io/storage-provisioner"
OLD_STORAGE_PROVISIONER: Final = "volume.beta.kubernetes.io/storage-provisioner"
# On claims: where the first pod goes (the scheduler).
SELECTED_NODE: Final = "volume.kubernetes.io/selected-node"
OLD_CLASS: Final = "volume.beta.kubernetes.io/storage-class"

CLAIM_PROTECTION: Final = "kubernetes.io/pvc-protection"
VOLUME_PROTECTION: Final = "kubernetes.io/pv-protection"
ATTRIBUTES_CLASS_PROTECTION: Final = "kubernetes.io/vac-protection"
PROVISIONER_FINALIZER: Final = "external-provisioner.volume.kubernetes.io/finalizer"

# A class by this name is no class at all: volumes made by hand.
NO_PROVISIONER: Final = "kubernetes.io/no-provisioner"
