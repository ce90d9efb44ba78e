"""Static pods: from files to pods, and their mirrors."""

from __future__ import annotations

from pathlib import Path

import pytest

from api import validation
from api.types import Pod
from kubelet.eviction.ranking import is_critical
from kubelet.pods.static import is_mirror, is_static, mirrors
from kubelet.static.manifests import ManifestFailure, static_pod
from kubelet.static.mirrors import mirror_of
from kubelet.static.source import StaticPods

MANIFEST = b"""
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: main, image: busybox}]}
"""


def test_a_manifest_becomes_a_pod_of_its_node() -> None:
    pod = static_pod(MANIFEST, "node-1", 0.0)
    metadata = pod.metadata
    assert (metadata.name, metadata.namespace, pod.spec.node_name) == ("web-node-1", "default", "node-1")
    assert metadata.uid == metadata.annotations["kubernetes.io/config.hash"]
    assert metadata.annotations["kubernetes.io/config.source"] == "file"
    assert [(t.operator, t.effect) for t in pod.spec.tolerations] == [("Exists", "NoExecute")]
    assert is_static(pod) and is_critical(pod)


def test_another_manifest_or_node_is_another_pod() -> None:
    uids = {
        static_pod(MANIFEST, "node-1", 0.0).metadata.uid,
        static_pod(MANIFEST, "node-2", 0.0).metadata.uid,
        static_pod(MANIFEST + b"\n", "node-1", 0.0).metadata.uid,
    }
    assert len(uids) == 3
    assert static_pod(MANIFEST, "node-1", 99.0).metadata.uid in uids, "whenever it is read"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"apiVersion: v1\nkind: Service\n", "not a Pod"),
        (b"a: [", "line"),
        (MANIFEST + b"---" + MANIFEST, "2 documents"),
        (MANIFEST.replace(b"busybox", b"''"), "spec.containers\\[0\\].image"),
        (MANIFEST.replace(b"spec: {", b"spec: {serviceAccountName: x, "), "serviceaccounts"),
        (MANIFEST.replace(b"spec: {", b"spec: {volumes: [{name: v, secret: {secretName: s}}], "), "secrets"),
    ],
)
def test_what_is_no_manifest_is_refused_with_a_reason(text: bytes, why: str) -> None:
    with pytest.raises(ManifestFailure, match=why):
        static_pod(text, "node-1", 0.0)


def test_the_mirror_belongs_to_the_node_and_is_of_one_manifest() -> None:
    pod = static_pod(MANIFEST, "node-1", 0.0)
    mirror = mirror_of(pod, "node-uid")
    assert is_mirror(mirror) and not is_static(mirror) and mirrors(mirror, pod)
    assert not mirrors(mirror, static_pod(MANIFEST + b"\n", "node-1", 0.0))
    assert mirror.metadata.uid == "" and mirror.metadata.labels == {"app": "web"}
    owner = mirror.metadata.owner_references[0]
    assert (owner.kind, owner.name, owner.uid, owner.controller) == ("Node", "node-1", "node-uid", True)
    assert validation.create(mirror) == []


def told(place: Path) -> tuple[StaticPods, list[tuple[str | None, str | None]]]:
    source, changes = StaticPods(place, "node-1"), list[tuple[str | None, str | None]]()

    def changed(old: Pod | None, new: Pod | None) -> None:
        changes.append((old and old.metadata.uid, new and new.metadata.uid))

    source.add_handler(changed)
    return source, changes


def test_files_that_come_change_and_go_are_told(tmp_path: Path) -> None:
    source, changes = told(tmp_path)
    file = tmp_path / "web.yaml"
    file.write_bytes(MANIFEST)
    (tmp_path / ".hidden").write_bytes(MANIFEST)
    (tmp_path / "broken").write_bytes(b"a: [")
    source.read(0.0)
    source.read(1.0)
    first = source.pods()[0].metadata.uid
    assert changes == [(None, first)]
    file.write_bytes(MANIFEST + b"\n# changed\n")
    source.read(2.0)
    second = source.pods()[0].metadata.uid
    assert changes[1:] == [(first, second)]
    file.unlink()
    source.read(3.0)
    assert changes[2:] == [(second, None)] and source.pods() == []


def test_of_two_manifests_of_one_pod_the_first_counts(tmp_path: Path) -> None:
    source, changes = told(tmp_path)
    (tmp_path / "a").write_bytes(MANIFEST)
    (tmp_path / "b").write_bytes(MANIFEST + b"\n")
    source.read(0.0)
    assert len(changes) == len(source.pods()) == 1


def test_the_place_may_be_one_file_or_absent(tmp_path: Path) -> None:
    source, _ = told(tmp_path / "none")
    source.read(0.0)
    assert source.pods() == []
    (tmp_path / "none").write_bytes(MANIFEST)
    source.read(1.0)
    assert len(source.pods()) == 1
