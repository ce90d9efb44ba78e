"""Jobs and CronJobs on a whole cluster, through what kills nodes' pods and the controllers' process."""

from __future__ import annotations

from tests.support.cluster import eventually
from tests.support.kube import Space, Tree


def _job(name: str, script: str, **spec: object) -> Tree:
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", script]}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": {"spec": pod}, **spec},
    }


def _is(type_: str):
    def check(job: Tree) -> bool:
        return any(each["type"] == type_ and each["status"] == "True" for each in job["status"].get("conditions", ()))

    return check


def test_every_index_succeeds_once_while_the_controllers_are_killed_and_pods_deleted(space: Space) -> None:
    space.create(_job("many", "sleep 1", completions=12, parallelism=4, completionMode="Indexed", backoffLimit=100))
    space.wait("to have begun", "jobs", "many", lambda job: job["status"].get("succeeded", 0) >= 1)
    space.cluster.restart("controllers")
    finished = [pod for pod in space.list("pods") if pod["status"]["phase"] == "Succeeded"]
    for pod in finished:
        space.delete("pods", pod["metadata"]["name"])
    job = space.wait("to be complete", "jobs", "many", _is("Complete"), seconds=60)
    assert (job["status"]["succeeded"], job["status"]["completedIndexes"]) == (12, "0-11")
    assert job["status"].get("failed", 0) == 0
    assert not any(pod["metadata"].get("finalizers") for pod in space.list("pods"))


def test_a_pod_that_is_disrupted_is_replaced_and_not_counted(space: Space) -> None:
    rules = [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]
    script = "until test -e /go; do sleep 0.1; done"
    space.create(_job("robust", script, backoffLimit=0, podFailurePolicy={"rules": rules}))
    labels = "job-name=robust"

    def running(but: str = "") -> str:
        return next((n for p in space.list("pods", labels) if _runs(p) and (n := p["metadata"]["name"]) != but), "")

    name = eventually("a pod that runs", running)
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    space.api.call("POST", f"{space.path('pods', name)}/eviction", eviction)
    space.nudge(eventually("another pod that runs", lambda: running(name)), "touch /go")
    job = space.wait("to be complete", "jobs", "robust", _is("Complete"), seconds=60)
    assert (job["status"]["succeeded"], job["status"].get("failed", 0)) == (1, 0)
    assert name not in {
        p["metadata"]["name"] for p in space.list("pods", labels) if p["status"]["phase"] == "Succeeded"
    }


def test_jobs_leave_their_pods_unless_told_otherwise(space: Space) -> None:
    for name in ("kept", "swept"):
        space.create(_job(name, "true"))
    for name in ("kept", "swept"):
        space.wait("to be complete", "jobs", name, _is("Complete"))
    said = space.run("delete", "--raw", space.path("jobs", "kept")).stderr
    assert "child pods are preserved by default when jobs are deleted" in said
    space.delete("jobs", "swept", propagationPolicy="Background")
    eventually("one Job's pods are gone", lambda: not space.list("pods", "job-name=swept"))
    space.gone("jobs", "kept")
    (pod,) = space.list("pods", "job-name=kept")
    assert not pod["metadata"].get("ownerReferences")
    assert not pod["metadata"].get("finalizers")


def test_a_cron_job_replaces_what_still_runs_and_keeps_its_history_short(space: Space) -> None:
    template = {"spec": _job("x", "sleep 1000")["spec"]}
    spec = {"schedule": "@every 1s", "concurrencyPolicy": "Forbid", "jobTemplate": template}
    space.create({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "slow"}, "spec": spec})
    cron_job = space.wait("to run", "cronjobs", "slow", lambda tree: len(tree["status"].get("active", ())) == 1)
    assert cron_job["status"]["lastScheduleTime"]
    (job,) = space.list("jobs")
    assert job["metadata"]["name"] == cron_job["status"]["active"][0]["name"]
    assert "batch.kubernetes.io/cronjob-scheduled-timestamp" in job["metadata"]["annotations"]
    space.delete("jobs", job["metadata"]["name"], propagationPolicy="Background")
    space.delete("cronjobs", "slow")
    eventually("its pods are gone", lambda: not space.list("pods"))


def _runs(pod: Tree) -> bool:
    return pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]
