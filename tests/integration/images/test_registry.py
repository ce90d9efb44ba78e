"""Pulling from and pushing to a real registry, and registries that misbehave."""

from __future__ import annotations

import contextlib
import datetime
import gzip
import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cluster import pki
from images import access, oci, pulling, saving
from images.access import Origin
from images.archive import machine_architecture
from images.errors import (
    AccessDenied,
    CorruptImage,
    NotInRegistry,
    RegistryError,
    RegistryUnavailable,
    StoreUnusable,
    UnsupportedImage,
)
from images.pulling import Progress, pull
from images.pushing import push
from images.registry import transport
from images.registry.keyring import Credential
from images.registry.trust import Trust
from images.store import Store
from tests.support.images import Member, digest, image_config, oci_archive, tar
from tests.support.registry import RunningRegistry, registry

# The line for me:secret, in the only form docker-registry takes (bcrypt).
HTPASSWD = "me:$2b$04$q281HUK9OZS6LBTjsQghrukso5hcHul2z1ILS0U1PKFq6Yc.DU9MW\n"
LOWER = tar(Member("a", b"one"), Member("gone", b"x"))
UPPER = tar(Member("b", b"two" * 1000), Member(".wh.gone"))


def filled(store: Store, folder: Path, name: str, *layers: bytes) -> None:
    """Have a store hold an image of this name."""
    archive = folder / "image.tar"
    archive.write_bytes(oci_archive(layers or (LOWER, UPPER), name))
    store.load(archive)


@pytest.fixture
def other(tmp_path: Path) -> Store:
    """A second store, to pull into."""
    return Store(tmp_path / "other")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningRegistry]:
    with registry(tmp_path / "registry") as found:
        yield found


def test_what_was_pushed_is_pulled_once(store: Store, other: Store, tmp_path: Path, running: RunningRegistry) -> None:
    name = f"{running.address}/team/app:1"
    filled(store, tmp_path, name)
    pushed = push(store, name, Trust())
    told: list[Progress] = []
    pulled = pull(other, name, Trust(), told=told.append)
    assert pulled.changed
    assert pulled.image.digest == pushed == store.resolve(name).digest
    assert (pulled.image.layers[1] / "b").read_bytes() == b"two" * 1000
    assert {each.state for each in told} == {"downloading", "unpacking", "done"}
    assert not pull(other, name, Trust()).changed
    by_digest = f"{running.address}/team/app@{pushed}"
    assert pull(other, by_digest, Trust()).image.id == pulled.image.id
    assert other.resolve(by_digest).digest == pushed
    with pytest.raises(NotInRegistry, match="has no image team/app:2"):
        pull(other, f"{running.address}/team/app:2", Trust())


def test_a_tag_that_moved_is_fetched_anew_and_its_layers_shared(
    store: Store, other: Store, tmp_path: Path, running: RunningRegistry
) -> None:
    name = f"{running.address}/app:latest"
    filled(store, tmp_path, name, LOWER)
    push(store, name, Trust())
    first = pull(other, name, Trust()).image
    filled(store, tmp_path, name, LOWER, UPPER)
    push(store, name, Trust())
    told: list[Progress] = []
    second = pull(other, name, Trust(), told=told.append).image
    assert second.layers[0] == first.layers[0]
    assert [each.state for each in told if each.digest == digest(gzip.compress(LOWER, mtime=0))] == ["exists"]


def test_a_password(store: Store, other: Store, tmp_path: Path) -> None:
    with registry(tmp_path / "registry", htpasswd=HTPASSWD) as running:
        name = f"{running.address}/app:1"
        filled(store, tmp_path, name)
        with pytest.raises(AccessDenied, match="it wants credentials"):
            push(store, name, Trust())
        right, wrong = Credential("me", "secret"), Credential("me", "guess")
        push(store, name, Trust(), [right])
        with pytest.raises(AccessDenied, match="do not allow it"):
            pull(other, name, Trust(), [wrong])
        assert pull(other, name, Trust(), [wrong, right]).credential == right


