"""Which layer a step made of which inputs: found again by a digest of everything that can change its outcome.

That is: the layers below, and the command with its variables, user and folder, or the digests of the files copied with
their owners and modes. Never times.
"""

from __future__ import annotations

import hashlib

import msgspec

from images.build_cache import CacheEntry
from images.store import Store

# Longer than this unused, and a step's layer is nobody's any more.
KEPT_SECONDS = 7 * 24 * 3600


def key(*parts: object) -> str:
    """The name for these inputs."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def find(store: Store, wanted: str) -> CacheEntry | None:
    """The layer that was made of these inputs, if it is still there, whole."""
    entry = store.build_cache.read(wanted)
    if entry is None or (entry.digest and not store.has_layer(entry.digest, entry.digest)):
        return None
    store.build_cache.touch(wanted)
    return entry
