"""Commands from what is typed to what is printed and written, against an API server in memory."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from api import errors, scheme
from podling.cli.rpc import Change
from podling.errors import CommandError
from tests.support.memory_api import MemoryApi, NothingMoreHappens, patched

POD = scheme.by_kind("v1", "Pod")
NODE = scheme.by_kind("v1", "Node")
DEPLOYMENT = scheme.by_kind("apps/v1", "Deployment")
CONFIG_MAP = scheme.by_kind("v1", "ConfigMap")
EVENT = scheme.by_kind("v1", "Event")
REPLICA_SET = scheme.by_kind("apps/v1", "ReplicaSet")
SECRET = scheme.by_kind("v1", "Secret")
MODULES = (
    "get",
    "describe",
    "apply",
    "create",
    "delete",
    "scale",
    "rollout",
    "events",
    "label",
    "wait",
    "drain",
)

Run = Callable[..., None]


@pytest.fixture
def server() -> MemoryApi:
    return MemoryApi()


@pytest.fixture
def podling(monkeypatch: pytest.MonkeyPatch, server: MemoryApi) -> Run:
    return patched(monkeypatch, server, *MODULES)


def pod(name: str, *, node: str = "node-1", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, **metadata},
        "spec": {"nodeName": node, "containers": [{"name": "c", "image": "busybox"}]},
        "status": {"phase": "Running", "podIP": "10.1.0.1", "podIPs": [{"ip": "10.1.0.1"}]},
    }


def test_get_prints_a_table_with_the_columns_of_the_kind(
    server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    server.put(POD, pod("web-1", labels={"app": "web"}))
    server.put(POD, pod("a-much-longer-name", namespace="other"))
    podling("get", "pods")
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert row.split()[0] == "web-1"
    podling("get", "po", "-A", "--show-labels")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "NAMESPACE"
    assert lines[0].split()[-1] == "LABELS"
    assert [line.split()[0] for line in lines[1:]] == ["default", "other"]
    assert lines[1].endswith("app=web") and lines[2].endswith("<none>")
    podling("get", "pods", "-o", "wide", "--no-headers")
    assert "10.1.0.1" in capsys.readouterr().out


def test_get_of_nothing_says_so_apart_from_the_output(podling: Run, capsys: pytest.CaptureFixture[str]) -> None:
    podling("get", "pods")
    assert capsys.readouterr() == ("", "No resources found in default namespace.\n")
    podling("get", "nodes")
    assert capsys.readouterr() == ("", "No resources found.\n")


def test_get_one_object_as_json_and_several_as_a_list(
    server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    server.put(POD, pod("a", managedFields=[{"manager": "x"}]))
    podling("get", "pod", "a", "-o", "json")
    shown = json.loads(capsys.readouterr().out)
    assert shown["kind"] == "Pod"
    assert "managedFields" not in shown["metadata"]
    podling("get", "pods", "-ojson")
    assert [item["metadata"]["name"] for item in json.loads(capsys.readouterr().out)["items"]] == ["a"]
    podling("get", "pod/a", "-o", "yaml")
    assert capsys.readouterr().out.startswith("apiVersion: v1\nkind: Pod\n")
    podling("get", "pods", "-o", "name")
    assert capsys.readouterr().out == "pod/a\n"
    podling("get", "pod", "a", "-o", "jsonpath={.status.phase}")
    assert capsys.readouterr().out == "Running"


def test_get_of_several_kinds_names_the_kind(
    server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    server.put(POD, pod("a"))
    server.put(DEPLOYMENT, {"metadata": {"name": "web"}})
    podling("get", "all")
    out = capsys.readouterr().out
    assert "pod/a" in out and "deployment.apps/web" in out
    assert "\n\n" in out


def test_get_shows_what_is_there_before_it_says_what_is_not(
    server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    server.put(POD, pod("a"))
    with pytest.raises(CommandError, match='pods "x" not found'):
        podling("get", "pod", "a", "x")
    assert capsys.readouterr().out.splitlines()[1].split()[0] == "a"


def test_get_follows_changes_in_columns_that_stay(
    server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = server.put(POD, pod("web-1"))
    changed = {**tree, "status": {"phase": "Failed"}}
    server.changes = [Change("MODIFIED", orjson.dumps(changed))]
    with pytest.raises(NothingMoreHappens):
        podling("get", "pods", "-w")
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.index("STATUS") == first.index("Running") == second.index("Failed")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["get", "pods", "-o", "xml"], "no output format"),
        (["get", "pods", "a", "-l", "x=y"], "cannot be selected"),
        (["get", "pod", "a", "-A"], "across all namespaces"),
        (["get", "pods,svc", "-w"], "one type"),
        (["delete", "pods"], "say which pods"),
        (["delete", "pod", "a", "--all"], "not both"),
        (["scale", "configmap/a", "--replicas", "1"], "have no replicas"),
        (["scale", "deploy/a", "--replicas", "-1"], "must not be negative"),
        (["rollout", "status", "pod/a"], "are not rolled out"),
        (["cordon"], "name the node"),
        (["wait", "pods", "--for", "delete"], "say which pods"),
        (["events", "--for", "a"], "--for=pod/a"),
        (["apply"], "say where the objects are"),
        (["create", "configmap", "a", "--from-literal", "x"], "not KEY=VALUE"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(podling: Run, words: list[str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        podling(*words)


def test_apply_creates_then_changes_then_leaves_alone(
    server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "c.json"

    def write(**data: str) -> None:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}
        file.write_text(json.dumps(body))

    write(a="1", b="2")
    podling("apply", "-f", str(file))
    podling("apply", "-f", str(file))
    live = server.get(CONFIG_MAP, "default", "c")
    server.put(CONFIG_MAP, {**live, "data": {**live["data"], "foreign": "x"}})
    write(a="3")
    podling("apply", "-f", str(file))
    assert capsys.readouterr().out.splitlines() == [
        "configmap/c created",
        "configmap/c unchanged",
        "configmap/c configured",
    ]
    assert server.get(CONFIG_MAP, "default", "c")["data"] == {"a": "3", "foreign": "x"}


def test_apply_goes_on_after_a_failure(
    server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server.refusals = [errors.Forbidden("configmaps", "a", "not today")]
    documents = "".join(f"---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n" for name in "ab")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(documents.encode())))
    with pytest.raises(CommandError, match="not today"):
        podling("apply", "-f", "-", "-n", "team")
    assert capsys.readouterr().out == "configmap/b created\n"
    assert (CONFIG_MAP, "team", "b") in server.objects


@pytest.mark.parametrize("verb", ["apply", "create"])
def test_a_refusal_names_the_file_and_the_object(server: MemoryApi, podling: Run, tmp_path: Path, verb: str) -> None:
    server.refusals = [errors.BadRequest("no such quantity"), errors.BadRequest('ConfigMap "b" is wrong')]
    file = tmp_path / "two.yaml"
    for name, says in {"a": "two.yaml: configmap/a: no such quantity", "b": 'two.yaml: ConfigMap "b" is wrong'}.items():
        file.write_text(f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
        with pytest.raises(CommandError, match=f"{says}$"):
            podling(verb, "-f", str(file))


def test_simple_objects_are_made_from_words(
    server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "blob").write_bytes(b"\xff")
    podling(
        "create",
        "deployment",
        "web",
        "--image",
        "reg.example/team/App:1@sha256:0",
        "--replicas",
        "2",
        "--",
        "sh",
        "-c",
        "x",
    )
    podling("create", "configmap", "c", "--from-literal", "a=b=c", "--from-file", str(tmp_path / "blob"))
    podling("create", "secret", "generic", "s", "--from-literal=p=q", "--type=x/y")
    podling("create", "namespace", "team")
    podling("create", "serviceaccount", "robot", "-n", "team")
    assert capsys.readouterr().out.splitlines() == [
        "deployment.apps/web created",
        "configmap/c created",
        "secret/s created",
        "namespace/team created",
        "serviceaccount/robot created",
    ]
    spec = server.get(DEPLOYMENT, "default", "web")["spec"]
    assert spec["replicas"] == 2
    [container] = spec["template"]["spec"]["containers"]
    assert (container["name"], container["command"]) == ("app", ["sh", "-c", "x"])
    config_map = server.get(CONFIG_MAP, "default", "c")
    assert (config_map["data"], config_map["binaryData"]) == ({"a": "b=c"}, {"blob": "/w=="})
    secret = server.get(SECRET, "default", "s")
    assert (secret["type"], secret["data"]) == ("x/y", {"p": "cQ=="})


def test_delete_by_name_label_and_file(server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "abc":
        server.put(POD, pod(name, labels={"app": "x" if name != "c" else "y"}))
    podling("delete", "pod", "-l", "app=x")
    podling("delete", "pod/c", "--grace-period=0", "--force", "--cascade", "orphan")
    with pytest.raises(CommandError, match='pods "a" not found'):
        podling("delete", "pod", "a")
    podling("delete", "pod", "a", "--ignore-not-found")
    assert capsys.readouterr().out.splitlines() == ['pod "a" deleted', 'pod "b" deleted', 'pod "c" force deleted']
    options = [body for _, _, body in server.calls]
    assert options[0] == {"propagationPolicy": "Background"}
    assert options[2] == {"propagationPolicy": "Orphan", "gracePeriodSeconds": 0}


def test_delete_takes_the_files_objects_from_the_namespace_asked_for(
    server: MemoryApi, podling: Run, tmp_path: Path
) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text("{apiVersion: v1, kind: Pod, metadata: {name: a}}")
    for namespace in ("default", "team"):
        server.put(POD, pod("a", namespace=namespace))
    podling("delete", "-f", str(file), "-n", "team")
    assert server.get(POD, "default", "a")["metadata"]["name"] == "a"
    with pytest.raises(CommandError, match='pods "a" not found'):
        podling("get", "pod", "a", "-n", "team")


def test_delete_waits_until_the_object_is_gone_or_another(
    server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = server.put(POD, pod("a"))
    server.lingering = {"a"}
    replaced = {**tree, "metadata": {**tree["metadata"], "uid": "another"}}
    server.changes = [Change("MODIFIED", orjson.dumps(tree)), Change("MODIFIED", orjson.dumps(replaced))]
    podling("delete", "pod", "a")
    assert server.changes == []
    server.changes = [Change("DELETED", orjson.dumps(tree))]
    podling("delete", "pod", "a", "--no-wait")
    assert len(server.changes) == 1


def test_scale_writes_the_scale_subresource(
    server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    server.put(DEPLOYMENT, {"metadata": {"name": "web"}, "spec": {"replicas": 2}})
    podling("scale", "deploy", "web", "--replicas=3", "--current-replicas", "2")
    assert server.calls == [("patch", "deployments/web/scale", {"spec": {"replicas": 3}})]
    assert capsys.readouterr().out == "deployment.apps/web scaled\n"
    with pytest.raises(CommandError, match="has 3 replicas, not 2"):
        podling("scale", "deploy/web", "--replicas=4", "--current-replicas", "2")


def rolled(server: MemoryApi) -> None:
    """A deployment at revision 2."""
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "two"}]}}
    spec = {"replicas": 1, "template": template, "selector": {"matchLabels": {"app": "web"}}}
    server.put(DEPLOYMENT, {"metadata": {"name": "web", "uid": "u"}, "spec": spec})
    for number, image in (("1", "one"), ("2", "two")):
        labels = {"app": "web", "pod-template-hash": number}
        held = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}}
        metadata = {
            "name": f"web-{number}",
            "annotations": {"deployment.kubernetes.io/revision": number},
            "ownerReferences": [{"uid": "u", "controller": True, "kind": "Deployment", "name": "web"}],
        }
        server.put(REPLICA_SET, {"metadata": metadata, "spec": {"template": held}})


def test_rollout_history_and_undo(server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]) -> None:
    rolled(server)
    podling("rollout", "history", "deployment/web")
    assert [line.split() for line in capsys.readouterr().out.splitlines()[1:4]] == [
        ["REVISION", "CHANGE-CAUSE"],
        ["1", "<none>"],
        ["2", "<none>"],
    ]
    podling("rollout", "undo", "deployment/web")
    template = server.get(DEPLOYMENT, "default", "web")["spec"]["template"]
    assert template == {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "one"}]},
    }
    podling("rollout", "undo", "deploy/web", "--to-revision=1")
    assert "skipped rollback" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no revision 9: it has 1, 2"):
        podling("rollout", "undo", "deploy/web", "--to-revision=9")


def test_rollout_pause_resume_restart(server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]) -> None:
    rolled(server)
    podling("rollout", "pause", "deploy/web")
    with pytest.raises(CommandError, match="already paused"):
        podling("rollout", "pause", "deploy/web")
    with pytest.raises(CommandError, match="rollout resume deployment/web"):
        podling("rollout", "undo", "deploy/web")
    podling("rollout", "resume", "deploy/web")
    podling("rollout", "restart", "deploy/web")
    assert capsys.readouterr().out.split() == [
        "deployment.apps/web",
        "paused",
        "deployment.apps/web",
        "resumed",
        "deployment.apps/web",
        "restarted",
    ]
    annotations = server.get(DEPLOYMENT, "default", "web")["spec"]["template"]["metadata"]["annotations"]
    assert list(annotations) == ["kubectl.kubernetes.io/restartedAt"]


def test_rollout_status_waits_saying_how_far_it_is(
    server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = server.put(DEPLOYMENT, {"metadata": {"name": "web"}, "spec": {"replicas": 1}})
    done = {**tree, "status": {"updatedReplicas": 1, "replicas": 1, "availableReplicas": 1}}
    server.changes = [Change("MODIFIED", orjson.dumps(tree)), Change("MODIFIED", orjson.dumps(done))]
    podling("rollout", "status", "deploy/web")
    first, last = capsys.readouterr().out.splitlines()
    assert "0 out of 1 new replicas" in first
    assert last == 'deployment "web" successfully rolled out'
    with pytest.raises(CommandError, match="not found"):
        podling("rollout", "status", "deploy/other")


def test_labels_are_set_and_removed(server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]) -> None:
    server.put(POD, pod("a", labels={"app": "web"}))
    podling("label", "pod", "a", "tier=front")
    podling("label", "pods", "--all", "app-", "none-")
    podling("label", "pod/a", "tier=front")
    with pytest.raises(CommandError, match="--overwrite"):
        podling("label", "pod", "a", "tier=back")
    podling("annotate", "pod", "a", "note=as agreed")
    assert capsys.readouterr().out.splitlines() == [
        "pod/a labeled",
        'label "none" not found.',
        "pod/a unlabeled",
        "pod/a not labeled",
        "pod/a annotated",
    ]
    metadata = server.get(POD, "default", "a")["metadata"]
    assert (metadata["labels"], metadata["annotations"]) == ({"tier": "front"}, {"note": "as agreed"})


def test_wait_for_a_condition_and_for_an_end(
    server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = server.put(POD, pod("a"))
    ready = {**tree, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    server.changes = [Change("MODIFIED", orjson.dumps(tree)), Change("MODIFIED", orjson.dumps(ready))]
    podling("wait", "pod/a", "--for=condition=Ready")
    server.changes = [Change("DELETED", orjson.dumps(tree))]
    podling("wait", "pod/a", "--for", "delete")
    assert capsys.readouterr().out == "pod/a condition met\n" * 2
    with pytest.raises(CommandError, match="timed out waiting for condition=Ready on pod/a"):
        podling("wait", "pod/a", "--for=condition=Ready", "--timeout=0")
    with pytest.raises(CommandError, match="not found"):
        podling("wait", "pod/other", "--for=condition=Ready")
    podling("wait", "pods", "-l", "app=none", "--for=delete")


def test_cordon_and_drain(server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]) -> None:
    server.put(NODE, {"metadata": {"name": "node-1"}, "spec": {}})
    owners = [{"kind": "ReplicaSet", "name": "x", "uid": "u", "apiVersion": "apps/v1", "controller": True}]
    server.put(POD, pod("owned", ownerReferences=owners))
    server.put(POD, pod("bare"))
    server.put(POD, pod("away", node="node-2"))
    with pytest.raises(CommandError, match=r"stays cordoned: default/bare have no controller .*use --force"):
        podling("drain", "node-1")
    assert server.get(NODE, "", "node-1")["spec"] == {"unschedulable": True}
    podling("drain", "node-1", "--force", "--grace-period=3")
    evicted = [(what, body["deleteOptions"]) for verb, what, body in server.calls if verb == "create"]
    assert evicted == [
        ("pods/owned/eviction", {"gracePeriodSeconds": 3}),
        ("pods/bare/eviction", {"gracePeriodSeconds": 3}),
    ]
    assert [key[2] for key in server.objects if key[0] is POD] == ["away"]
    podling("uncordon", "node-1")
    podling("uncordon", "node/node-1")
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "node/node-1 drained",
        "node/node-1 uncordoned",
        "node/node-1 already uncordoned",
    ]


def test_an_eviction_that_is_refused_for_now_is_tried_again(
    server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("podling.cli.drain.time.sleep", waits.append)
    server.put(NODE, {"metadata": {"name": "node-1"}, "spec": {"unschedulable": True}})
    server.put(POD, pod("a", ownerReferences=[{"kind": "ReplicaSet", "name": "x", "uid": "u", "controller": True}]))
    server.refusals = [errors.TooManyRequests("budget"), errors.TooManyRequests("budget")]
    podling("drain", "node-1")
    assert waits == [5.0, 5.0]
    assert "pod/a evicted" in capsys.readouterr().out


def test_events_come_oldest_first(server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for number, (kind, when) in enumerate([("Normal", "2024-01-01T00:02:00Z"), ("Warning", "2024-01-01T00:01:00Z")]):
        about = {"kind": "Pod", "name": f"p{number}", "apiVersion": "v1"}
        event = {"metadata": {"name": f"e{number}"}, "involvedObject": about, "type": kind, "lastTimestamp": when}
        server.put(EVENT, {**event, "reason": "R", "message": "one\ntwo"})
    podling("events")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-2] for line in lines[1:]] == ["Pod/p1", "Pod/p0"]
    assert lines[1].endswith("one\\ntwo")
    podling("events", "--for", "pod/p0", "--types", "Normal")
    assert len(capsys.readouterr().out.splitlines()) == 2
    podling("events", "--for", "pod/none")
    assert capsys.readouterr() == ("", "No events found in default namespace.\n")


def test_describe_tells_of_the_object_and_its_events(
    server: MemoryApi, podling: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    server.put(POD, pod("a"))
    about = {"kind": "Pod", "name": "a", "uid": "uid-a"}
    server.put(
        EVENT, {"metadata": {"name": "e"}, "involvedObject": about, "reason": "Pulled", "message": "it was there"}
    )
    server.put(EVENT, {"metadata": {"name": "f"}, "involvedObject": {**about, "uid": "b"}, "reason": "Unrelated"})
    podling("describe", "pod", "a")
    out = capsys.readouterr().out
    assert "Pulled" in out and "it was there" in out
    assert "Unrelated" not in out


def test_api_resources_need_no_cluster(podling: Run, capsys: pytest.CaptureFixture[str]) -> None:
    podling("api-resources", "--api-group", "apps", "-o", "name")
    assert "deployments.apps" in capsys.readouterr().out.splitlines()
    podling("api-resources", "--no-namespaced")
    kinds = [line.split()[-1] for line in capsys.readouterr().out.splitlines()]
    assert "Node" in kinds and "Pod" not in kinds
