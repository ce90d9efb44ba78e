"""`podling create job` and `create cronjob`."""

from __future__ import annotations

import pytest

from api import scheme
from podling.cli import create_batch
from podling.errors import CommandError
from tests.support.memory_api import MemoryApi

JOBS, CRON_JOBS = scheme.find("jobs"), scheme.find("cronjobs")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> MemoryApi:
    memory = MemoryApi()
    monkeypatch.setattr("podling.cli.create.api", memory.connect)
    monkeypatch.setattr("podling.cli.create_batch.api", memory.connect)
    return memory


def test_a_job_of_an_image_runs_once(server: MemoryApi) -> None:
    create_batch.job("once", "echo", "hi", image="busybox", namespace="default")
    pod = server.get(JOBS, "default", "once")["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["containers"] == [{"name": "once", "image": "busybox", "command": ["echo", "hi"]}]


def test_a_job_of_a_cron_job_is_as_the_clock_would_make_it(server: MemoryApi) -> None:
    create_batch.cronjob("nightly", "date", image="busybox", schedule="0 3 * * *", namespace="default")
    source = server.get(CRON_JOBS, "default", "nightly")
    assert source["spec"]["schedule"] == "0 3 * * *"
    create_batch.job("now", from_="cronjob/nightly", namespace="default")
    made = server.get(JOBS, "default", "now")
    assert made["spec"] == source["spec"]["jobTemplate"]["spec"]
    assert made["metadata"]["annotations"] == {"cronjob.kubernetes.io/instantiate": "manual"}
    assert made["metadata"]["ownerReferences"][0]["uid"] == source["metadata"]["uid"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "either --image or --from"),
        ({"image": "a", "from_": "cronjob/b"}, "either --image or --from"),
        ({"from_": "nightly"}, "name a cron job"),
        ({"from_": "job/nightly"}, "name a cron job"),
    ],
)
def test_what_a_job_is_made_of_must_be_clear(server: MemoryApi, given: dict[str, str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        create_batch.job("x", namespace="default", **given)
