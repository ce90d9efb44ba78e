"""Reading image archives: what `docker save` writes, OCI archives, and OCI layouts as folders.

It only finds what is in them; digests are checked where the content is stored.
"""

from __future__ import annotations

import contextlib
import os
import platform
import posixpath
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from . import oci
from .compression import MALFORMED, is_compressed, open_decompressed
from .errors import CorruptImage, ImageError, UnsupportedImage
from .reference import is_digest

_CHUNK = 1 << 20
_MAX_DOCUMENT = 16 << 20
_MAX_NESTING = 3
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


@dataclass(frozen=True)
class ArchivedLayer:
    """Where a layer's file is; `digest` is what the file must have, empty when the archive does not say."""

    file: str
    digest: str = ""


@dataclass(frozen=True)
class ArchivedImage:
    """One image of an archive. `manifest` is empty when the archive has none, as Docker's older ones."""

    names: tuple[str, ...]
    config: bytes
    layers: tuple[ArchivedLayer, ...]
    manifest: bytes = b""


class ArchiveFiles(Protocol):
    """The files of an archive, by their paths in it."""

    label: str

    def has(self, name: str) -> bool:
        """Whether there is such a file."""

    def open(self, name: str) -> BinaryIO:
        """Raises CorruptImage when there is none."""