def test_tls_is_checked_when_an_authority_is_given(store: Store, other: Store, tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    authority = pki.create_authority(tmp_path, "ca", "test", now)
    pki.issue(authority, tmp_path, "server", "registry", now, sans=["127.0.0.1"])
    pki.create_authority(tmp_path, "stranger", "stranger", now)
    files = (tmp_path / "server.crt", tmp_path / "server.key")
    with registry(tmp_path / "registry", tls=files) as running:
        name = f"{running.address}/app:1"
        filled(store, tmp_path, name)
        push(store, name, Trust(authority=tmp_path / "ca.crt"))
        with pytest.raises(RegistryError, match="a certificate nobody here trusts"):
            pull(other, name, Trust(authority=tmp_path / "stranger.crt"))
        folder = tmp_path / "certs.d" / running.address
        folder.mkdir(parents=True)
        shutil.copy(tmp_path / "ca.crt", folder)
        assert pull(other, name, Trust(tmp_path / "certs.d")).changed


class Fake:
    """A registry of one image that can misbehave. `answers`: path → (media type, body)."""

    def __init__(self, *layers: bytes, architecture: str = "") -> None:
        self.stored = [gzip.compress(layer, mtime=0) for layer in layers]
        config = image_config(layers, architecture)
        document = {
            "schemaVersion": 2,
            "mediaType": oci.DOCKER_MANIFEST,
            "config": _descriptor("application/vnd.docker.container.image.v1+json", config),
            "layers": [_descriptor("application/vnd.docker.image.rootfs.diff.tar.gzip", each) for each in self.stored],
        }
        self.manifest = json.dumps(document).encode()
        self.answers: dict[str, tuple[str, bytes]] = {}
        for blob in (config, *self.stored):
            self.answers[f"/v2/app/blobs/{digest(blob)}"] = ("application/octet-stream", blob)
        self.serve_manifest("1", self.manifest, oci.DOCKER_MANIFEST)
        self.cut: set[str] = set()
        self.hang: set[str] = set()
        self.token = ""
        self.asked: list[str] = []
        self.address = ""
        self.ended = threading.Event()

    def serve_manifest(self, tag: str, data: bytes, media_type: str) -> None:
        for name in (tag, digest(data)):
            self.answers[f"/v2/app/manifests/{name}"] = (media_type, data)

    def blob_path(self, number: int) -> str:
        return f"/v2/app/blobs/{digest(self.stored[number])}"


def _descriptor(kind: str, data: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(data), "size": len(data), **more}


class _Handler(BaseHTTPRequestHandler):
    fake: Fake

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        fake, path = self.fake, self.path.partition("?")[0]
        fake.asked.append(self.path)
        if path == "/token":
            self._answer(200, "application/json", json.dumps({"token": fake.token}).encode())
        elif fake.token and self.headers.get("Authorization") != f"Bearer {fake.token}":
            challenge = f'Bearer realm="http://{fake.address}/token",service="fake",scope="repository:app:pull"'
            self._answer(401, "application/json", b"{}", challenge)
        elif path in fake.answers:
            self._answer(200, *fake.answers[path])
        else:
            body = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'
            self._answer(404, "application/json", body)

    def _answer(self, code: int, kind: str, body: bytes, challenge: str = "") -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.path in self.fake.hang:
            self.fake.ended.wait(30)
            return
        self.wfile.write(body[: len(body) // 2] if self.path in self.fake.cut else body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests are quiet."""


@pytest.fixture
def fake() -> Iterator[Fake]:
    found = Fake(LOWER, UPPER)
    with serving(found):
        yield found


@contextlib.contextmanager
def serving(found: Fake) -> Iterator[Fake]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"fake": found}))
    server.daemon_threads = True
    found.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        found.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def nothing_left(store: Store) -> bool:
    """Whether a failed pull left neither image nor layer nor half of one."""
    folders = [store.root / name for name in ("incoming", "layers", "blobs/sha256")]
    return not store.list() and not any(each.is_dir() and any(each.iterdir()) for each in folders)


def test_docker_manifests_and_tokens(store: Store, fake: Fake) -> None:
    fake.token = "secret-token"
    image = pull(store, f"{fake.address}/app:1", Trust(), [Credential("me", "x")]).image
    assert (image.layers[0] / "a").read_bytes() == b"one"
    assert any(path.startswith("/token?service=fake&scope=repository%3Aapp%3Apull") for path in fake.asked)


def test_of_a_list_the_image_for_this_machine_is_taken(store: Store) -> None:
    with serving(Fake(LOWER)) as fake:
        ours = {"os": "linux", "architecture": machine_architecture()}
        others = {"os": "linux", "architecture": "s390x"}
        kind = oci.DOCKER_MANIFEST
        wrong = _descriptor(kind, b"{}", platform=others)
        right = _descriptor(kind, fake.manifest, platform=ours)
        index = json.dumps({"schemaVersion": 2, "manifests": [wrong, right]}).encode()
        fake.serve_manifest("list", index, oci.DOCKER_MANIFEST_LIST)
        name = f"{fake.address}/app:list"
        image = pull(store, name, Trust()).image
        assert (image.digest, image.resolved[name]) == (digest(fake.manifest), digest(index))
        assert image.repository_digest == f"{fake.address}/app@{digest(index)}"
        assert not pull(store, name, Trust()).changed
        # That one is asked for anew, although this machine's is here under the name; the registry has lost it.
        with pytest.raises(NotInRegistry):
            pull(store, name, Trust(), architecture="s390x")
        only = json.dumps({"schemaVersion": 2, "manifests": [wrong]}).encode()
        fake.serve_manifest("other", only, oci.INDEX)
        with pytest.raises(UnsupportedImage, match=r"is not for this machine, .* it is for linux/s390x"):
            pull(store, f"{fake.address}/app:other", Trust())


def test_an_image_for_another_machine_is_refused(store: Store) -> None:
    with (
        serving(Fake(LOWER, architecture="s390x")) as fake,
        pytest.raises(UnsupportedImage, match="it is for linux/s390x"),
    ):
        pull(store, f"{fake.address}/app:1", Trust())
    assert nothing_left(store)


