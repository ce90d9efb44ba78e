"""Jobs: creation, the few changes a spec allows (upstream `pkg/apis/batch/validation`)."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from api import names
from api.errors import BadRequest, FieldError
from api.selectors import from_record
from api.types import Affinity, Job, JobSpec, LabelSelector, PodTemplateSpec
from api.validation import job_policies
from api.validation.checks import Errors, immutable, known, non_negative
from api.validation.selectors import label_selector
from api.validation.workloads import pod_template

CONTROLLER_UID_LABEL = "batch.kubernetes.io/controller-uid"
JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
LEGACY_CONTROLLER_UID_LABEL = "controller-uid"
LEGACY_JOB_NAME_LABEL = "job-name"

INDEXED = "Indexed"
_MODES = ("Indexed", "NonIndexed")
_MAX_PARALLELISM_INDEXED = 100_000
_MAX_FAILED_INDEXES = 100_000
_MANY_COMPLETIONS = 100_000
_MAX_WITH_MANY_COMPLETIONS = 10_000
_MAX_MANAGED_BY = 63
_IMMUTABLE = (
    ("completionMode", "completion_mode"),
    ("podFailurePolicy", "pod_failure_policy"),
    ("backoffLimitPerIndex", "backoff_limit_per_index"),
    ("managedBy", "managed_by"),
    ("successPolicy", "success_policy"),
)


def job(job: Job) -> Errors:
    yield from _generated_selector(job)
    yield from _whole_spec(job.spec, "spec")
    completions = job.spec.completions
    if job.spec.completion_mode == INDEXED and completions:
        hostname = f"{job.metadata.name}-{completions - 1}"
        if names.dns1123_label(hostname):
            detail = f"will not able to create pod with invalid DNS label: {hostname}"
            yield FieldError.invalid("metadata.name", job.metadata.name, detail)


def job_update(new: Job, old: Job) -> Errors:
    yield from job(new)
    yield from _completions_update(new.spec, old.spec, "spec.completions")
    yield from immutable(new.spec.selector, old.spec.selector, "spec.selector")
    allowed = old.spec.template
    if _is_held(old):
        allowed = _with_mutable_parts(allowed, new.spec.template)
    yield from immutable(new.spec.template, allowed, "spec.template")
    for json_name, name in _IMMUTABLE:
        yield from immutable(getattr(new.spec, name), getattr(old.spec, name), f"spec.{json_name}")


def spec_of_template(spec: JobSpec, path: str) -> Errors:
    """A Job's spec in a CronJob: its selector will be generated."""
    yield from _spec(spec, path)
    if spec.manual_selector:
        yield FieldError.not_supported(f"{path}.manualSelector", spec.manual_selector, ("nil", "false"))


def _generated_selector(job: Job) -> Errors:
    """Labels and selector of our making keep one Job's pods from another's."""
    if job.spec.manual_selector or job.spec.selector is None:
        return
    if not job.metadata.uid:
        yield FieldError.required("metadata.uid")
    expected = {
        CONTROLLER_UID_LABEL: job.metadata.uid,
        JOB_NAME_LABEL: job.metadata.name,
        LEGACY_CONTROLLER_UID_LABEL: job.metadata.uid,
        LEGACY_JOB_NAME_LABEL: job.metadata.name,
    }
    labels = job.spec.template.metadata.labels
    for key, value in expected.items():
        where = f"spec.template.metadata.labels[{key}]"
        if key not in labels:
            yield FieldError.required(where, f"must be '{value}'")
        elif labels[key] != value:
            yield FieldError.invalid(where, labels, f"must be '{value}'")
    if _selects(job.spec.selector, expected) is False:
        yield FieldError.invalid("spec.selector", job.spec.selector, "`selector` not auto-generated")


def _selects(selector: LabelSelector, labels: dict[str, str]) -> bool | None:
    """Whether the selector matches; None when it is no selector."""
    try:
        return from_record(selector).matches(labels)
    except BadRequest:
        return None


def _whole_spec(spec: JobSpec, path: str) -> Errors:
    yield from _spec(spec, path)
    if spec.selector is None:
        yield FieldError.required(f"{path}.selector")
        return
    yield from label_selector(spec.selector, f"{path}.selector")
    labels = spec.template.metadata.labels
    if _selects(spec.selector, labels) is False:
        where = f"{path}.template.metadata.labels"
        yield FieldError.invalid(where, labels, "`selector` does not match template `labels`")


def _spec(spec: JobSpec, path: str) -> Errors:
    yield from non_negative(spec.parallelism, f"{path}.parallelism")
    yield from non_negative(spec.completions, f"{path}.completions")
    yield from non_negative(spec.active_deadline_seconds, f"{path}.activeDeadlineSeconds")
    yield from non_negative(spec.backoff_limit, f"{path}.backoffLimit")
    yield from non_negative(spec.ttl_seconds_after_finished, f"{path}.ttlSecondsAfterFinished")
    yield from non_negative(spec.backoff_limit_per_index, f"{path}.backoffLimitPerIndex")
    if spec.max_failed_indexes is not None:
        yield from non_negative(spec.max_failed_indexes, f"{path}.maxFailedIndexes")
        if spec.backoff_limit_per_index is None:
            yield FieldError.required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    yield from _managed_by(spec.managed_by, f"{path}.managedBy")
    yield from known(spec.completion_mode, f"{path}.completionMode", _MODES)
    if spec.completion_mode == INDEXED:
        yield from _indexed(spec, path)
    elif spec.completion_mode in (None, "NonIndexed"):
        yield from _not_indexed(spec, path)
    yield from job_policies.check(spec, path)
    yield from pod_template(spec.template, f"{path}.template")
    yield from _restart_policy(spec, f"{path}.template.spec.restartPolicy")


