"""Snapshots: what upstream's custom resource definitions refuse, and the columns they print."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, rbac, scheme, tables, validation
from api.types import VolumeSnapshot, VolumeSnapshotClass, VolumeSnapshotContent
from apiserver.registry.strategies.snapshots import SnapshotStrategy

NOW = 1_700_000_000.0
REFERENCE = {"name": "s", "namespace": "n"}


def snapshot(source: dict[str, str], **more: Any) -> VolumeSnapshot:
    tree = {"metadata": {"name": "s", "namespace": "n"}, "spec": {"source": source, **more}}
    return codec.from_tree(VolumeSnapshot, tree)


def content(**spec: Any) -> VolumeSnapshotContent:
    spec = {"driver": "d", "deletionPolicy": "Delete", "volumeSnapshotRef": REFERENCE, **spec}
    return codec.from_tree(VolumeSnapshotContent, {"metadata": {"name": "c"}, "spec": spec})


def wrong(record: Any, old: Any = None) -> list[str]:
    errors = validation.create(record) if old is None else validation.update(record, old)
    return [f"{error.field}: {error.detail}" for error in errors if not error.field.startswith("metadata.")]


CLAIM, CONTENT = {"persistentVolumeClaimName": "a"}, {"volumeSnapshotContentName": "b"}
ONE = "spec.source: exactly one of volumeSnapshotContentName and persistentVolumeClaimName must be set"
ONE_HANDLE = "spec.source: exactly one of volumeHandle and snapshotHandle must be set"


@pytest.mark.parametrize(
    ("source", "errors"), [(CLAIM, []), (CONTENT, []), ({}, [ONE]), (CLAIM | CONTENT, [ONE])], ids=str
)
def test_a_snapshot_has_exactly_one_source(source: dict[str, str], errors: list[str]) -> None:
    assert wrong(snapshot(source)) == errors


def test_the_class_of_a_snapshot_may_be_left_out_but_not_be_empty() -> None:
    assert wrong(snapshot(CLAIM, volumeSnapshotClassName="")) == [
        "spec.volumeSnapshotClassName: volumeSnapshotClassName must not be the empty string when set"
    ]


@pytest.mark.parametrize(
    ("after", "errors"),
    [
        (CLAIM, []),
        (
            {"persistentVolumeClaimName": "z"},
            ["spec.source.persistentVolumeClaimName: persistentVolumeClaimName is immutable"],
        ),
        (CONTENT, ["spec.source: persistentVolumeClaimName is required once set"]),
    ],
    ids=str,
)
def test_the_source_of_a_snapshot_stays(after: dict[str, str], errors: list[str]) -> None:
    assert wrong(snapshot(after), snapshot(CLAIM)) == errors
    assert wrong(snapshot(CLAIM, volumeSnapshotClassName="k"), snapshot(CLAIM)) == []


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({"source": {"volumeHandle": "v"}}, []),
        ({"source": {}}, [ONE_HANDLE]),
        ({"source": {"volumeHandle": "v", "snapshotHandle": "h"}}, [ONE_HANDLE]),
        ({"source": {"volumeHandle": "v"}, "driver": ""}, ["spec.driver: "]),
        (
            {"source": {"volumeHandle": "v"}, "volumeSnapshotRef": {"name": "s"}},
            [
                "spec.volumeSnapshotRef: "
                "both spec.volumeSnapshotRef.name and spec.volumeSnapshotRef.namespace must be set"
            ],
        ),
    ],
    ids=str,
)
def test_a_content_says_what_it_stands_for(spec: dict[str, Any], errors: list[str]) -> None:
    assert wrong(content(**spec)) == errors


def test_a_content_keeps_its_source_and_its_volume_mode() -> None:
    old = content(source={"snapshotHandle": "h"}, sourceVolumeMode="Block")
    assert wrong(content(source={"snapshotHandle": "i"}, sourceVolumeMode="Filesystem"), old) == [
        "spec.source.snapshotHandle: snapshotHandle is immutable",
        "spec.sourceVolumeMode: sourceVolumeMode is immutable",
    ]
    assert wrong(content(source={"snapshotHandle": "h"}), old) == ["spec: sourceVolumeMode is required once set"]
    assert wrong(old, content(source={"snapshotHandle": "h"})) == []


def test_a_class_names_its_driver_and_what_becomes_of_snapshots() -> None:
    empty = codec.from_tree(VolumeSnapshotClass, {"metadata": {"name": "k"}})
    assert [error.field for error in validation.create(empty)] == ["deletionPolicy", "driver"]
    odd = codec.from_tree(VolumeSnapshotClass, {"metadata": {"name": "k"}, "driver": "d", "deletionPolicy": "Recycle"})
    assert [str(error.value) for error in validation.create(odd)] == ["Recycle"]


def row(record: Any) -> dict[str, Any]:
    table = tables.render(scheme.of(record), [record], NOW)
    names = [column["name"] for column in table["columnDefinitions"]]
    return dict(zip(names, table["rows"][0]["cells"], strict=True))


def test_what_is_not_known_yet_is_shown_empty() -> None:
    shown = row(snapshot(CLAIM))
    assert (shown["ReadyToUse"], shown["SourcePVC"], shown["CreationTime"]) == (None, "a", None)
    status = {"readyToUse": False, "restoreSize": "1Gi", "creationTime": "2023-11-14T22:13:00Z"}
    told = codec.from_tree(VolumeSnapshot, codec.to_tree(snapshot(CLAIM)) | {"status": status})
    shown = row(told)
    assert (shown["ReadyToUse"], shown["RestoreSize"], shown["CreationTime"]) == (False, "1Gi", "20s")
    shown = row(content(source={"volumeHandle": "v"}))
    assert (shown["VolumeSnapshot"], shown["VolumeSnapshotNamespace"], shown["RestoreSize"]) == ("s", "n", None)


def test_a_status_comes_by_its_own_door_only() -> None:
    strategy = SnapshotStrategy(scheme.of(VolumeSnapshot))
    tree = codec.to_tree(snapshot(CLAIM)) | {"status": {"readyToUse": True}}
    forward = codec.from_tree(VolumeSnapshot, tree)
    made = strategy.prepare_create(forward)
    assert (made.status, made.metadata.generation) == (None, 1)
    assert strategy.prepare_update(forward, made).status is None
    told = strategy.prepare_status(codec.from_tree(VolumeSnapshot, tree | {"spec": {"source": CONTENT}}), made)
    assert (told.status.ready_to_use, told.spec) == (True, made.spec)


@pytest.mark.parametrize(
    ("role", "verb", "allowed"), [("edit", "create", True), ("view", "create", False), ("view", "list", True)]
)
def test_who_may_write_claims_may_take_snapshots_of_them(role: str, verb: str, allowed: bool) -> None:
    rules = next(each.rules for each in rbac.bootstrap() if each.kind == "ClusterRole" and each.metadata.name == role)
    found = any("volumesnapshots" in rule.resources and verb in rule.verbs for rule in rules)
    assert found is allowed
