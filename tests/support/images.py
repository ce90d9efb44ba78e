"""Images for tests: archives written entry by entry, and a store with `busybox` and `python` made once per run."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from images.archive import machine_architecture
from images.bootstrap import bootstrap
from images.store import Store

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Member:
    """One entry of a tar: `kind` is a tarfile type, `content` a file's bytes or a link's target."""

    name: str
    content: bytes | str = b""
    kind: bytes = tarfile.REGTYPE
    mode: int = 0o644
    uid: int = 0
    pax: tuple[tuple[str, str], ...] = ()
    device: tuple[int, int] = (0, 0)


def tar(*members: Member) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            entry = tarfile.TarInfo(member.name)
            entry.type, entry.mode, entry.uid, entry.mtime = member.kind, member.mode, member.uid, 1_000
            entry.devmajor, entry.devminor = member.device
            entry.pax_headers = dict(member.pax)
            if isinstance(member.content, str):
                entry.linkname = member.content
                archive.addfile(entry)
            else:
                entry.size = len(member.content)
                archive.addfile(entry, io.BytesIO(member.content))
    return buffer.getvalue()


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def image_config(layers: Sequence[bytes], architecture: str = "", **config: Any) -> bytes:
    return json.dumps(
        {
            "architecture": architecture or machine_architecture(),
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        }
    ).encode()


def docker_archive(layers: Sequence[bytes], names: Sequence[str] = ("test:latest",), **config: Any) -> bytes:
    document = image_config(layers, **config)
    files = [Member(f"{number}/layer.tar", layer) for number, layer in enumerate(layers)]
    entry = {"Config": "config.json", "RepoTags": list(names), "Layers": [each.name for each in files]}
    return tar(*files, Member("config.json", document), Member("manifest.json", json.dumps([entry]).encode()))


def oci_files(
    layers: Sequence[bytes], name: str = "test:latest", compress: bool = True, **config: Any
) -> dict[str, bytes]:
    """An OCI layout's files by path, with gzipped layers."""
    blobs: list[bytes] = []

    def descriptor(kind: str, data: bytes) -> dict[str, Any]:
        blobs.append(data)
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}

    stored = [gzip.compress(layer, mtime=0) if compress else layer for layer in layers]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", image_config(layers, **config)),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", each) for each in stored],
    }
    top = descriptor(MANIFEST, json.dumps(manifest).encode())
    top["annotations"] = {"org.opencontainers.image.ref.name": name}
    files = {"blobs/sha256/" + digest(blob).removeprefix("sha256:"): blob for blob in blobs}
    files["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [top]}).encode()
    return files


def oci_archive(layers: Sequence[bytes], name: str = "test:latest", **config: Any) -> bytes:
    return tar(*(Member(path, data) for path, data in oci_files(layers, name, **config).items()))


@pytest.fixture(scope="session")
def machine_images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with `busybox`, `python` and `redis`."""
    store = Store(tmp_path_factory.mktemp("images"))
    assert bootstrap(store) == ["busybox", "python", "redis"]
    yield store
