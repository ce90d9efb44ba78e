"""Pushing: an image of the store into a registry's repository; layers the repository has are not sent again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from . import oci
from .errors import AccessDenied, ImageError, RegistryError
from .pulling import Progress
from .reference import Reference, parse
from .registry.client import Registry
from .registry.keyring import Credential
from .registry.trust import Trust
from .store import Store

PARALLEL_LAYERS = 3


def push(
    store: Store,
    name: str,
    trust: Trust,
    credentials: Sequence[Credential] = (),
    told: Callable[[Progress], None] = lambda progress: None,
) -> str:
    """Give a registry the image of this name; its digest there.

    Raises InvalidReference, NoSuchImage, RegistryError. Credentials are tried in turn.
    """
    reference = parse(name)
    if reference.digest:
        raise ImageError(f"cannot push {name}: a digest cannot be chosen; name a tag")
    failure: RegistryError | None = None
    for credential in credentials or (None,):
        try:
            return _push(store, reference, Registry(reference, trust, credential), told)
        except AccessDenied as error:
            failure = error
    if failure is None:
        raise RuntimeError("at least one attempt was made")
    raise failure


def _push(store: Store, reference: Reference, registry: Registry, told: Callable[[Progress], None]) -> str:
    image = store.resolve(str(reference))
    data, manifest, _, _ = store.documents(image)

    def send(blob: oci.Descriptor) -> None:
        if registry.has_blob(blob.digest):
            told(Progress(blob.digest, "exists", blob.size, blob.size))
            return
        told(Progress(blob.digest, "uploading", 0, blob.size))
        registry.upload(blob.digest, store.blob(blob.digest))
        told(Progress(blob.digest, "done", blob.size, blob.size))

    blobs = {each.digest: each for each in (*manifest.layers, manifest.config)}
    with ThreadPoolExecutor(PARALLEL_LAYERS) as workers:
        for step in [workers.submit(send, blob) for blob in blobs.values()]:
            step.result()
    digest = registry.put_manifest(reference.tag, data, manifest.media_type or oci.MANIFEST)
    store.mark_pushed(str(reference), digest)
    return digest
