"""What drain, rollout and apply decide."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from podling.cli import manifests
from podling.cli.apply import LAST_APPLIED, annotated
from podling.cli.drain_plan import Rules, plan_drain
from podling.cli.rollout_state import RolloutFailed, progress_of, revisions
from podling.errors import CommandError

STRICT = Rules(ignore_daemonsets=False, delete_emptydir_data=False, force=False)
LENIENT = Rules(ignore_daemonsets=True, delete_emptydir_data=True, force=True)


def pod(name: str, owner: str = "ReplicaSet", **more: Any) -> dict[str, Any]:
    owners = [{"kind": owner, "name": "x", "uid": "u", "controller": True}] if owner else []
    return {
        "metadata": {"name": name, "namespace": "d", "ownerReferences": owners, **more.pop("metadata", {})},
        "spec": more.pop("spec", {}),
        "status": more,
    }


def names(pods: list[dict[str, Any]]) -> list[str]:
    return [one["metadata"]["name"] for one in pods]


def test_a_drain_refuses_what_would_be_lost_and_says_which_option_allows_it() -> None:
    pods = [
        pod("web"),
        pod("bare", owner=""),
        pod("daemon", owner="DaemonSet"),
        pod("scratch", spec={"volumes": [{"name": "v", "emptyDir": {}}]}),
        pod("mirror", owner="Node", metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}),
        pod("done", owner="", phase="Succeeded"),
    ]
    plan = plan_drain(pods, STRICT)
    assert names(plan.evict) == ["web", "done"]
    assert plan.forbidden == {
        "--force": ["d/bare"],
        "--ignore-daemonsets": ["d/daemon"],
        "--delete-emptydir-data": ["d/scratch"],
    }
    plan = plan_drain(pods, LENIENT)
    assert names(plan.evict) == ["web", "bare", "scratch", "done"]
    assert plan.ignored == ["d/daemon"]
    assert plan.forbidden == {}


def deployment(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "uid": "u1", "generation": 2},
        "spec": {"replicas": 3},
        "status": {"observedGeneration": 2, **status},
    }


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"observedGeneration": 1}, "spec update to be observed"),
        ({"updatedReplicas": 1, "replicas": 4}, "1 out of 3 new replicas have been updated"),
        ({"updatedReplicas": 3, "replicas": 4}, "1 old replicas are pending termination"),
        ({"updatedReplicas": 3, "replicas": 3, "availableReplicas": 2}, "2 of 3 updated replicas are available"),
    ],
)
def test_a_rollout_under_way(status: dict[str, Any], words: str) -> None:
    line, done = progress_of(deployment(**status))
    assert words in line
    assert not done


def test_a_rollout_at_its_end() -> None:
    line, done = progress_of(deployment(updatedReplicas=3, replicas=3, availableReplicas=3))
    assert (line, done) == ('deployment "web" successfully rolled out', True)
    with pytest.raises(RolloutFailed, match="progress deadline"):
        progress_of(deployment(conditions=[{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]))


def test_revisions_are_the_deployments_own_oldest_first() -> None:
    def replica_set(number: str, uid: str = "u1") -> dict[str, Any]:
        return {
            "metadata": {
                "name": f"web-{number}",
                "annotations": {"deployment.kubernetes.io/revision": number},
                "ownerReferences": [{"uid": uid, "controller": True}],
            },
            "spec": {"template": {"metadata": {"labels": {"app": "web", "pod-template-hash": number}}, "spec": {}}},
        }

    found = revisions(deployment(), [replica_set("10"), replica_set("2"), replica_set("3", uid="other")])
    assert [revision.number for revision in found] == [2, 10]
    assert found[0].template == {"metadata": {"labels": {"app": "web"}}, "spec": {}}
    assert found[0].change_cause == "<none>"


def test_an_applied_object_remembers_how_it_was_written() -> None:
    written = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "ä"}}
    applied = annotated(manifests.manifest(written, "f", None))
    remembered = applied["metadata"]["annotations"][LAST_APPLIED]
    assert json.loads(remembered) == {**written, "metadata": {"name": "c", "namespace": "default", "annotations": {}}}
    assert remembered.endswith("\n")
    again = annotated(manifests.manifest(applied, "f", None))
    assert again == applied
    assert "annotations" not in written["metadata"]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("just text", "not an object"),
        ({"apiVersion": "v1"}, "'Kind' is missing"),
        ({"kind": "Pod"}, "apiVersion is missing"),
        ({"apiVersion": "v2", "kind": "Pod"}, 'no matches for kind "Pod" in version "v2"'),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": []}, None),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": "x"}, "metadata of this Pod"),
        ({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "x"}}, "--namespace=x"),
    ],
)
def test_manifests_that_make_no_sense(document: Any, says: str | None) -> None:
    if says is None:
        assert manifests.manifest(document, "f", "y").namespace == "y"
        return
    with pytest.raises(CommandError, match=says):
        manifests.manifest(document, "f", "y")


def test_files_folders_and_lists_are_read_in_order(tmp_path: Path) -> None:
    def config_map(name: str) -> str:
        return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})

    (tmp_path / "b.yaml").write_text(f"{config_map('b1')}\n---\n{config_map('b2')}\n---\n")
    listed = f"[{config_map('a1')},{config_map('a2')}]"
    (tmp_path / "a.json").write_text(f'{{"apiVersion":"v1","kind":"List","items":{listed}}}')
    (tmp_path / "notes.txt").write_text("nothing")
    found = manifests.read([str(tmp_path)], None)
    assert [one.name for one in found] == ["a1", "a2", "b1", "b2"]
    assert {one.namespace for one in found} == {"default"}


def test_broken_files_are_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")
    with pytest.raises(CommandError, match=r"broken\.yaml: .*line"):
        manifests.read([str(broken)], None)
    with pytest.raises(CommandError, match="No such file"):
        manifests.read([str(tmp_path / "absent.yaml")], None)
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    with pytest.raises(CommandError, match="no objects in"):
        manifests.read([str(tmp_path / "empty.yaml")], None)
    with pytest.raises(CommandError, match="say where the objects are"):
        manifests.read(None, None)


def test_what_was_applied_is_written_as_kubectl_writes_it() -> None:
    written = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"b": "<&>é\u2028"}}
    applied = annotated(manifests.manifest(written, "f", "n"))
    assert applied["metadata"]["annotations"][LAST_APPLIED] == (
        '{"apiVersion":"v1","data":{"b":"\\u003c\\u0026\\u003eé\\u2028"},"kind":"ConfigMap",'
        '"metadata":{"annotations":{},"name":"a","namespace":"n"}}\n'
    )