def machine_architecture() -> str:
    """This machine's architecture as images name it."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


@contextlib.contextmanager
def open_archive(path: Path, scratch: Path) -> Iterator[ArchiveFiles]:
    """The files of an archive or layout folder. Raises CorruptImage, or ImageError when it cannot be read."""
    if path.is_dir():
        yield _FolderFiles(path)
        return
    try:
        with contextlib.ExitStack() as stack:
            file = path
            if is_compressed(path):
                file = _decompress(path, stack, scratch)
            archive = stack.enter_context(tarfile.open(file, "r:"))
            yield _TarFiles(archive, path.name)
    except (tarfile.TarError, *MALFORMED) as error:
        raise CorruptImage(f"{path.name} is not a whole image archive: {error}") from error
    except OSError as error:
        if error.filename == str(path):
            raise ImageError(f"cannot read {path}: {error.strerror}") from error
        raise


def read_images(files: ArchiveFiles) -> list[ArchivedImage]:
    """The images of an archive. Raises CorruptImage, UnsupportedImage."""
    # Docker writes both nowadays: only the second keeps the manifest, and so the digest.
    if files.has("index.json"):
        images = _oci_images(files)
    elif files.has("manifest.json"):
        images = _docker_images(files)
    else:
        raise CorruptImage(
            f"{files.label} is not an image archive: it has neither manifest.json (docker save) nor index.json"
            " (OCI). To make an image from a root file system, import it instead"
        )
    if not images:
        raise CorruptImage(f"{files.label} holds no image")
    return images


def _decompress(path: Path, stack: contextlib.ExitStack, scratch: Path) -> Path:
    """A whole archive is read in any order, so a compressed one is decompressed first."""
    descriptor, name = tempfile.mkstemp(dir=scratch)
    target = Path(name)
    stack.callback(target.unlink)
    with os.fdopen(descriptor, "wb") as stream, open_decompressed(path) as content:
        shutil.copyfileobj(content, stream, _CHUNK)
    return target


def _docker_images(files: ArchiveFiles) -> list[ArchivedImage]:
    what = f"manifest.json of {files.label}"
    entries = oci.decode(list[oci.DockerArchiveEntry], _document(files, "manifest.json"), what)
    return [
        ArchivedImage(
            names=tuple(entry.repo_tags or ()),
            config=_document(files, entry.config),
            layers=tuple(ArchivedLayer(file) for file in entry.layers),
        )
        for entry in entries
    ]


def _oci_images(files: ArchiveFiles) -> list[ArchivedImage]:
    index = oci.decode(oci.Index, _document(files, "index.json"), f"index.json of {files.label}")
    images: dict[str, ArchivedImage] = {}
    for descriptor in index.manifests:
        manifest = _for_this_machine(files, descriptor, _MAX_NESTING)
        if manifest is None:
            continue
        previous = images.get(manifest.digest)
        names = (previous.names if previous else ()) + _names(descriptor.annotations)
        images[manifest.digest] = _oci_image(files, manifest, names)
    if index.manifests and not images:
        raise UnsupportedImage(f"{files.label} has no image for linux/{machine_architecture()}")
    return list(images.values())


def _for_this_machine(files: ArchiveFiles, descriptor: oci.Descriptor, nesting: int) -> oci.Descriptor | None:
    """The manifest a descriptor stands for here: itself, or the one of its list for this architecture."""
    if descriptor.media_type not in (oci.INDEX, oci.DOCKER_MANIFEST_LIST):
        wanted = descriptor.platform
        fits = wanted is None or (wanted.os, wanted.architecture) == ("linux", machine_architecture())
        return descriptor if fits else None
    if nesting == 0:
        raise CorruptImage(f"{files.label} nests its indexes too deeply")
    inner = oci.decode(oci.Index, _blob(files, descriptor), f"index {descriptor.digest} of {files.label}")
    candidates = (_for_this_machine(files, each, nesting - 1) for each in inner.manifests)
    return next((each for each in candidates if each is not None), None)


def _oci_image(files: ArchiveFiles, descriptor: oci.Descriptor, names: tuple[str, ...]) -> ArchivedImage:
    data = _blob(files, descriptor)
    manifest = oci.decode(oci.Manifest, data, f"manifest {descriptor.digest} of {files.label}")
    return ArchivedImage(
        names=names,
        config=_blob(files, manifest.config),
        layers=tuple(ArchivedLayer(_blob_name(files, layer), layer.digest) for layer in manifest.layers),
        manifest=data,
    )


def _names(annotations: dict[str, str]) -> tuple[str, ...]:
    """The full name, if the index says one; a bare `latest` or `v1` is a tag of an unknown name."""
    full = annotations.get(oci.CONTAINERD_NAME, "")
    if full:
        return (full,)
    name = annotations.get(oci.REF_NAME, "")
    return (name,) if set(name) & set(":/@") else ()


def _blob_name(files: ArchiveFiles, descriptor: oci.Descriptor) -> str:
    if not is_digest(descriptor.digest):
        raise CorruptImage(f"{files.label} names a blob by the malformed digest {descriptor.digest!r}")
    return "blobs/" + descriptor.digest.replace(":", "/")


def _blob(files: ArchiveFiles, descriptor: oci.Descriptor) -> bytes:
    data = _document(files, _blob_name(files, descriptor))
    if oci.digest_of(data) != descriptor.digest:
        raise CorruptImage(f"{files.label}: blob {descriptor.digest} has digest {oci.digest_of(data)}")
    return data


def _document(files: ArchiveFiles, name: str) -> bytes:
    with files.open(name) as stream:
        data = stream.read(_MAX_DOCUMENT + 1)
    if len(data) > _MAX_DOCUMENT:
        raise CorruptImage(f"{name} in {files.label} is too large for an image document")
    return data


class _FolderFiles:
    def __init__(self, path: Path) -> None:
        self.label = path.name
        self._path = path

    def has(self, name: str) -> bool:
        return (self._path / name).is_file()

    def open(self, name: str) -> BinaryIO:
        inside = (self._path / name).resolve()
        if not inside.is_relative_to(self._path.resolve()) or not inside.is_file():
            raise CorruptImage(f"{self.label} lacks the file {name}")
        return inside.open("rb")


class _TarFiles:
    def __init__(self, archive: tarfile.TarFile, label: str) -> None:
        self.label = label
        self._archive = archive
        self._members = {posixpath.normpath(member.name): member for member in archive.getmembers()}

    def has(self, name: str) -> bool:
        return name in self._members

    def open(self, name: str) -> BinaryIO:
        member = self._members.get(posixpath.normpath(name))
        if member is not None and member.issym():
            # Docker's older archives store a layer shared by two images once, with links to it.
            target = posixpath.join(posixpath.dirname(member.name), member.linkname)
            member = self._members.get(posixpath.normpath(target))
        content = self._archive.extractfile(member) if member is not None and member.isfile() else None
        if content is None:
            raise CorruptImage(f"{self.label} lacks the file {name}")
        return content  # type: ignore[return-value]
