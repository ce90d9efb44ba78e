"""The image store: names, images, and their layers ready to be mounted.

The folder is an OCI image layout (`oci-layout`, `index.json`, `blobs/`) with the unpacked layers beside it. Writers
take turns by a file lock; readers need none, since everything appears by renaming. Whatever a killed writer left in
`scratch/` is removed by the next one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from . import filesystem, incoming, oci
from .archive import ArchivedImage, ArchivedLayer, ArchiveFiles, machine_architecture, open_archive, read_images
from .blobs import Blobs
from .build_cache import BuildCache, CacheEntry
from .compression import open_decompressed
from .errors import CorruptImage, ImageError, NoSuchImage, StoreUnusable, UnsupportedImage
from .image import Image, find
from .incoming import Incoming
from .layers import Layers, topmost
from .reference import is_digest, parse
from .tree import write_rootfs

DEFAULT_ROOT = Path("/var/lib/podling/images")
_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_UNUSABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST)
_EPOCH = "1970-01-01T00:00:00Z"


class Store:
    """The images below one folder, which belongs to its user alone."""

    def __init__(self, root: Path | str = DEFAULT_ROOT) -> None:
        self.root = Path(root)
        self._scratch = self.root / "scratch"
        self._index_file = self.root / "index.json"
        self.build_cache = BuildCache(self.root / "build-cache")
        self._blobs = Blobs(self.root, self._scratch)
        self._layers = Layers(self.root, self._scratch)
        self._cached: tuple[tuple[int, int, int], Mapping[str, Image]] | None = None

    def list(self) -> Sequence[Image]:
        """Every image, once each, with all its names."""
        return list({image.digest: image for image in self._images().values()}.values())

    def resolve(self, reference: str) -> Image:
        """The image of a name, short or full, or of an id. Raises NoSuchImage, InvalidReference."""
        images = self._images()
        if is_digest(reference):
            found = next((image for image in images.values() if reference in (image.id, image.digest)), None)
        else:
            found = find(images, parse(reference))
        if found is None:
            raise NoSuchImage(f"image {reference!r} is not in the image store {self.root}")
        return found

    @contextlib.contextmanager
    def held(self, reference: str) -> Iterator[Image]:
        """The image, whose layers cannot be removed before the block ends; once mounted they are safe anyway."""
        with self._layers.held():
            yield self.resolve(reference)

    def load(self, path: Path | str, name: str = "") -> Sequence[Image]:
        """Take the images of an archive (docker save or OCI, compressed or not) or of an OCI layout folder.

        `name` names the image of an archive that has one image. Raises CorruptImage, UnsupportedImage, ImageError;
        the store is unchanged then.
        """
        with self._writing(), open_archive(Path(path), self._scratch) as files:
            found = read_images(files)
            if name and len(found) > 1:
                raise ImageError(f"{files.label} holds {len(found)} images: they cannot all be named {name!r}")
            added: dict[str, oci.Descriptor] = {}
            for archived in found:
                names = [str(parse(each)) for each in ([name] if name else archived.names)]
                if not names:
                    raise ImageError(f"an image in {files.label} has no name: say which with --name")
                descriptor = self._take(files, archived)
                added.update(dict.fromkeys(names, descriptor))
            self._add(added)
        return [self.resolve(each) for each in added]

    def import_rootfs(
        self,
        source: Path | str,
        name: str,
        *,
        cmd: Sequence[str] = (),
        entrypoint: Sequence[str] = (),
        env: Sequence[str] = (),
        workdir: str = "",
        user: str = "",
        labels: Mapping[str, str] | None = None,
    ) -> Image:
        """Make an image of one layer from a root file system: a folder, or a tar of one, compressed or not."""
        path = Path(source)
        if not path.exists():
            raise ImageError(f"cannot import {path}: no such file or folder")
        config = oci.RunConfig(
            user=user,
            env=list(env) or None,
            entrypoint=list(entrypoint) or None,
            cmd=list(cmd) or None,
            working_dir=workdir,
            labels=dict(labels) if labels else None,
        )
        return self.build(name, [partial(write_rootfs, path)], config)

    def build(
        self, name: str, layers: Sequence[Callable[[BinaryIO], None]], config: oci.RunConfig, created: str = _EPOCH
    ) -> Image:
        """Make an image: each of `layers` writes the tar of one, lowest first."""
        full = str(parse(name))
        with self._writing():
            descriptors = []
            for write in layers:
                with self._blobs.writer() as blob:
                    write(cast(BinaryIO, blob))
                self._unpack(blob.digest, blob.digest, f"layer of {name}")
                descriptors.append(self._descriptor(oci.LAYER, blob.digest))
            document = oci.ImageConfig(
                architecture=machine_architecture(),
                os="linux",
                rootfs=oci.RootFs([each.digest for each in descriptors]),
                config=config,
                created=created,
            )
            self._add({full: self._put_manifest(msgspec.json.encode(document), descriptors)})
        return self.resolve(full)

    @contextlib.contextmanager
    def receiving(self) -> Iterator[Incoming]:
        """A folder to fill without keeping others from the store; `adopt` takes it over."""
        with self._writing():
            directory, descriptor = incoming.create(self.root / "incoming")
        with self.usable(), incoming.opened(directory, descriptor) as folder:
            yield folder

    def adopt(self, received: Incoming, manifest: bytes, config: bytes, names: Mapping[str, str]) -> Image:
        """Make what was received an image. `names` maps each full name to the digest its registry gave, or "".

        Every blob and layer is in `received` or in the store already. Raises NoSuchImage when another process removed
        one of the latter meanwhile: then another try receives it.
        """
        documents = oci.decode(oci.Manifest, manifest, "the manifest")
        described = oci.decode(oci.ImageConfig, config, "the config")
        with self._writing():
            for layer, diff_id in zip(documents.layers, described.rootfs.diff_ids, strict=True):
                self._adopt_layer(received, layer.digest, diff_id)
            self._blobs.put(config)
            descriptor = self._descriptor(documents.media_type or oci.MANIFEST, self._blobs.put(manifest))
            self._add(dict.fromkeys(names, descriptor), names)
        return self.resolve(next(iter(names)))

    def keep_built(self, received: Incoming, key: str, entry: CacheEntry) -> None:
        """Take over a layer of a build under way, for this and later builds: it stays as long as its cache entry."""
        with self._writing():
            if entry.digest:
                self._adopt_layer(received, entry.digest, entry.digest)
            self.build_cache.write(key, entry, self._scratch)

    def forget_builds(self) -> int:
        """Drop what only later builds could use; how many bytes of disk are free for it."""
        before = shutil.disk_usage(self.root).free if self.root.exists() else 0
        with self._writing():
            self.build_cache.expire(float("inf"))
            shutil.rmtree(self.root / "build-mounts", ignore_errors=True)
            self._write_index(self._index().manifests)
        return max(shutil.disk_usage(self.root).free - before, 0)

    def layer_folder(self, diff_id: str) -> Path:
        """Where an unpacked layer is, or would be."""
        return self._layers.path(diff_id)

    def has_layer(self, digest: str, diff_id: str) -> bool:
        """Whether a layer is here both as it was sent and unpacked."""
        return self._blobs.path(digest).is_file() and self._layers.has(diff_id)

    def blob(self, digest: str) -> Path:
        """The file of a blob, compressed as it was sent. Raises NoSuchImage."""
        path = self._blobs.path(digest)
        if not path.is_file():
            raise NoSuchImage(f"the image store has lost blob {digest}; load or pull its image again")
        return path

    def documents(self, image: Image) -> tuple[bytes, oci.Manifest, bytes, oci.ImageConfig]:
        """An image's manifest and config, as they are stored and read."""
        manifest, config = self._documents(image.digest)
        return self._blobs.read(image.digest), manifest, self._blobs.read(image.id), config

    def tag(self, source: str, target: str) -> Image:
        """Give an image one more name. Raises NoSuchImage, InvalidReference."""
        wanted = parse(target)
        if wanted.digest:
            raise ImageError(f"refusing to give the name {target!r}: a digest is computed, not given")
        with self._writing():
            image = self.resolve(source)
            kept = next(each for each in self._index().manifests if each.digest == image.digest)
            self._add({str(wanted): msgspec.structs.replace(kept, annotations={})})
        return self.resolve(target)

    def mark_pushed(self, name: str, digest: str) -> None:
        """A registry has the image under this full name from now on."""
        with self._writing():
            kept = next((each for each in self._index().manifests if each.annotations[oci.REF_NAME] == name), None)
            # None: the name was taken away while its image was being sent.
            if kept is not None:
                self._add({name: kept}, {name: digest})

    def in_use(self) -> Sequence[Image]:
        """The images whose topmost layer some container of this machine has mounted."""
        mounted = self._layers.mounted()
        return [image for image in self.list() if image.layers and image.layers[-1] in mounted]

    def remove(self, reference: str) -> None:
        """Forget a name; what no other name and no mounted container needs is deleted. Raises NoSuchImage."""
        with self._writing():
            image = self.resolve(reference)
            doomed = set(image.names) if is_digest(reference) else {str(parse(reference))}
            if not doomed & set(image.names):
                doomed = set(image.names)
            kept = [each for each in self._index().manifests if each.annotations[oci.REF_NAME] not in doomed]
            self._write_index(kept)

    def _take(self, files: ArchiveFiles, archived: ArchivedImage) -> oci.Descriptor:
        """Store one image of an archive; its manifest's descriptor."""
        config = oci.decode(oci.ImageConfig, archived.config, f"an image config in {files.label}")
        if config.architecture not in ("", machine_architecture()) or config.os not in ("", "linux"):
            wanted, here = f"{config.os}/{config.architecture}", f"linux/{machine_architecture()}"
            raise UnsupportedImage(f"{files.label} is for {wanted}, this machine is {here}")
        diff_ids = config.rootfs.diff_ids
        if len(diff_ids) != len(archived.layers) or not all(map(is_digest, diff_ids)):
            raise CorruptImage(f"{files.label}: an image's config and manifest disagree about its layers")
        layers = [
            self._take_layer(files, layer, diff_id) for layer, diff_id in zip(archived.layers, diff_ids, strict=True)
        ]
        if archived.manifest:
            self._blobs.put(archived.config)
            return self._descriptor(oci.MANIFEST, self._blobs.put(archived.manifest))
        return self._put_manifest(archived.config, layers)

    def _take_layer(self, files: ArchiveFiles, layer: ArchivedLayer, diff_id: str) -> oci.Descriptor:
        what = f"{files.label}: layer {layer.file}"
        with files.open(layer.file) as stream:
            digest = self._blobs.copy(stream, layer.digest, what)
        self._unpack(digest, diff_id, what)
        return self._descriptor(oci.LAYER if digest == diff_id else oci.LAYER + "+gzip", digest)

    def _unpack(self, digest: str, diff_id: str, what: str) -> None:
        if self._layers.has(diff_id):
            return
        with open_decompressed(self._blobs.path(digest)) as content:
            try:
                self._layers.unpack(content, diff_id)
            except CorruptImage as error:
                raise CorruptImage(f"{what}: {error}") from error

    def _put_manifest(self, config: bytes, layers: Sequence[oci.Descriptor]) -> oci.Descriptor:
        descriptor = self._descriptor(oci.CONFIG, self._blobs.put(config))
        manifest = oci.Manifest(descriptor, list(layers))
        return self._descriptor(oci.MANIFEST, self._blobs.put(msgspec.json.encode(manifest)))

    def _descriptor(self, media_type: str, digest: str) -> oci.Descriptor:
        return oci.Descriptor(media_type, digest, self._blobs.path(digest).stat().st_size)

    def _adopt_layer(self, received: Incoming, digest: str, diff_id: str) -> None:
        if (blob := received.blob(digest)).is_file():
            blob.rename(self._blobs.path(digest))
        if (folder := received.layer(diff_id)).is_dir():
            self._layers.adopt(folder, diff_id)
        if not self.has_layer(digest, diff_id):
            raise NoSuchImage(f"layer {digest} was removed from the image store meanwhile: try again")

    def _add(self, added: Mapping[str, oci.Descriptor], resolved: Mapping[str, str] | None = None) -> None:
        """Give names to manifests; a name given anew leaves its former image."""
        kept = [each for each in self._index().manifests if each.annotations[oci.REF_NAME] not in added]
        for name, descriptor in added.items():
            annotations = {oci.REF_NAME: name}
            if resolved and resolved.get(name):
                annotations[oci.RESOLVED] = resolved[name]
            kept.append(msgspec.structs.replace(descriptor, annotations=annotations))
        self._write_index(kept)

    def _index(self) -> oci.Index:
        try:
            return oci.decode(oci.Index, self._index_file.read_bytes(), str(self._index_file))
        except FileNotFoundError:
            return oci.Index([])

    def _write_index(self, manifests: Sequence[oci.Descriptor]) -> None:
        """Replace the names at once, then delete what they no longer lead to."""
        descriptor, name = tempfile.mkstemp(dir=self._scratch)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(msgspec.json.encode(oci.Index(list(manifests))))
            stream.flush()
            # Blobs and layers as well: a name must not outlive a power cut that its image does not.
            filesystem.sync(descriptor)
        Path(name).rename(self._index_file)
        self._collect_garbage(manifests)

    def _collect_garbage(self, manifests: Sequence[oci.Descriptor]) -> None:
        blobs: set[str] = set()
        diff_ids: set[str] = set()
        for digest in {each.digest for each in manifests}:
            manifest, config = self._documents(digest)
            blobs |= {digest, manifest.config.digest, *(layer.digest for layer in manifest.layers)}
            diff_ids.update(config.rootfs.diff_ids)
        cached = self.build_cache.digests()
        blobs |= cached
        diff_ids |= cached
        self._blobs.remove_all_but(blobs)
        self._layers.remove_all_but(diff_ids)

    def _documents(self, digest: str) -> tuple[oci.Manifest, oci.ImageConfig]:
        manifest = oci.decode(oci.Manifest, self._blobs.read(digest), f"manifest {digest}")
        config = self._blobs.read(manifest.config.digest)
        return manifest, oci.decode(oci.ImageConfig, config, f"config {manifest.config.digest}")

    def _images(self) -> Mapping[str, Image]:
        """All images by full name, read again only when the index was replaced."""
        try:
            status = self._index_file.stat()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StoreUnusable(f"cannot read the image store {self.root}: {error.strerror}") from error
        stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
        if self._cached is None or self._cached[0] != stamp:
            try:
                self._cached = stamp, self._read_images()
            except NoSuchImage:
                # Removed between reading its name and its blobs; the index that says so is there by now.
                self._cached = (0, 0, 0), self._read_images()
        return self._cached[1]

    def _read_images(self) -> Mapping[str, Image]:
        names: dict[str, dict[str, str]] = {}
        for each in self._index().manifests:
            resolved = each.annotations.get(oci.RESOLVED, "")
            names.setdefault(each.digest, {})[each.annotations[oci.REF_NAME]] = resolved
        images = [self._image(digest, each) for digest, each in names.items()]
        return {name: image for image in images for name in image.names}

    def _image(self, digest: str, names: Mapping[str, str]) -> Image:
        manifest, config = self._documents(digest)
        return Image(
            id=manifest.config.digest,
            digest=digest,
            names=tuple(names),
            config=config.config or oci.RunConfig(),
            layers=topmost([self._layers.path(diff_id) for diff_id in config.rootfs.diff_ids]),
            size_bytes=manifest.config.size + sum(layer.size for layer in manifest.layers),
            created=config.created or "",
            resolved={name: digest for name, digest in names.items() if digest},
            diff_ids=tuple(config.rootfs.diff_ids),
        )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer at a time, in a store that is ours and tidy."""
        with self.usable():
            self._prepare()
            descriptor = os.open(self.root / "store.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                shutil.rmtree(self._scratch, ignore_errors=True)
                self._scratch.mkdir()
                yield
            finally:
                os.close(descriptor)

    @contextlib.contextmanager
    def usable(self) -> Iterator[None]:
        """What makes the folder unusable, as StoreUnusable."""
        try:
            yield
        except OSError as error:
            if error.errno in _UNUSABLE:
                raise StoreUnusable(f"cannot write to the image store {self.root}: {error.strerror}") from error
            raise

    def _prepare(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.root.stat().st_uid != os.geteuid():
            raise StoreUnusable(f"the image store {self.root} belongs to another user: run as that user")
        self.root.chmod(0o700)
        self._blobs.create()
        self._layers.create()
        (self.root / "oci-layout").write_bytes(_LAYOUT)
