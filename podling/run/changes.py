"""What a stopped container had written, kept as an image: its own image with one layer more.

Only where the container's files are this machine's: the cluster's directory has them.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from images import oci
from images.blobs import HashingWriter
from images.errors import ImageError, NoSuchImage
from images.incoming import Incoming
from images.layers import unpack_verified
from images.store import Store
from podling.build.workspace import write_changes


def image_name(namespace: str, container: str) -> str:
    """The image that keeps a container's changes."""
    return f"stopped.podling/{namespace}/{container}:latest"


def keep(store: Store, image: str, written: Path, name: str) -> None:
    """Make the image `name` of `image` and the folder of what was written. Raises ImageError, OSError."""
    base = store.resolve(image)
    _, manifest, _, config = store.documents(base)
    with store.receiving() as received:
        layer = _layer(received, written)
        config = msgspec.structs.replace(
            config, rootfs=oci.RootFs([*config.rootfs.diff_ids, layer.digest]), history=None
        )
        data = msgspec.json.encode(config)
        described = oci.Descriptor(oci.CONFIG, oci.digest_of(data), len(data))
        layers = [*manifest.layers, layer]
        store.adopt(received, msgspec.json.encode(oci.Manifest(described, layers)), data, {name: ""})


def forget(store: Store, name: str) -> None:
    """Remove the image, if there is one. Raises ImageError."""
    try:
        store.remove(name)
    except NoSuchImage:
        return


def exists(store: Store, name: str) -> bool:
    """Whether there is such an image. Raises ImageError."""
    try:
        store.resolve(name)
    except NoSuchImage:
        return False
    return True


def _layer(received: Incoming, written: Path) -> oci.Descriptor:
    if not written.is_dir():
        raise ImageError(f"{written} is not there")
    descriptor, name = tempfile.mkstemp(dir=received.blobs)
    with os.fdopen(descriptor, "wb") as stream:
        writer = HashingWriter(stream)
        write_changes(written, cast(BinaryIO, writer))
    blob = received.blob(writer.digest)
    Path(name).rename(blob)
    folder = received.layer(writer.digest)
    folder.mkdir()
    with blob.open("rb") as content:
        unpack_verified(content, writer.digest, folder)
    return oci.Descriptor(oci.LAYER, writer.digest, blob.stat().st_size)
