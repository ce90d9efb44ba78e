"""How jobs, cron jobs and replication controllers are shown."""

from api import timestamps
from api.tables.layout import AGE, NAME, Cell, Column, Layout, wide
from api.tables.text import NONE, UNSET, age, images, labels, names, or_none, selector, since
from api.types import CronJob, Job, ReplicationController

_TEMPLATE_COLUMNS = (
    wide("Containers", "The names of the template's containers."),
    wide("Images", "The images of the template's containers."),
    wide("Selector", "Which pods belong to the object."),
)


def job_state(job: Job) -> str:
    """A job's state in one word."""
    true = {condition.type for condition in job.status.conditions if condition.status == "True"}
    for state in ("Complete", "Failed"):
        if state in true:
            return state
    if job.metadata.deletion_timestamp is not None:
        return "Terminating"
    return next((state for state in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if state in true), "Running")


def job_duration(job: Job, now: float) -> str:
    """How long the job has run or ran; empty before it starts."""
    status = job.status
    if status.start_time is None:
        return ""
    return timestamps.human_duration(
        timestamps.parse_or(status.completion_time, now) - timestamps.parse(status.start_time)
    )


def _job_completions(job: Job) -> str:
    spec, succeeded = job.spec, job.status.succeeded
    if spec.completions is not None:
        return f"{succeeded}/{spec.completions}"
    parallelism = spec.parallelism or 0
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _job_cells(job: Job, now: float) -> list[Cell]:
    containers = job.spec.template.spec.containers
    return [
        job.metadata.name,
        job_state(job),
        _job_completions(job),
        job_duration(job, now),
        age(job.metadata, now),
        names(containers),
        images(containers),
        or_none(selector(job.spec.selector)),
    ]


JOBS = Layout(
    columns=(
        NAME,
        Column("Status", "Whether the job runs, is suspended or has ended, and how."),
        Column("Completions", "Succeeded pods out of the wanted ones."),
        Column("Duration", "How long the job has run, or ran until it was complete."),
        AGE,
        *_TEMPLATE_COLUMNS,
    ),
    cells=_job_cells,
)


def _cron_job_cells(cron_job: CronJob, now: float) -> list[Cell]:
    spec, status = cron_job.spec, cron_job.status
    containers = spec.job_template.spec.template.spec.containers
    last = status.last_schedule_time
    return [
        cron_job.metadata.name,
        spec.schedule,
        or_none(spec.time_zone),
        UNSET if spec.suspend is None else str(spec.suspend),
        len(status.active),
        since(last, now) if last else NONE,
        age(cron_job.metadata, now),
        names(containers),
        images(containers),
        or_none(selector(spec.job_template.spec.selector)),
    ]


CRON_JOBS = Layout(
    columns=(
        NAME,
        Column("Schedule", "When jobs are started, in cron's notation."),
        Column("Timezone", "The time zone of the schedule."),
        Column("Suspend", "Whether no further jobs are started.", type="boolean"),
        Column("Active", "How many of its jobs are running.", type="integer"),
        Column("Last Schedule", "Time since a job was last started."),
        AGE,
        *_TEMPLATE_COLUMNS,
    ),
    cells=_cron_job_cells,
)


def _replication_controller_cells(controller: ReplicationController, now: float) -> list[Cell]:
    spec, status = controller.spec, controller.status
    containers = [] if spec.template is None else spec.template.spec.containers
    return [
        controller.metadata.name,
        spec.replicas or 0,
        status.replicas,
        status.ready_replicas,
        age(controller.metadata, now),
        names(containers),
        images(containers),
        labels(spec.selector),
    ]


REPLICATION_CONTROLLERS = Layout(
    columns=(
        NAME,
        Column("Desired", "How many pods are wanted.", type="integer"),
        Column("Current", "How many pods there are.", type="integer"),
        Column("Ready", "How many pods are ready.", type="integer"),
        AGE,
        *_TEMPLATE_COLUMNS,
    ),
    cells=_replication_controller_cells,
)
