"""What `podling rollout` says of stateful sets and daemon sets."""

from __future__ import annotations

from typing import Any

import pytest

from api.scheme import by_kind
from podling.cli.rollout_sets import daemon_set_progress, history, stateful_set_progress
from podling.cli.rollout_state import RolloutFailed
from podling.errors import CommandError
from tests.support.memory_api import MemoryApi, patched

STATEFUL_SET = by_kind("apps/v1", "StatefulSet")
DAEMON_SET = by_kind("apps/v1", "DaemonSet")
REVISION = by_kind("apps/v1", "ControllerRevision")


def workload(spec: dict[str, Any], **status: Any) -> dict[str, Any]:
    metadata = {"name": "db", "uid": "u", "generation": 2}
    return {"metadata": metadata, "spec": spec, "status": {"observedGeneration": 2, **status}}


def stateful_set(*, rolling: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    strategy = {"type": "RollingUpdate", **({"rollingUpdate": rolling} if rolling is not None else {})}
    return workload({"replicas": 3, "updateStrategy": strategy}, **status)


@pytest.mark.parametrize(
    ("state", "words", "done"),
    [
        (stateful_set(observedGeneration=1), "Waiting for statefulset spec update to be observed...", False),
        (stateful_set(readyReplicas=1), "Waiting for 2 pods to be ready...", False),
        (
            stateful_set(rolling={"partition": 1}, readyReplicas=3, updatedReplicas=1),
            "Waiting for partitioned roll out to finish: 1 out of 2 new pods have been updated...",
            False,
        ),
        (
            stateful_set(rolling={"partition": 1}, readyReplicas=3, updatedReplicas=2),
            "partitioned roll out complete: 2 new pods have been updated...",
            True,
        ),
        (
            stateful_set(readyReplicas=3, updatedReplicas=1, currentRevision="db-1", updateRevision="db-2"),
            "waiting for statefulset rolling update to complete 1 pods at revision db-2...",
            False,
        ),
        (
            stateful_set(readyReplicas=3, currentReplicas=3, currentRevision="db-2", updateRevision="db-2"),
            "statefulset rolling update complete 3 pods at revision db-2...",
            True,
        ),
    ],
)
def test_a_stateful_set_is_spoken_of_as_by_kubectl(state: dict[str, Any], words: str, done: bool) -> None:
    assert stateful_set_progress(state) == (words, done)


@pytest.mark.parametrize(
    ("status", "words", "done"),
    [
        ({"observedGeneration": 1}, "Waiting for daemon set spec update to be observed...", False),
        (
            {"desiredNumberScheduled": 3, "updatedNumberScheduled": 1},
            'Waiting for daemon set "db" rollout to finish: 1 out of 3 new pods have been updated...',
            False,
        ),
        (
            {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2},
            'Waiting for daemon set "db" rollout to finish: 2 of 3 updated pods are available...',
            False,
        ),
        (
            {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3},
            'daemon set "db" successfully rolled out',
            True,
        ),
    ],
)
def test_a_daemon_set_is_spoken_of_as_by_kubectl(status: dict[str, Any], words: str, done: bool) -> None:
    assert daemon_set_progress(workload({}, **status)) == (words, done)


def test_nothing_is_awaited_that_waits_for_deletions_itself() -> None:
    on_delete = {"updateStrategy": {"type": "OnDelete"}}
    with pytest.raises(RolloutFailed, match="OnDelete"):
        stateful_set_progress(workload(on_delete))
    with pytest.raises(RolloutFailed, match="OnDelete"):
        daemon_set_progress(workload(on_delete))


def revision(number: int, image: str, *, uid: str = "u") -> dict[str, Any]:
    template = {"$patch": "replace", "spec": {"containers": [{"name": "c", "image": image}]}}
    owners = [{"uid": uid, "controller": True, "kind": "StatefulSet", "name": "db"}]
    return {
        "metadata": {"name": f"db-{number}", "ownerReferences": owners},
        "data": {"spec": {"template": template}},
        "revision": number,
    }


def test_revisions_are_the_workloads_own_oldest_first() -> None:
    known = history(workload({}), [revision(10, "b"), revision(2, "a"), revision(3, "c", uid="other")])
    assert [each.number for each in known] == [2, 10]
    assert known[0].template == {"spec": {"containers": [{"name": "c", "image": "a"}]}}


def test_a_stateful_set_goes_back_to_an_earlier_revision(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = MemoryApi()
    podling = patched(monkeypatch, server, "rollout")
    newest = {"spec": {"containers": [{"name": "c", "image": "b"}]}}
    server.put(STATEFUL_SET, {"metadata": {"name": "db", "uid": "u"}, "spec": {"template": newest}})
    for tree in (revision(1, "a"), revision(2, "b")):
        server.put(REVISION, tree)
    podling("rollout", "undo", "sts/db")
    assert capsys.readouterr().out == "statefulset.apps/db rolled back\n"
    template = server.get(STATEFUL_SET, "default", "db")["spec"]["template"]
    assert template["spec"] == {"containers": [{"name": "c", "image": "a"}]}
    with pytest.raises(CommandError, match="cannot be paused"):
        podling("rollout", "pause", "sts/db")
