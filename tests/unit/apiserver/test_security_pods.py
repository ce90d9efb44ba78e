"""What is added to a pod later is checked like the rest of it: names become paths on the pod's node."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, defaults, scheme
from api.types import Pod
from apiserver.registry.strategies.pods import PodStrategy


def problems(added: dict[str, Any]) -> list[str]:
    """The fields refused when `added` becomes an ephemeral container of a running pod."""
    tree: dict[str, Any] = {
        "metadata": {"name": "p", "namespace": "default", "uid": "u"},
        "spec": {
            "containers": [
                {"name": "c", "image": "i", "terminationMessagePolicy": "File", "imagePullPolicy": "Always"}
            ],
            "restartPolicy": "Always",
            "dnsPolicy": "ClusterFirst",
            "terminationGracePeriodSeconds": 30,
            "serviceAccountName": "default",
        },
    }
    old = defaults.apply(codec.from_tree(Pod, tree))
    tree["spec"]["ephemeralContainers"] = [{"image": "i", **added}]
    new = defaults.apply(codec.from_tree(Pod, tree))
    view = PodStrategy(scheme.find("pods")).views()["ephemeralcontainers"]
    return [problem.field for problem in view.validate(view.prepare(new, old), old)]


def test_a_debugging_container_may_be_added() -> None:
    assert problems({"name": "debug"}) == []


@pytest.mark.parametrize(
    ("added", "field"),
    [
        ({"name": "../../../etc/cron.d/x"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "c"}, "name"),
        ({"name": "debug", "image": ""}, "image"),
        ({"name": "debug", "volumeMounts": [{"name": "none", "mountPath": "/m"}]}, "volumeMounts[0].name"),
        ({"name": "debug", "ports": [{"containerPort": 80, "hostPort": 80}]}, "ports"),
        ({"name": "debug", "securityContext": {"runAsUser": -1}}, "securityContext.runAsUser"),
        (
            {"name": "debug", "securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "../x"}}},
            "securityContext.seccompProfile.localhostProfile",
        ),
    ],
)
def test_it_must_be_a_container_as_any_other(added: dict[str, Any], field: str) -> None:
    assert f"spec.ephemeralContainers[0].{field}" in problems(added)
