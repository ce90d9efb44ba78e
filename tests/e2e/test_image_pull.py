"""Pods whose images are in a registry: with a password, with tags that move, and what waits and why."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from images import saving
from images.errors import NoSuchImage
from images.oci import RunConfig
from images.pushing import push
from images.registry.keyring import Credential
from images.registry.trust import Trust
from images.store import Store
from podling.launcher.plan import DEFAULT_IMAGE_STORE
from tests.support.kube import Space
from tests.support.manifests import container, pod
from tests.support.registry import RunningRegistry, registry

# The line for me:secret, in the only form docker-registry takes (bcrypt).
HTPASSWD = "me:$2b$04$q281HUK9OZS6LBTjsQghrukso5hcHul2z1ILS0U1PKFq6Yc.DU9MW\n"


class Shelf:
    """A registry with a password, filled from a store of the test's own."""

    def __init__(self, running: RunningRegistry, store: Store) -> None:
        self.address = running.address
        self._store = store

    def put(self, name: str, version: str) -> str:
        """Push busybox with something of its own under this name; the full name."""
        full = f"{self.address}/{name}"
        base = self._store.resolve("busybox")
        layers = [lambda target, file=layer: target.write(file.read_bytes()) for layer in self._blobs(base.digest)]
        self._store.build(full, layers, RunConfig(cmd=["sleep", "1000"], labels={"version": version}))
        push(self._store, full, Trust(), [Credential("me", "secret")])
        return full

    def _blobs(self, digest: str) -> list[Path]:
        _, manifest, _, _ = self._store.documents(self._store.resolve(digest))
        return [self._store.blob(layer.digest) for layer in manifest.layers]

    def secret(self, name: str) -> dict[str, Any]:
        auth = base64.b64encode(b"me:secret").decode()
        config = json.dumps({"auths": {self.address: {"auth": auth}}})
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": base64.b64encode(config.encode()).decode()},
        }


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    store, machine = Store(tmp_path / "store"), Store(DEFAULT_IMAGE_STORE)
    archive = tmp_path / "busybox.tar"
    with archive.open("wb") as target:
        saving.save(machine, ["busybox"], target)
    store.load(archive)
    with registry(tmp_path / "registry", htpasswd=HTPASSWD) as running:
        yield Shelf(running, store)
        for image in machine.list():
            for name in image.names:
                if name.startswith(running.address):
                    _remove(machine, name)


def _remove(store: Store, name: str) -> None:
    try:
        store.remove(name)
    except NoSuchImage:
        return


def waiting(tree: dict[str, Any]) -> str:
    statuses = tree["status"].get("containerStatuses", [])
    return str(statuses[0]["state"].get("waiting", {}).get("message", "")) if statuses else ""


def test_images_behind_a_password(space: Space, shelf: Shelf) -> None:
    image = shelf.put("team/app:1", "1")
    space.create(pod("bare", container(image=image)), shelf.secret("cred"))
    space.wait("told why", "pods", "bare", lambda tree: "it wants credentials" in waiting(tree))
    space.create(pod("with", container(image=image), imagePullSecrets=[{"name": "cred"}]))
    space.wait_phase("with", "Running")
    # It is on the machine now, but not everybody's.
    quiet = container(image=image, imagePullPolicy="Never")
    space.create(pod("never", quiet), pod("mine", quiet, imagePullSecrets=[{"name": "cred"}]))
    space.wait_phase("mine", "Running")
    space.wait("refused", "pods", "never", lambda tree: "pull policy of Never" in waiting(tree))


def test_always_takes_what_the_tag_is_now(space: Space, shelf: Shelf) -> None:
    space.create(shelf.secret("cred"))
    image = shelf.put("team/moving:latest", "1")
    fields = {"imagePullSecrets": [{"name": "cred"}]}
    space.create(pod("first", container(image=image), **fields))
    first = space.wait_phase("first", "Running")["status"]["containerStatuses"][0]["imageID"]
    shelf.put("team/moving:latest", "2")
    space.create(
        pod("kept", container(image=image, imagePullPolicy="IfNotPresent"), **fields),
    )
    kept = space.wait_phase("kept", "Running")["status"]["containerStatuses"][0]["imageID"]
    space.create(pod("second", container(image=image, imagePullPolicy="Always"), **fields))
    second = space.wait_phase("second", "Running")["status"]["containerStatuses"][0]["imageID"]
    assert kept == first
    assert second != first
