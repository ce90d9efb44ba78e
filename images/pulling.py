"""Pulling: from a registry's repository into the store, layers side by side, each only if it is not there yet."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import oci
from .archive import machine_architecture
from .compression import MALFORMED, open_decompressed
from .errors import (
    AccessDenied,
    CorruptImage,
    ImageError,
    NoSuchImage,
    NotInRegistry,
    RegistryUnavailable,
    StoreUnusable,
    UnsupportedImage,
)
from .image import Image
from .incoming import Incoming
from .layers import unpack_verified
from .reference import Reference, is_digest, parse
from .registry.client import Registry
from .registry.keyring import Credential
from .registry.trust import Trust
from .store import Store

PARALLEL_LAYERS = 3
_ATTEMPTS = 3
_RETRY_SECONDS = 0.5
_INDEXES = (oci.INDEX, oci.DOCKER_MANIFEST_LIST)
_MANIFESTS = (oci.MANIFEST, oci.DOCKER_MANIFEST)
_MAX_LAYERS = 500


@dataclass(frozen=True)
class Progress:
    """Where a layer stands. `state`: exists, downloading, unpacking, done."""

    digest: str
    state: str
    done_bytes: int
    total_bytes: int


@dataclass(frozen=True)
class Pulled:
    """`changed`: whether anything had to be fetched; `credential`: the one that was let in, None for nobody's."""

    image: Image
    changed: bool
    credential: Credential | None


Told = Callable[[Progress], None]
# (the credential that was let in, image id), before the store has an image that it did not have.
TakingIn = Callable[[Credential | None, str], None]


def pull(
    store: Store,
    name: str,
    trust: Trust,
    credentials: Sequence[Credential] = (),
    told: Told = lambda progress: None,
    architecture: str = "",
    taking_in: TakingIn = lambda credential, image_id: None,
) -> Pulled:
    """Have the store hold what a registry has under this name now. Credentials are tried in turn.

    Raises InvalidReference, RegistryError, CorruptImage, UnsupportedImage, StoreUnusable; the store is unchanged then.
    """
    reference = parse(name)
    failure: ImageError | None = None
    for credential in credentials or (None,):
        try:
            registry = Registry(reference, trust, credential)
            with _one_at_a_time(store, reference):
                attempt = _Pull(store, reference, registry, told, architecture)
                image, changed = attempt.run(partial(taking_in, credential))
            return Pulled(image, changed, credential)
        except (AccessDenied, NotInRegistry) as error:
            # Registries say "not found" of what somebody may not see.
            failure = failure if isinstance(failure, AccessDenied) else error
    if failure is None:
        raise RuntimeError("at least one attempt was made")
    raise failure


