"""The OCI image format's documents, as far as the store reads and writes them (image-spec 1.1).

Docker's own media types describe the same documents and are read as well.
"""

from __future__ import annotations

import hashlib
from typing import TypeVar

import msgspec

from .errors import CorruptImage

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"
# Of a name in the store's index: the digest its registry gave for it, which may be a list's of several platforms.
RESOLVED = "podling/resolved-digest"

Document = TypeVar("Document")


class Platform(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which machines an image is for, in Go's words (`amd64`)."""

    architecture: str = ""
    os: str = ""
    variant: str = ""


class Descriptor(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Names a blob by digest."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    annotations: dict[str, str] = {}


class Index(msgspec.Struct, frozen=True, rename="camel"):
    """A list of manifests; the store's own names are one, with each name in an annotation."""

    manifests: list[Descriptor]
    schema_version: int = 2
    media_type: str = INDEX


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """An image: its config and layers, lowest layer first."""

    config: Descriptor
    layers: list[Descriptor]
    schema_version: int = 2
    media_type: str = MANIFEST


class Healthcheck(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """How Docker would see whether a container is well; times in nanoseconds, 0 for Docker's default."""

    test: list[str] | None = None
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class RunConfig(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """How the image wants to be run. Missing and null lists are alike."""

    user: str = ""
    env: list[str] | None = None
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None
    working_dir: str = ""
    stop_signal: str = ""
    labels: dict[str, str] | None = None
    exposed_ports: dict[str, dict[str, str]] | None = None
    volumes: dict[str, dict[str, str]] | None = None
    healthcheck: Healthcheck | None = None
    on_build: list[str] | None = None
    shell: list[str] | None = None


class RootFs(msgspec.Struct, frozen=True):
    """The digests of the uncompressed layers, lowest first."""

    diff_ids: list[str]
    type: str = "layers"


class History(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a layer, or an empty step, came about."""

    created: str | None = None
    created_by: str = ""
    comment: str = ""
    empty_layer: bool = False


class ImageConfig(msgspec.Struct, frozen=True, omit_defaults=True):
    """The image's config blob. Its digest is the image's id."""

    architecture: str
    os: str
    rootfs: RootFs
    config: RunConfig | None = None
    created: str | None = None
    history: list[History] | None = None
    variant: str = ""


class DockerArchiveEntry(msgspec.Struct, frozen=True, rename="pascal"):
    """One image in the manifest.json of `docker save`."""

    config: str
    layers: list[str]
    repo_tags: list[str] | None = None


def digest_of(data: bytes) -> str:
    """The sha256 digest of a blob."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def decode(kind: type[Document], data: bytes, what: str) -> Document:
    """Read a document; `what` names it in the CorruptImage raised when it is none."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptImage(f"{what} is not a valid image document: {error}") from error
