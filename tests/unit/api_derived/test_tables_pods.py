"""The pod table: the one-word status and the counts, for every state a pod can show."""

import pytest

from api import scheme, tables
from api.codec import from_tree
from api.types import Pod

NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z


def running(name="c", ready=True, restarts=0, **more):
    state = {"running": {"startedAt": "2023-11-14T22:00:00Z"}}
    return {"name": name, "ready": ready, "restartCount": restarts, "state": state, "image": "", "imageID": "", **more}


def waiting(reason, name="c", restarts=0, **more):
    return {"name": name, "ready": False, "restartCount": restarts, "state": {"waiting": {"reason": reason}},
            "image": "", "imageID": "", **more}  # fmt: skip


def terminated(exit_code=0, reason="", name="c", restarts=0, signal=0):
    state = {"exitCode": exit_code, "reason": reason, "signal": signal}
    return {"name": name, "ready": False, "restartCount": restarts, "state": {"terminated": state}, "image": "",
            "imageID": ""}  # fmt: skip


def ended(at):
    return {"lastState": {"terminated": {"exitCode": 1, "finishedAt": at}}}


def pod(statuses=(), phase="Running", *, init=(), init_statuses=(), spec=None, containers=1, metadata=None, **status):
    tree = {
        "metadata": {"name": "web", "creationTimestamp": "2023-11-14T22:03:20Z", **(metadata or {})},
        "spec": {
            "containers": [{"name": f"c{number}"} for number in range(containers)],
            "initContainers": list(init),
            **(spec or {}),
        },
        "status": {
            "phase": phase,
            "containerStatuses": list(statuses),
            "initContainerStatuses": list(init_statuses),
            **status,
        },
    }
    return from_tree(Pod, tree)


def ready_condition(status="True"):
    return {"conditions": [{"type": "Ready", "status": status}]}


INIT = {"name": "i"}
SIDECAR = {"name": "s", "restartPolicy": "Always"}
DELETED = {"deletionTimestamp": "2023-11-14T22:13:00Z"}

