"""Defaults of Jobs and CronJobs (upstream `pkg/apis/batch/v1/defaults.go`)."""

from __future__ import annotations

from msgspec.structs import replace

from api.defaults.fill import fill, put, within
from api.defaults.workloads import pod_template
from api.types import (
    CronJob,
    CronJobSpec,
    Job,
    JobSpec,
    JobTemplateSpec,
    PodFailurePolicy,
    PodFailurePolicyOnPodConditionsPattern,
    PodFailurePolicyRule,
)

BACKOFF_LIMIT = 6
# With a limit for each index the Job as a whole has none: the largest int32.
NO_BACKOFF_LIMIT = 2**31 - 1


def job(job: Job) -> Job:
    """A Job without labels takes those of its template."""
    job = within(job, spec=_job_spec)
    labels = job.spec.template.metadata.labels
    if labels and not job.metadata.labels:
        job = replace(job, metadata=replace(job.metadata, labels=dict(labels)))
    return job


def cron_job(cron_job: CronJob) -> CronJob:
    """What the Jobs themselves default to is left to them."""
    return within(cron_job, spec=_cron_job_spec)


def _job_spec(spec: JobSpec) -> JobSpec:
    spec = within(spec, template=pod_template, pod_failure_policy=_failure_policy)
    if spec.completions is None and spec.parallelism is None:
        spec = put(spec, completions=1)
    return fill(
        spec,
        parallelism=1,
        backoff_limit=BACKOFF_LIMIT if spec.backoff_limit_per_index is None else NO_BACKOFF_LIMIT,
        completion_mode="NonIndexed",
        suspend=False,
        manual_selector=False,
        pod_replacement_policy="TerminatingOrFailed" if spec.pod_failure_policy is None else "Failed",
    )


def _failure_policy(policy: PodFailurePolicy) -> PodFailurePolicy:
    return within(policy, rules=_failure_rule)


def _failure_rule(rule: PodFailurePolicyRule) -> PodFailurePolicyRule:
    return within(rule, on_pod_conditions=_condition_pattern)


def _condition_pattern(pattern: PodFailurePolicyOnPodConditionsPattern) -> PodFailurePolicyOnPodConditionsPattern:
    return fill(pattern, status="True")


def _cron_job_spec(spec: CronJobSpec) -> CronJobSpec:
    return fill(
        within(spec, job_template=_job_template),
        concurrency_policy="Allow",
        suspend=False,
        successful_jobs_history_limit=3,
        failed_jobs_history_limit=1,
    )


def _job_template(template: JobTemplateSpec) -> JobTemplateSpec:
    return within(template, spec=_templated_job_spec)


def _templated_job_spec(spec: JobSpec) -> JobSpec:
    return within(spec, template=pod_template)