class _Pull:
    def __init__(
        self, store: Store, reference: Reference, registry: Registry, told: Told, architecture: str = ""
    ) -> None:
        self._store = store
        self._reference = reference
        self._registry = registry
        self._told = told
        self._architecture = architecture or machine_architecture()

    def run(self, taking_in: Callable[[str], None]) -> tuple[Image, bool]:
        """The image, and whether anything had to be fetched."""
        wanted = self._reference.digest or self._reference.tag
        resolved = self._reference.digest or self._registry.digest(wanted)
        if (present := self._present(resolved)) is not None:
            return present, False
        data, media_type = self._registry.manifest(resolved or wanted)
        resolved = oci.digest_of(data)
        # Some registries say what a tag is only by sending it.
        if (present := self._present(resolved)) is not None:
            return present, False
        data, manifest = self._choose(data, media_type)
        config = self._registry.small_blob(manifest.config)
        diff_ids = self._check(manifest, config)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._store.receiving() as folder:
                    self._receive_all(folder, manifest, diff_ids)
                    taking_in(oci.digest_of(config))
                    return self._store.adopt(folder, data, config, {str(self._reference): resolved}), True
            except NoSuchImage:
                if attempt == _ATTEMPTS:
                    raise
        raise RuntimeError("unreachable")

    def _present(self, resolved: str) -> Image | None:
        """The image, if the store has just this one under this name, whole."""
        try:
            image = self._store.resolve(str(self._reference))
        except NoSuchImage:
            return None
        name = str(self._reference)
        same = image.resolved.get(name, image.digest) == resolved and name in image.names
        if not same or not all(layer.is_dir() for layer in image.layers):
            return None
        _, _, _, config = self._store.documents(image)
        return image if config.architecture == self._architecture else None

    def _choose(self, data: bytes, media_type: str) -> tuple[bytes, oci.Manifest]:
        """The manifest for this machine: the one sent, or the one its index names."""
        what = f"the manifest of {self._reference}"
        if media_type in _INDEXES:
            index = oci.decode(oci.Index, data, what)
            chosen = next((each for each in index.manifests if self._is_for_us(each)), None)
            if chosen is None:
                raise UnsupportedImage(self._not_for_us(_platforms(index)))
            data, media_type = self._registry.manifest(_checked(chosen.digest, what))
        if media_type not in _MANIFESTS:
            raise UnsupportedImage(f"{self._reference} is of the form {media_type}, which is too old or not an image")
        return data, oci.decode(oci.Manifest, data, what)

    def _is_for_us(self, descriptor: oci.Descriptor) -> bool:
        platform = descriptor.platform
        if descriptor.media_type not in _MANIFESTS:
            return False
        return platform is None or (platform.os, platform.architecture) == ("linux", self._architecture)

    def _not_for_us(self, platforms: str) -> str:
        return f"{self._reference} is not for this machine, linux/{self._architecture}: it is for {platforms}"

    def _check(self, manifest: oci.Manifest, data: bytes) -> Sequence[str]:
        """The diff ids, when config and manifest make an image for this machine."""
        config = oci.decode(oci.ImageConfig, data, f"the config of {self._reference}")
        diff_ids = config.rootfs.diff_ids
        if (config.os, config.architecture) != ("linux", self._architecture):
            raise UnsupportedImage(self._not_for_us(f"{config.os}/{config.architecture}"))
        if not 0 < len(diff_ids) <= _MAX_LAYERS or len(diff_ids) != len(manifest.layers):
            raise CorruptImage(f"{self._reference}: its config and manifest disagree about its layers")
        for digest in (*diff_ids, *(layer.digest for layer in manifest.layers)):
            _checked(digest, str(self._reference))
        return diff_ids

    def _receive_all(self, folder: Incoming, manifest: oci.Manifest, diff_ids: Sequence[str]) -> None:
        # An image may have one layer several times.
        wanted = {layer.digest: (layer, diff_id) for layer, diff_id in zip(manifest.layers, diff_ids, strict=True)}
        missing = []
        for layer, diff_id in wanted.values():
            if self._store.has_layer(layer.digest, diff_id):
                self._told(Progress(layer.digest, "exists", layer.size, layer.size))
            else:
                missing.append((layer, diff_id))
        _check_room(folder.directory, sum(layer.size for layer, _ in missing))
        with ThreadPoolExecutor(PARALLEL_LAYERS) as workers:
            steps = [workers.submit(self._receive, folder, layer, diff_id) for layer, diff_id in missing]
            try:
                for step in steps:
                    step.result()
            except BaseException:
                workers.shutdown(wait=False, cancel_futures=True)
                raise

    def _receive(self, folder: Incoming, layer: oci.Descriptor, diff_id: str) -> None:
        file = folder.blob(layer.digest)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._told(Progress(layer.digest, "downloading", 0, layer.size))
                with file.open("wb") as target:
                    self._registry.download(layer, target, lambda done: self._tell(layer, done))
                break
            except RegistryUnavailable:
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(_RETRY_SECONDS * attempt)
        self._told(Progress(layer.digest, "unpacking", layer.size, layer.size))
        self._unpack(file, folder.layer(diff_id), layer.digest, diff_id)
        self._told(Progress(layer.digest, "done", layer.size, layer.size))

    def _tell(self, layer: oci.Descriptor, done: int) -> None:
        self._told(Progress(layer.digest, "downloading", done, layer.size))

    def _unpack(self, file: Path, target: Path, digest: str, diff_id: str) -> None:
        try:
            target.mkdir()
        except FileExistsError:
            return  # the same content, compressed otherwise
        try:
            with open_decompressed(file) as content:
                unpack_verified(content, diff_id, target)
        except (CorruptImage, *MALFORMED) as error:
            raise CorruptImage(f"{self._reference}: layer {digest} is damaged: {error}") from error


def _platforms(index: oci.Index) -> str:
    found = [each.platform for each in index.manifests if each.platform is not None]
    return ", ".join(f"{each.os}/{each.architecture}" for each in found if each.os != "unknown") or "nothing"


def _checked(digest: str, what: str) -> str:
    if not is_digest(digest):
        raise CorruptImage(f"{what} names a blob by the malformed digest {digest!r}")
    return digest


def _check_room(directory: Path, needed: int) -> None:
    """The compressed size is the least that is needed; what the layers unpack to, only unpacking shows."""
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise StoreUnusable(
            f"not enough room in {directory.parent.parent}: the image's layers need {needed / 1e6:.0f} MB and more,"
            f" {free / 1e6:.0f} MB are free"
        )


@contextlib.contextmanager
def _one_at_a_time(store: Store, reference: Reference) -> Iterator[None]:
    """Nodes that want the same image wait for the one that fetches it; the next then finds it there."""
    with store.usable():
        store.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        locks = store.root / "pulls"
        locks.mkdir(exist_ok=True, mode=0o700)
        name = hashlib.sha256(str(reference).encode()).hexdigest()
        descriptor = os.open(locks / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
