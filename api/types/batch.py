"""Jobs and CronJobs (batch/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_pod import PodTemplateSpec
from api.types.core_reference import ObjectReference
from api.types.meta import LabelSelector, ObjectMeta
from api.types.record import Field, Record, always, always_list
from api.types.scalars import Int32, Int64, Time

PACKAGE = "batch/v1"


class PodFailurePolicyOnExitCodesRequirement(Record, frozen=True, kw_only=True):
    """Exit codes a rule is about."""

    container_name: str | None = None
    operator: Annotated[str, Field(required=True, enum=("In", "NotIn"))] = always("")
    values: Annotated[list[Int32], Field(required=True, list_type="set")] = always_list()


class PodFailurePolicyOnPodConditionsPattern(Record, frozen=True, kw_only=True):
    """A pod condition a rule is about."""

    status: str = always("")
    type: Annotated[str, Field(required=True)] = always("")


class PodFailurePolicyRule(Record, frozen=True, kw_only=True):
    """What to do about one sort of failure."""

    action: Annotated[str, Field(required=True, enum=("FailJob", "FailIndex", "Ignore", "Count"))] = always("")
    on_exit_codes: PodFailurePolicyOnExitCodesRequirement | None = None
    on_pod_conditions: Annotated[list[PodFailurePolicyOnPodConditionsPattern], Field(list_type="atomic")] = []


class PodFailurePolicy(Record, frozen=True, kw_only=True):
    """What to do about failed pods, by exit code or condition."""

    rules: Annotated[list[PodFailurePolicyRule], Field(required=True, list_type="atomic")] = always_list()


class SuccessPolicyRule(Record, frozen=True, kw_only=True):
    """Which indexes, and how many of them, must succeed."""

    succeeded_count: Int32 | None = None
    succeeded_indexes: str | None = None


class SuccessPolicy(Record, frozen=True, kw_only=True):
    """When an Indexed Job has succeeded before all its indexes have."""

    rules: Annotated[list[SuccessPolicyRule], Field(required=True, list_type="atomic")] = always_list()


class JobSpec(Record, frozen=True, kw_only=True):
    """What a Job should do."""

    active_deadline_seconds: Int64 | None = None
    backoff_limit: Int32 | None = None
    backoff_limit_per_index: Int32 | None = None
    completion_mode: Annotated[str | None, Field(enum=("NonIndexed", "Indexed"))] = None
    completions: Int32 | None = None
    managed_by: str | None = None
    manual_selector: bool | None = None
    max_failed_indexes: Int32 | None = None
    parallelism: Int32 | None = None
    pod_failure_policy: PodFailurePolicy | None = None
    pod_replacement_policy: Annotated[str | None, Field(enum=("TerminatingOrFailed", "Failed"))] = None
    selector: LabelSelector | None = None
    success_policy: SuccessPolicy | None = None
    suspend: bool | None = None
    template: Annotated[PodTemplateSpec, Field(required=True)] = field(default_factory=PodTemplateSpec)
    ttl_seconds_after_finished: Int32 | None = None


class JobCondition(Record, frozen=True, kw_only=True):
    """One aspect of a Job's state."""

    last_probe_time: Time | None = always(None)
    last_transition_time: Time | None = always(None)
    message: str = ""
    reason: str = ""
    status: Annotated[str, Field(required=True)] = always("")
    type: Annotated[str, Field(required=True)] = always("")


class UncountedTerminatedPods(Record, frozen=True, kw_only=True):
    """Finished pods whose finalizer still has to go before they are counted."""

    failed: Annotated[list[str], Field(list_type="set")] = []
    succeeded: Annotated[list[str], Field(list_type="set")] = []


class JobStatus(Record, frozen=True, kw_only=True):
    """What is known about a Job's pods."""

    active: Int32 = 0
    completed_indexes: str = ""
    completion_time: Time | None = None
    conditions: Annotated[
        list[JobCondition], Field(list_type="atomic", patch_strategy="merge", patch_merge_key="type")
    ] = []
    failed: Int32 = 0
    failed_indexes: str | None = None
    ready: Int32 | None = None
    start_time: Time | None = None
    succeeded: Int32 = 0
    terminating: Int32 | None = None
    uncounted_terminated_pods: UncountedTerminatedPods | None = None


class Job(Record, frozen=True, kw_only=True):
    """Pods that run until enough of them have succeeded."""

    api_version: str = always("batch/v1")
    kind: str = always("Job")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: JobSpec = field(default_factory=JobSpec)
    status: JobStatus = field(default_factory=JobStatus)


class JobTemplateSpec(Record, frozen=True, kw_only=True):
    """The Jobs a CronJob makes."""

    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: JobSpec = field(default_factory=JobSpec)


class CronJobSpec(Record, frozen=True, kw_only=True):
    """What a CronJob should do, and when."""

    concurrency_policy: Annotated[str, Field(enum=("Allow", "Forbid", "Replace"))] = ""
    failed_jobs_history_limit: Int32 | None = None
    job_template: Annotated[JobTemplateSpec, Field(required=True)] = field(default_factory=JobTemplateSpec)
    schedule: Annotated[str, Field(required=True)] = always("")
    starting_deadline_seconds: Int64 | None = None
    successful_jobs_history_limit: Int32 | None = None
    suspend: bool | None = None
    time_zone: str | None = None


class CronJobStatus(Record, frozen=True, kw_only=True):
    """What a CronJob has started."""

    active: Annotated[list[ObjectReference], Field(list_type="atomic")] = []
    last_schedule_time: Time | None = None
    last_successful_time: Time | None = None


class CronJob(Record, frozen=True, kw_only=True):
    """Jobs made by the clock."""

    api_version: str = always("batch/v1")
    kind: str = always("CronJob")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: Annotated[CronJobSpec, Field(required=True)] = field(default_factory=CronJobSpec)
    status: CronJobStatus = field(default_factory=CronJobStatus)
