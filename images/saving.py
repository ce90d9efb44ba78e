"""Writing images into an archive that `podling load`, `docker load` and every OCI tool read.

It is an OCI layout with Docker's manifest.json beside it, entries in a fixed order and without times: the same images
always make the same archive.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from . import oci
from .image import Image
from .reference import is_digest, parse
from .store import Store

_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


def save(store: Store, names: Sequence[str], target: BinaryIO) -> None:
    """Write the images of these names. Raises NoSuchImage, InvalidReference, OSError."""
    wanted: dict[str, tuple[Image, list[str]]] = {}
    for name in names:
        image = store.resolve(name)
        full = [each for each in image.names if "@" not in each] if is_digest(name) else [str(parse(name))]
        wanted.setdefault(image.digest, (image, []))[1].extend(full)
    index: list[oci.Descriptor] = []
    entries: list[oci.DockerArchiveEntry] = []
    written: set[str] = set()
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, "oci-layout", _LAYOUT)
        for image, full_names in wanted.values():
            data, manifest, config, _ = store.documents(image)
            for digest, content in ((image.digest, data), (image.id, config)):
                if digest not in written:
                    _add(archive, _path(digest), content)
            for layer in manifest.layers:
                if layer.digest not in written:
                    _add_file(archive, store, layer.digest)
                    written.add(layer.digest)
            written |= {image.digest, image.id}
            index += _descriptors(manifest, image, len(data), full_names)
            layers = [_path(layer.digest) for layer in manifest.layers]
            entries.append(oci.DockerArchiveEntry(_path(image.id), layers, full_names))
        _add(archive, "index.json", msgspec.json.encode(oci.Index(index)))
        _add(archive, "manifest.json", msgspec.json.encode(entries))


def _descriptors(manifest: oci.Manifest, image: Image, size: int, names: Sequence[str]) -> list[oci.Descriptor]:
    media_type = manifest.media_type or oci.MANIFEST
    return [
        oci.Descriptor(
            media_type, image.digest, size, annotations={oci.CONTAINERD_NAME: name, oci.REF_NAME: parse(name).tag}
        )
        for name in names
    ] or [oci.Descriptor(media_type, image.digest, size)]


def _path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def _add_file(archive: tarfile.TarFile, store: Store, digest: str) -> None:
    file = store.blob(digest)
    entry = tarfile.TarInfo(_path(digest))
    entry.size = file.stat().st_size
    with file.open("rb") as content:
        archive.addfile(entry, content)
