"""`podling create job` and `podling create cronjob`: work that ends, from a few words."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from api import scheme
from api.scheme import Resource
from podling.cli.create import create, create_one
from podling.cli.options import DEFAULT_NAMESPACE, Dir, Namespace
from podling.cli.rpc import api
from podling.errors import CommandError

__all__ = ["create"]

Tree = dict[str, Any]
# What tells a Job that was started by hand from one that the clock started (kubectl's).
_BY_HAND = "cronjob.kubernetes.io/instantiate"
_CRON_JOBS: Resource = scheme.find("cronjobs")


@create.command
def job(
    name: str,
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    image: Annotated[str, Parameter(help="Image to run.")] = "",
    from_: Annotated[str, Parameter(name="--from", help="The cron job to take the job from: cronjob/NAME.")] = "",
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Create a job: `create job NAME --image IMAGE [-- COMMAND ARGUMENTS]`, `create job NAME --from cronjob/NAME`."""
    if bool(image) == bool(from_):
        raise CommandError("either --image or --from must be given")
    if not from_:
        create_one("batch/v1", "Job", name, namespace, {"spec": _job_spec(name, image, command)}, dir)
        return
    if command:
        raise CommandError("a command does not go with --from: the cron job has its own")
    kind, slash, source = from_.partition("/")
    if not slash or (kind not in _CRON_JOBS.short_names and kind not in ("cronjob", "cronjobs", "cronjobs.batch")):
        raise CommandError(f"--from {from_}: name a cron job, as in --from cronjob/NAME")
    with api(dir) as server:
        cron_job = server.get(_CRON_JOBS, namespace, source)
    create_one("batch/v1", "Job", name, namespace, _from_cron_job(cron_job), dir)


@create.command
def cronjob(
    name: str,
    *command: Annotated[str, Parameter(allow_leading_hyphen=True)],
    image: Annotated[str, Parameter(help="Image to run.")],
    schedule: Annotated[str, Parameter(help='When, in cron\'s notation: "*/5 * * * *".')],
    namespace: Namespace = DEFAULT_NAMESPACE,
    dir: Dir = None,
) -> None:
    """Create a cron job: `create cronjob NAME --image IMAGE --schedule "*/5 * * * *" [-- COMMAND ARGUMENTS]`."""
    spec = {"schedule": schedule, "jobTemplate": {"spec": _job_spec(name, image, command)}}
    create_one("batch/v1", "CronJob", name, namespace, {"spec": spec}, dir)


def _job_spec(name: str, image: str, command: tuple[str, ...]) -> Tree:
    container: Tree = {"name": name, "image": image, **({"command": list(command)} if command else {})}
    return {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}


def _from_cron_job(cron_job: Tree) -> Tree:
    """A job as the clock would make it, and owned alike."""
    template = cron_job["spec"]["jobTemplate"]
    metadata = template.get("metadata", {})
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": cron_job["metadata"]["name"],
        "uid": cron_job["metadata"]["uid"],
        "controller": True,
    }
    marks = {**metadata.get("annotations", {}), _BY_HAND: "manual"}
    return {
        "metadata": {"annotations": marks, "labels": metadata.get("labels", {}), "ownerReferences": [owner]},
        "spec": template["spec"],
    }
