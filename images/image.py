"""An image of the store, as it is found by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from . import oci
from .reference import Reference, parse


@dataclass(frozen=True)
class Image:
    """An image of the store. `id` is its config's digest, `digest` its manifest's; `layers` has each once, the
    lowest first.

    `resolved` maps names to the digests their registries gave for them, where those are of lists of platforms.
    """

    id: str
    digest: str
    names: tuple[str, ...]
    config: oci.RunConfig
    layers: tuple[Path, ...]
    size_bytes: int
    created: str
    resolved: Mapping[str, str]
    diff_ids: tuple[str, ...]

    @cached_property
    def repository_digest(self) -> str:
        """`repository@digest`, as containerStatuses[].imageID shows it; the bare id for an image without a name."""
        if not self.names:
            return self.id
        name = self.names[0]
        return f"{parse(name).repository}@{self.resolved.get(name, self.digest)}"


def find(images: Mapping[str, Image], wanted: Reference) -> Image | None:
    """By name; one with a digest also by that, whatever the image is called here."""
    if not wanted.digest or str(wanted) in images:
        return images.get(str(wanted))
    for image in images.values():
        if wanted.digest == image.digest or wanted.digest in image.resolved.values():
            return image
    return None
