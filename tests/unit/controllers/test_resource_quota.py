"""What a quota's status says, and which changes may have set quota free."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from api import codec, scheme
from api.types import ResourceQuota
from controllers.resource_quota.plan import concerned, counted_resources, gives_back, status

PODS, CONFIG_MAPS = scheme.find("pods"), scheme.find("configmaps")


def pod(phase: str = "Running", cpu: str = "100m") -> Any:
    spec = {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}]}
    return codec.from_tree(PODS.record, {"metadata": {"name": "p"}, "spec": spec, "status": {"phase": phase}})


def quota(hard: dict[str, str], **more: Any) -> ResourceQuota:
    return codec.from_tree(ResourceQuota, {"metadata": {"name": "q"}, "spec": {"hard": hard, **more}})


def test_a_status_sums_up_what_is_there() -> None:
    given = quota({"pods": "5", "requests.cpu": "2", "configmaps": "9"})
    found = status(given, {PODS: [pod(), pod(cpu="250m"), pod("Failed")], CONFIG_MAPS: []}, 0.0)
    assert found.hard == given.spec.hard
    assert found.used == {"pods": "2", "requests.cpu": "350m", "configmaps": "0"}


def test_only_what_is_in_scope_counts() -> None:
    assert status(quota({"pods": "5"}, scopes=["BestEffort"]), {PODS: [pod(), pod(cpu="0")]}, 0.0).used == {"pods": "1"}


def test_the_kinds_a_quota_counts() -> None:
    found = concerned(quota({"requests.cpu": "1", "count/jobs.batch": "2"}), counted_resources())
    assert [resource.plural for resource in found] == ["pods", "jobs"]


def test_what_may_set_quota_free() -> None:
    running, failed = pod(), pod("Failed")
    assert gives_back(PODS, running, None)
    assert gives_back(PODS, running, failed)
    assert not gives_back(PODS, None, running)
    assert not gives_back(PODS, running, replace(running, metadata=replace(running.metadata, labels={"a": "b"})))
    assert gives_back(PODS, running, pod(cpu="50m"))
    assert not gives_back(CONFIG_MAPS, failed, failed)
