"""The annotations, labels and finalizers by which snapshots, claims and snapshotters tell each other things."""

from __future__ import annotations

from typing import Final

_PREFIX: Final = "snapshot.storage.kubernetes.io"

# On contents: they stay while a VolumeSnapshot is bound to them.
CONTENT_PROTECTION: Final = f"{_PREFIX}/volumesnapshotcontent-bound-protection"
# On snapshots: they stay until the content that goes with them is gone.
BOUND_PROTECTION: Final = f"{_PREFIX}/volumesnapshot-bound-protection"
# On snapshots: they stay while a volume is being restored from them.
SOURCE_PROTECTION: Final = f"{_PREFIX}/volumesnapshot-as-source-protection"
# On claims: they stay while a snapshot is being taken of them.
CLAIM_PROTECTION: Final = f"{_PREFIX}/pvc-as-source-protection"

# On classes.
IS_DEFAULT: Final = f"{_PREFIX}/is-default-class"
# On contents: their VolumeSnapshot goes; only then may the snapshotter delete what they stand for.
BEING_DELETED: Final = f"{_PREFIX}/volumesnapshot-being-deleted"
# On contents: volumes of another mode may be restored from them.
MODE_CHANGE: Final = f"{_PREFIX}/allow-volume-mode-change"
# A label of contents: the node whose driver has the snapshot (upstream's distributed snapshotting).
MANAGED_BY: Final = f"{_PREFIX}/managed-by"