def _managed_by(value: str | None, path: str) -> Errors:
    if value is None:
        return
    domain, slash, rest = value.partition("/")
    if not value:
        yield FieldError.required(path)
    elif not (slash and domain and rest):
        yield FieldError.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')
    else:
        for message in names.dns1123_subdomain(domain):
            yield FieldError.invalid(path, domain, message)
    if len(value) > _MAX_MANAGED_BY:
        yield FieldError.too_long(path, _MAX_MANAGED_BY)


def _indexed(spec: JobSpec, path: str) -> Errors:
    if spec.completions is None:
        yield FieldError.required(f"{path}.completions", f"when completion mode is {INDEXED}")
    if spec.parallelism is not None and spec.parallelism > _MAX_PARALLELISM_INDEXED:
        detail = f"must be less than or equal to {_MAX_PARALLELISM_INDEXED} when completion mode is {INDEXED}"
        yield FieldError.invalid(f"{path}.parallelism", spec.parallelism, detail)
    failed = spec.max_failed_indexes
    if failed is not None and spec.completions is not None and failed > spec.completions:
        detail = "must be less than or equal to completions"
        yield FieldError.invalid(f"{path}.maxFailedIndexes", failed, detail)
    if failed is not None and failed > _MAX_FAILED_INDEXES:
        detail = f"must be less than or equal to {_MAX_FAILED_INDEXES}"
        yield FieldError.invalid(f"{path}.maxFailedIndexes", failed, detail)
    many = spec.completions is not None and spec.completions > _MANY_COMPLETIONS
    if many and spec.backoff_limit_per_index is not None:
        yield from _many_completions(spec, path)


def _many_completions(spec: JobSpec, path: str) -> Errors:
    """What keeps the status of a Job with very many indexes of bounded size."""
    limit = (
        f"must be less than or equal to {_MAX_WITH_MANY_COMPLETIONS} when completions are above {_MANY_COMPLETIONS}"
        " and used with backoff limit per index"
    )
    if spec.max_failed_indexes is None:
        detail = f"must be specified when completions is above {_MANY_COMPLETIONS}"
        yield FieldError.required(f"{path}.maxFailedIndexes", detail)
    if spec.parallelism is not None and spec.parallelism > _MAX_WITH_MANY_COMPLETIONS:
        yield FieldError.invalid(f"{path}.parallelism", spec.parallelism, limit)
    if spec.max_failed_indexes is not None and spec.max_failed_indexes > _MAX_WITH_MANY_COMPLETIONS:
        yield FieldError.invalid(f"{path}.maxFailedIndexes", spec.max_failed_indexes, limit)


def _not_indexed(spec: JobSpec, path: str) -> Errors:
    detail = "requires indexed completion mode"
    if spec.backoff_limit_per_index is not None:
        yield FieldError.invalid(f"{path}.backoffLimitPerIndex", spec.backoff_limit_per_index, detail)
    if spec.max_failed_indexes is not None:
        yield FieldError.invalid(f"{path}.maxFailedIndexes", spec.max_failed_indexes, detail)


def _restart_policy(spec: JobSpec, path: str) -> Errors:
    policy = spec.template.spec.restart_policy
    if policy in ("", "Always"):
        yield FieldError.required(path, 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        yield FieldError.not_supported(path, policy, ("OnFailure", "Never"))
    elif spec.pod_failure_policy is not None and policy != "Never":
        yield FieldError.invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')


def _completions_update(new: JobSpec, old: JobSpec, path: str) -> Errors:
    """Elastic Indexed Jobs: completions may follow parallelism."""
    if new.completion_mode != INDEXED:
        yield from immutable(new.completions, old.completions, path)
        return
    changed = None not in (new.completions, old.completions) and new.completions != old.completions
    if changed and new.completions != new.parallelism:
        yield FieldError.invalid(path, new.completions, "can only be modified in tandem with spec.parallelism")


def _is_held(job: Job) -> bool:
    """Suspended, and with no pod that was made from the template as it is."""
    if not job.spec.suspend:
        return False
    if job.status.start_time is None:
        return True
    suspended = any(each.type == "Suspended" and each.status == "True" for each in job.status.conditions)
    return suspended and job.status.active == 0


def _with_mutable_parts(template: PodTemplateSpec, source: PodTemplateSpec) -> PodTemplateSpec:
    """The template with those parts of `source` that may change while a Job is suspended: where its pods
    may run (upstream: mutable scheduling directives) and what they ask for."""
    spec = replace(
        template.spec,
        affinity=_with_node_affinity(template.spec.affinity, source.spec.affinity),
        node_selector=source.spec.node_selector,
        tolerations=source.spec.tolerations,
        scheduling_gates=source.spec.scheduling_gates,
        containers=_with_resources(template.spec.containers, source.spec.containers),
        init_containers=_with_resources(template.spec.init_containers, source.spec.init_containers),
    )
    metadata = replace(template.metadata, labels=source.metadata.labels, annotations=source.metadata.annotations)
    return replace(template, metadata=metadata, spec=spec)


def _with_node_affinity(affinity: Affinity | None, source: Affinity | None) -> Affinity | None:
    if affinity is None:
        only_nodes = source is not None and source.pod_affinity is None and source.pod_anti_affinity is None
        return source if only_nodes else None
    if source is None:
        only_nodes = affinity.pod_affinity is None and affinity.pod_anti_affinity is None
        return None if only_nodes else affinity
    return replace(affinity, node_affinity=source.node_affinity)


def _with_resources(containers: list[Any], source: list[Any]) -> list[Any]:
    if [each.name for each in containers] != [each.name for each in source]:
        return containers
    return [replace(one, resources=other.resources) for one, other in zip(containers, source, strict=True)]
