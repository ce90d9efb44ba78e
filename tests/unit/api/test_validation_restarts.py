"""Container restart policies, their rules, stop signals and host name overrides."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from api import codec, defaults, validation
from api.types import ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStatus, Pod

RULE = {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}


def pod(*, spec: dict[str, Any] | None = None, init: bool = False, **more: Any) -> Pod:
    container = {"name": "c", "image": "i", **more}
    plain = {"name": "p", "image": "i"}
    containers = {"initContainers": [container], "containers": [plain]} if init else {"containers": [container]}
    tree = {
        "metadata": {"name": "p", "namespace": "default", "uid": "u"},
        "spec": {"restartPolicy": "Never", "serviceAccountName": "default", **containers, **(spec or {})},
    }
    return defaults.apply(codec.from_tree(Pod, tree))


@pytest.mark.parametrize(
    ("made", "fields"),
    [
        (pod(restartPolicy="OnFailure"), []),
        (pod(restartPolicy="Never", restartPolicyRules=[RULE]), []),
        (pod(init=True, restartPolicy="Never", restartPolicyRules=[RULE]), []),
        (pod(restartPolicy="Sometimes"), ["spec.containers[0].restartPolicy"]),
        (pod(restartPolicyRules=[RULE]), ["spec.containers[0].restartPolicy"]),
        (pod(init=True, restartPolicy="Always", restartPolicyRules=[RULE]), []),
        (pod(restartPolicy="Never", restartPolicyRules=[{**RULE, "action": "RestartAllContainers"}]), []),
        (
            pod(restartPolicy="Never", restartPolicyRules=[{"action": "Restart"}]),
            ["spec.containers[0].restartPolicyRules[0].exitCodes"],
        ),
        (
            pod(restartPolicy="Never", restartPolicyRules=[{**RULE, "action": "Sleep"}]),
            ["spec.containers[0].restartPolicyRules[0].action"],
        ),
        (pod(lifecycle={"stopSignal": "SIGUSR1"}), ["spec.containers[0].lifecycle.stopSignal"]),
        (pod(lifecycle={"stopSignal": "SIGUSR1"}, spec={"os": {"name": "linux"}}), []),
        (pod(spec={"hostnameOverride": "my.host"}), []),
        (pod(spec={"hostnameOverride": "my.host", "setHostnameAsFQDN": True}), ["spec.hostnameOverride"]),
        (pod(spec={"hostnameOverride": "x" * 63 + ".yy"}), ["spec.hostnameOverride"]),
        (pod(spec={"hostnameOverride": "No_Name"}), ["spec.hostnameOverride"]),
    ],
)
def test_fields(made: Pod, fields: list[str]) -> None:
    assert [problem.field for problem in validation.create(made)] == fields


def status(made: Pod, state: ContainerState) -> Pod:
    told = ContainerStatus(name="c", image="i", state=state)
    return replace(made, status=replace(made.status, container_statuses=[told], phase="Running"))


@pytest.mark.parametrize(
    ("policy", "code", "refused"),
    [
        ({}, 42, True),
        ({"restartPolicy": "Never", "restartPolicyRules": [RULE]}, 42, False),
        ({"restartPolicy": "Never", "restartPolicyRules": [RULE]}, 1, True),
        ({"restartPolicy": "OnFailure"}, 1, False),
        ({"restartPolicy": "OnFailure"}, 0, True),
    ],
)
def test_an_ended_container_lives_again_only_by_its_policy(policy: dict[str, Any], code: int, refused: bool) -> None:
    made = pod(**policy)
    ended = status(made, ContainerState(terminated=ContainerStateTerminated(exit_code=code)))
    running = status(made, ContainerState(running=ContainerStateRunning()))
    assert bool(validation.update_status(running, ended)) is refused
