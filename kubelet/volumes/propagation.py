"""`mountPropagation`: volumes whose mounts containers pass on to each other.

The kernel passes mounts on between copies of one *shared* mount. Where the machine's own mounts are not shared, a
volume that asks for propagation gets a shared mount of its own, one for each place, which every container that asks
for it is given a copy of: so they see each other's mounts, though the machine itself does not see them at the place.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from cluster import kernel_mounts


def shared(source: Path, folder: Path) -> Path:
    """The place to give to containers for `source`. folder: where shared mounts are kept. Raises OSError."""
    if not source.is_dir() or kernel_mounts.is_shared(source):
        return source
    real = source.resolve()
    place = folder / hashlib.sha256(str(real).encode()).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not kernel_mounts.is_mount_point(place):
        kernel_mounts.bind(str(real), place)
        kernel_mounts.share(place)
    return place
