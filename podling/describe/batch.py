"""Jobs, cron jobs and replication controllers."""

from collections.abc import Iterable

from api import timestamps
from api.tables.batch import job_duration
from api.tables.text import NONE, UNSET, selector
from api.tables.text import labels as label_text
from api.types import CronJob, Event, Job, JobSpec, Pod, ReplicationController
from podling.describe.common import annotations, controller, events, head, labels, moment
from podling.describe.page import Page
from podling.describe.pods import describe_template
from podling.describe.workloads import conditions, phases

_LONGEST_INDEXES = 50


def describe_job(job: Job, found: Iterable[Event], now: float) -> str:
    """A job with its progress, its template and events."""
    metadata, spec, status, page = job.metadata, job.spec, job.status, Page()
    head(page, metadata)
    page.field("Selector", selector(spec.selector))
    labels(page, "Labels", metadata.labels)
    annotations(page, metadata.annotations)
    owner = controller(metadata)
    if owner:
        page.field("Controlled By", owner)
    _describe_size(page, spec)
    page.field("Completion Mode", spec.completion_mode or UNSET)
    page.field("Suspend", _boolean(spec.suspend))
    page.field("Backoff Limit", _number(spec.backoff_limit))
    if spec.ttl_seconds_after_finished is not None:
        page.field("TTL Seconds After Finished", spec.ttl_seconds_after_finished)
    if status.start_time:
        page.field("Start Time", moment(status.start_time))
    if status.completion_time:
        page.field("Completed At", moment(status.completion_time))
        page.field("Duration", job_duration(job, now))
    if spec.active_deadline_seconds is not None:
        page.field("Active Deadline Seconds", f"{spec.active_deadline_seconds}s")
    ready = "" if status.ready is None else f" ({status.ready} Ready)"
    counts = f"{status.active} Active{ready} / {status.succeeded} Succeeded / {status.failed} Failed"
    page.field("Pods Statuses", counts)
    if spec.completion_mode == "Indexed":
        page.field("Completed Indexes", _indexes(status.completed_indexes))
    describe_template(page, spec.template)
    events(page, found, now)
    return page.show()


def describe_cron_job(cron_job: CronJob, found: Iterable[Event], now: float) -> str:
    """A cron job with its schedule, the template of its jobs, those that are active, and events."""
    spec, status, page = cron_job.spec, cron_job.status, Page()
    template = spec.job_template.spec
    head(page, cron_job.metadata)
    labels(page, "Labels", cron_job.metadata.labels)
    annotations(page, cron_job.metadata.annotations)
    page.field("Schedule", spec.schedule)
    page.field("Concurrency Policy", spec.concurrency_policy)
    page.field("Suspend", "<unset>" if spec.suspend is None else str(spec.suspend))
    page.field("Time Zone", spec.time_zone or UNSET)
    page.field("Successful Job History Limit", _number(spec.successful_jobs_history_limit))
    page.field("Failed Job History Limit", _number(spec.failed_jobs_history_limit))
    deadline = spec.starting_deadline_seconds
    page.field("Starting Deadline Seconds", UNSET if deadline is None else f"{deadline}s")
    page.field("Selector", selector(template.selector) or UNSET)
    _describe_size(page, template)
    if template.active_deadline_seconds is not None:
        page.field("Active Deadline Seconds", f"{template.active_deadline_seconds}s")
    describe_template(page, template.template)
    last = status.last_schedule_time
    page.field("Last Schedule Time", moment(last) if last and timestamps.parse(last) else UNSET)
    page.field("Active Jobs", ", ".join(reference.name for reference in status.active) or NONE)
    events(page, found, now)
    return page.show()


def describe_replication_controller(
    owner: ReplicationController, pods: Iterable[Pod], found: Iterable[Event], now: float
) -> str:
    """A replication controller with the phases of its pods, its template and events."""
    spec, status, page = owner.spec, owner.status, Page()
    head(page, owner.metadata)
    page.field("Selector", label_text(spec.selector))
    labels(page, "Labels", owner.metadata.labels)
    annotations(page, owner.metadata.annotations)
    page.field("Replicas", f"{status.replicas} current / {spec.replicas or 0} desired")
    page.field("Pods Status", phases(owner.metadata.uid, pods))
    if spec.template is None:
        page.field("Pod Template", UNSET)
    else:
        describe_template(page, spec.template)
    conditions(page, status.conditions)
    events(page, found, now)
    return page.show()


def _describe_size(page: Page, spec: JobSpec) -> None:
    page.field("Parallelism", _number(spec.parallelism))
    page.field("Completions", _number(spec.completions))


def _number(value: int | None) -> str:
    return UNSET if value is None else str(value)


def _boolean(value: bool | None) -> str:
    return "true" if value else "false"


def _indexes(text: str) -> str:
    if len(text) <= _LONGEST_INDEXES:
        return text or NONE
    return f"{text[:_LONGEST_INDEXES].rpartition(',')[0]},..."