def test_a_damaged_layer_is_not_taken(store: Store, fake: Fake) -> None:
    kind, body = fake.answers[fake.blob_path(1)]
    fake.answers[fake.blob_path(1)] = (kind, body[:-1] + b"!")
    with pytest.raises(CorruptImage, match="sent a damaged layer"):
        pull(store, f"{fake.address}/app:1", Trust())
    assert nothing_left(store)


def test_a_layer_that_is_not_what_its_config_says_is_not_taken(store: Store) -> None:
    with serving(Fake(LOWER)) as fake:
        document = json.loads(fake.manifest)
        lying = gzip.compress(UPPER, mtime=0)
        fake.answers[f"/v2/app/blobs/{digest(lying)}"] = ("x/y", lying)
        document["layers"] = [_descriptor("x/y", lying)]
        fake.serve_manifest("lie", json.dumps(document).encode(), oci.MANIFEST)
        with pytest.raises(CorruptImage, match="is damaged"):
            pull(store, f"{fake.address}/app:lie", Trust())
    assert nothing_left(store)


def test_a_registry_that_breaks_off_is_tried_again_then_told(
    store: Store, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "_RETRY_SECONDS", 0.0)
    fake.cut.add(fake.blob_path(1))
    with pytest.raises(RegistryUnavailable, match="broke off"):
        pull(store, f"{fake.address}/app:1", Trust())
    assert fake.asked.count(fake.blob_path(1)) == 3
    assert nothing_left(store)
    fake.cut.clear()
    assert pull(store, f"{fake.address}/app:1", Trust()).changed


def test_a_registry_that_hangs_is_given_up(store: Store, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulling, "_ATTEMPTS", 1)
    monkeypatch.setattr(transport.Transport.__init__, "__defaults__", (None, 0.2))
    fake.hang.add(fake.blob_path(0))
    with pytest.raises(RegistryUnavailable, match="hangs in layer"):
        pull(store, f"{fake.address}/app:1", Trust())
    assert nothing_left(store)


def test_a_registry_that_is_not_there(store: Store) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(RegistryUnavailable, match=f"cannot reach registry {address}: Connection refused"):
            pull(store, f"{address}/app:1", Trust())


def test_no_room_is_said_before_anything_is_fetched(store: Store, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(StoreUnusable, match="not enough room"):
        pull(store, f"{fake.address}/app:1", Trust())
    assert fake.blob_path(0) not in fake.asked


def test_a_full_disk_leaves_nothing(fake: Fake, tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "small", place], check=True)
    try:
        small = Store(place / "store")
        with serving(Fake(tar(Member("big", b"\0" * 300_000)))) as big, pytest.raises(StoreUnusable, match="No space"):
            pull(small, f"{big.address}/app:1", Trust())
        assert nothing_left(small)
    finally:
        subprocess.run(["umount", place], check=True)


def test_who_may_use_what_was_pulled_with_a_secret(store: Store, tmp_path: Path) -> None:
    filled(store, tmp_path, "example.com/team/app:1")
    image = store.resolve("example.com/team/app:1").id
    mine, same, renewed = (
        Origin("u1", "ns", "cred", "hash1"),
        Origin("u2", "other", "copy", "hash1"),
        Origin("u1", "ns", "cred", "hash2"),
    )
    stranger = Origin("u3", "ns", "other", "hash3")
    assert access.allows(store, image, "example.com/team/app", [])
    access.remember(store, image, "example.com/team/app", mine)
    verdicts = [access.allows(store, image, "example.com/team/app", [each]) for each in (mine, same, renewed, stranger)]
    assert verdicts == [True, True, True, False]
    assert not access.allows(store, image, "example.com/team/app", [])
    access.remember(store, image, "example.com/team/app", None)
    assert access.allows(store, image, "example.com/team/app", [])
    assert not access.allows(store, image, "elsewhere.com/app", [])


def test_whose_an_image_is_is_known_before_it_is_there(store: Store, fake: Fake, tmp_path: Path) -> None:
    name, seen = f"{fake.address}/app:1", []

    def taking_in(credential: object, image_id: str) -> None:
        access.remember(store, image_id, "private", Origin("u1", "ns", "cred", "hash1"))
        # Another node of this machine takes in something else meanwhile.
        access.remember(store, "sha256:other", "other", None)
        seen.append((image_id, len(store.list())))

    image = pull(store, name, Trust(), taking_in=taking_in).image
    assert seen == [(image.id, 0)]
    assert not access.allows(store, image.id, "private", [])
    pull(store, name, Trust(), taking_in=taking_in)
    assert len(seen) == 1, "what is there already is not taken in"


def test_saved_images_are_loaded_with_the_same_digest(store: Store, other: Store, tmp_path: Path) -> None:
    filled(store, tmp_path, "one:1")
    store.tag("one:1", "two:2")
    archive = tmp_path / "saved.tar"
    with archive.open("wb") as target:
        saving.save(store, ["one:1", "two:2"], target)
    loaded = other.load(archive)
    assert {image.digest for image in loaded} == {store.resolve("one:1").digest}
    assert {name for image in loaded for name in image.names} == {
        "docker.io/library/one:1",
        "docker.io/library/two:2",
    }
