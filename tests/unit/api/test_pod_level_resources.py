"""Resources of a pod as a whole: what defaults fill in, and what upstream refuses in which words."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, defaults, validation
from api.types import Pod


def pod(whole: dict[str, Any], *containers: dict[str, Any], **spec: Any) -> Pod:
    tree = {
        "metadata": {"name": "p", "namespace": "default", "uid": "u"},
        "spec": {
            "serviceAccountName": "default",
            "resources": whole,
            "containers": [
                {"name": f"c{index}", "image": "i", "resources": resources}
                for index, resources in enumerate(containers or ({},))
            ],
            **spec,
        },
    }
    return defaults.apply(codec.from_tree(Pod, tree))


@pytest.mark.parametrize(
    ("made", "requests"),
    [
        (pod({"limits": {"cpu": "1", "memory": "1Gi"}}), {"cpu": "1", "memory": "1Gi"}),
        (
            pod(
                {"limits": {"cpu": "1", "memory": "1Gi"}},
                {"requests": {"cpu": "100m", "memory": "96Mi"}},
                {"requests": {"cpu": "300m", "memory": "32Mi"}},
            ),
            {"cpu": "400m", "memory": "128Mi"},
        ),
        (pod({"limits": {"cpu": "1"}}, {"limits": {"memory": "10Mi"}}), {"cpu": "1", "memory": "10Mi"}),
        (pod({"requests": {"cpu": "200m"}}, {"requests": {"memory": "10Mi"}}), {"cpu": "200m"}),
        (pod({"limits": {"cpu": "1"}, "requests": {"cpu": "50m"}}, {"requests": {"cpu": "10m"}}), {"cpu": "50m"}),
    ],
)
def test_what_is_limited_is_requested_as_the_containers_do_or_else_up_to_its_limit(
    made: Pod, requests: dict[str, str]
) -> None:
    assert made.spec.resources is not None
    assert made.spec.resources.requests == requests
    assert validation.create(made) == []


@pytest.mark.parametrize(
    ("made", "error"),
    [
        (
            pod({"requests": {"cpu": "1"}, "limits": {"cpu": "500m"}}),
            'spec.resources.requests: Invalid value: "1": must be less than or equal to cpu limit of 500m',
        ),
        (
            pod({"requests": {"memory": "100Mi"}}, {"requests": {"memory": "64Mi"}}, {"requests": {"memory": "64Mi"}}),
            'spec.resources.requests[memory]: Invalid value: "100Mi": '
            "must be greater than or equal to aggregate container requests of 128Mi",
        ),
        (
            pod({"limits": {"cpu": "1"}}, {}, {"limits": {"cpu": "2"}, "requests": {"cpu": "100m"}}),
            'spec.resources.containers[1][cpu].limits: Invalid value: "2": '
            "must be less than or equal to pod limits of 1",
        ),
        (
            pod({"requests": {"ephemeral-storage": "1Gi"}}),
            'spec.resources.requests[ephemeral-storage]: Unsupported value: "ephemeral-storage": '
            'supported values: "cpu", "hugepages-", "memory"',
        ),
        (
            pod({"requests": {"cores": "1"}}),
            'spec.resources.requests[cores]: Invalid value: "cores": '
            "must be a standard resource type or fully qualified",
        ),
        (
            pod(
                {"limits": {"cpu": "1"}, "claims": [{"name": "c"}]},
                resourceClaims=[{"name": "c", "resourceClaimName": "x"}],
            ),
            "spec.resources.claims: Forbidden: claims may not be set for Resources at pod-level",
        ),
        (
            pod({"limits": {"cpu": "1"}}, os={"name": "windows"}),
            "spec.resources: Forbidden: may not be set for a windows pod",
        ),
    ],
)
def test_what_cannot_be_is_refused(made: Pod, error: str) -> None:
    assert [str(problem) for problem in validation.create(made)] == [error]