# What is shown: ready, status, restarts.
STATES = [
    ("just created", pod(phase="Pending"), "0/1", "Pending", "0"),
    ("scheduling gated", pod(phase="Pending", conditions=[
        {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]), "0/1", "SchedulingGated", "0"),
    ("creating", pod([waiting("ContainerCreating")], "Pending"), "0/1", "ContainerCreating", "0"),
    ("running", pod([running()]), "1/1", "Running", "0"),
    ("not ready", pod([running(ready=False)]), "0/1", "Running", "0"),
    ("crash loop", pod([waiting("CrashLoopBackOff", restarts=4, **ended("2023-11-14T22:11:20Z"))]), "0/1",
     "CrashLoopBackOff", "4 (2m ago)"),
    ("restarted long ago", pod([running(restarts=1, **ended("2023-11-12T22:13:20Z"))]), "1/1", "Running", "1 (2d ago)"),
    ("restarted, time unknown", pod([running(restarts=2)]), "1/1", "Running", "2"),
    ("image missing", pod([waiting("ErrImagePull")], "Pending"), "0/1", "ErrImagePull", "0"),
    ("completed", pod([terminated(reason="Completed")], "Succeeded"), "0/1", "Completed", "0"),
    ("out of memory", pod([terminated(137, "OOMKilled")], "Failed"), "0/1", "OOMKilled", "0"),
    ("exit code without reason", pod([terminated(3)], "Failed"), "0/1", "ExitCode:3", "0"),
    ("signal without reason", pod([terminated(137, signal=9)], "Failed"), "0/1", "Signal:9", "0"),
    ("evicted", pod(phase="Failed", reason="Evicted"), "0/1", "Evicted", "0"),
    ("one done, one runs and is ready", pod([terminated(reason="Completed", name="a"), running("b")], containers=2,
                                            **ready_condition()), "1/2", "Running", "0"),
    ("one done, one runs, pod not ready", pod([terminated(reason="Completed", name="a"), running("b")], containers=2,
                                              **ready_condition("False")), "1/2", "NotReady", "0"),
    ("one done, one failed", pod([terminated(reason="Completed", name="a"), terminated(1, "Error", "b")], containers=2),
     "0/2", "Error", "0"),
    ("the first container's trouble counts", pod([waiting("CrashLoopBackOff", "a"), terminated(1, "Error", "b")],
                                                 containers=2), "0/2", "CrashLoopBackOff", "0"),
    ("terminating", pod([running()], metadata=DELETED), "1/1", "Terminating", "0"),
    ("deleted but finished", pod([terminated(reason="Completed")], "Succeeded", metadata=DELETED), "0/1", "Completed",
     "0"),
    ("on a lost node", pod([running()], metadata=DELETED, reason="NodeLost"), "1/1", "Unknown", "0"),
    ("initializing", pod([waiting("PodInitializing")], "Pending", init=[INIT, {"name": "j"}],
                         init_statuses=[terminated(name="i"), running("j", ready=False)]), "0/1", "Init:1/2", "0"),
    ("init waits for its image", pod(phase="Pending", init=[INIT], init_statuses=[waiting("ImagePullBackOff", "i")]),
     "0/1", "Init:ImagePullBackOff", "0"),
    ("init not begun", pod(phase="Pending", init=[INIT], init_statuses=[waiting("PodInitializing", "i")]), "0/1",
     "Init:0/1", "0"),
    ("init failed", pod(phase="Pending", init=[INIT], init_statuses=[terminated(1, "Error", "i", restarts=2)]), "0/1",
     "Init:Error", "2"),
    ("init failed without reason", pod(phase="Pending", init=[INIT], init_statuses=[terminated(2, name="i")]), "0/1",
     "Init:ExitCode:2", "0"),
    ("init killed", pod(phase="Pending", init=[INIT], init_statuses=[terminated(137, name="i", signal=9)]), "0/1",
     "Init:Signal:9", "0"),
    ("init's restarts no longer count", pod([running(restarts=1)], init=[INIT],
                                            init_statuses=[terminated(name="i", restarts=5)]), "1/1", "Running", "1"),
    ("a sidecar counts", pod([running()], init=[SIDECAR], init_statuses=[running("s", started=True, restarts=3)]),
     "2/2", "Running", "3"),
    ("a sidecar that is not started", pod([waiting("PodInitializing")], "Pending", init=[SIDECAR],
                                          init_statuses=[running("s", ready=False, started=False)]), "0/2", "Init:0/1",
     "0"),
    ("a sidecar that fails after initialization", pod([running()], init=[SIDECAR], init_statuses=[
        waiting("CrashLoopBackOff", "s", restarts=1)], conditions=[{"type": "Initialized", "status": "True"}]), "1/2",
     "Init:CrashLoopBackOff", "1"),
]  # fmt: skip


@pytest.mark.parametrize(("shown", "ready", "status", "restarts"), [case[1:] for case in STATES],
                         ids=[case[0] for case in STATES])  # fmt: skip
def test_state(shown, ready, status, restarts):
    (row,) = tables.render(scheme.of(Pod), [shown], NOW)["rows"]
    assert row["cells"][:5] == ["web", ready, status, restarts, "10m"]


def test_wide_cells():
    bare = pod()
    full = pod(
        spec={
            "nodeName": "node-1",
            "readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}, {"conditionType": "c"}],
        },
        podIPs=[{"ip": "10.0.0.7"}, {"ip": "fd00::7"}],
        nominatedNodeName="node-2",
        conditions=[{"type": "a", "status": "True"}, {"type": "b", "status": "False"}],
    )
    rows = tables.render(scheme.of(Pod), [bare, full], NOW)["rows"]
    assert rows[0]["cells"][5:] == ["<none>"] * 4
    assert rows[1]["cells"][5:] == ["10.0.0.7", "node-1", "node-2", "1/3"]


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_rows_of_finished_pods_say_so(phase):
    (row,) = tables.render(scheme.of(Pod), [pod(phase=phase)], NOW)["rows"]
    (condition,) = row["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("Completed", "True", phase)


def test_rows_of_other_pods_have_no_conditions():
    (row,) = tables.render(scheme.of(Pod), [pod()], NOW)["rows"]
    assert "conditions" not in row
