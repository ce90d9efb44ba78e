"""The default StorageClass. Pure (upstream: pkg/volume/util, GetDefaultClass)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from api.types import StorageClass

IS_DEFAULT: Final = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def is_default(storage_class: StorageClass) -> bool:
    return any(storage_class.metadata.annotations.get(name) == "true" for name in IS_DEFAULT)


def default_class(classes: Iterable[StorageClass]) -> StorageClass | None:
    """The newest class marked as default; of several equally new the first by name."""
    marked = sorted((each for each in classes if is_default(each)), key=lambda each: each.metadata.name)
    return max(marked, key=lambda each: each.metadata.creation_timestamp or "", default=None)
