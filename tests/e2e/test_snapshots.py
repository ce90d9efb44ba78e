"""Snapshots that outlive their VolumeSnapshot, taken up by another one; a deleted one leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import eventually
from tests.support.kube import Space, Tree
from tests.support.manifests import container, pod

GROUP = "snapshot.storage.k8s.io"
VERSION = f"{GROUP}/v1"
WORD = "cat /data/word && sleep 3600"


@pytest.fixture
def retaining(space: Space) -> Iterator[str]:
    name = f"{space.name}-kept"
    metadata = {"name": name}
    space.create(
        {
            "apiVersion": VERSION,
            "kind": "VolumeSnapshotClass",
            "metadata": metadata,
            "driver": "local.csi.podling",
            "deletionPolicy": "Retain",
        }
    )
    yield name
    space.delete("volumesnapshotclasses", name)


def claim(name: str, snapshot: str = "") -> Tree:
    spec: Tree = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}}
    if snapshot:
        spec["dataSource"] = {"apiGroup": GROUP, "kind": "VolumeSnapshot", "name": snapshot}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def user(name: str, command: str, of: str) -> Tree:
    mounted = container(command, volumeMounts=[{"name": "data", "mountPath": "/data"}])
    return pod(name, mounted, volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": of}}])


def snapshot(name: str, source: Tree, **spec: str) -> Tree:
    return {
        "apiVersion": VERSION,
        "kind": "VolumeSnapshot",
        "metadata": {"name": name},
        "spec": {"source": source, **spec},
    }


def wait_ready(space: Space, name: str) -> Tree:
    return space.wait("ready", "volumesnapshots", name, lambda tree: tree.get("status", {}).get("readyToUse"))


def kept(space: Space) -> list[Path]:
    return list(space.cluster.directory.glob("nodes/*/plugins/local.csi.podling/snapshots/*"))


def test_a_retained_snapshot_is_taken_up_by_another_and_leaves_nothing(space: Space, retaining: str) -> None:
    space.create(claim("first"), user("writer", "echo precious > /data/word; sync; echo done; sleep 3600", "first"))
    space.logged("writer", "done")
    before = kept(space)
    space.create(snapshot("one", {"persistentVolumeClaimName": "first"}, volumeSnapshotClassName=retaining))
    status = wait_ready(space, "one")["status"]
    assert status["restoreSize"] == "16Mi"
    old = space.get("volumesnapshotcontents", status["boundVolumeSnapshotContentName"])
    space.delete("volumesnapshots", "one")
    space.gone("volumesnapshots", "one")
    space.delete("volumesnapshotcontents", old["metadata"]["name"])
    space.gone("volumesnapshotcontents", old["metadata"]["name"])
    assert len(kept(space)) == len(before) + 1
    space.delete("pods", "writer")
    space.delete("persistentvolumeclaims", "first")

    space.create(
        {
            "apiVersion": VERSION,
            "kind": "VolumeSnapshotContent",
            "metadata": {"name": f"{space.name}-by-hand"},
            "spec": {
                "driver": "local.csi.podling",
                "deletionPolicy": "Delete",
                "source": {"snapshotHandle": old["status"]["snapshotHandle"]},
                "volumeSnapshotRef": {"name": "two", "namespace": space.name},
            },
        },
        snapshot("two", {"volumeSnapshotContentName": f"{space.name}-by-hand"}),
    )
    wait_ready(space, "two")
    space.create(claim("second", "two"), user("reader", WORD, "second"))
    assert space.logged("reader", "precious")
    space.delete("volumesnapshots", "two")
    space.gone("volumesnapshots", "two")
    eventually("nothing of it is left", lambda: set(kept(space)) == set(before))
