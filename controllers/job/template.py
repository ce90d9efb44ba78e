"""The pods of a Job."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from api.types import Container, EnvVar, EnvVarSource, Job, ObjectFieldSelector, ObjectMeta, Pod, PodSpec
from controllers.job.plan import NewPod
from controllers.job.pods import (
    FAILURE_COUNT,
    IGNORED_FAILURE_COUNT,
    INDEX,
    TRACKING_FINALIZER,
    failures,
    ignored_failures,
)
from controllers.job.policies import judge_failure
from controllers.ownership import controller_reference

INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
# A generated name is its prefix, cut to so many characters, and five random ones.
_MAX_PREFIX = 58

C = TypeVar("C", bound=Container)


def make_pod(job: Job, new: NewPod) -> Pod:
    """A pod to create, to be named by the API server."""
    template = job.spec.template
    metadata = template.metadata
    prefix, spec = f"{job.metadata.name}-", template.spec
    labels, annotations = dict(metadata.labels), dict(metadata.annotations)
    if new.index is not None:
        prefix = _indexed_prefix(job.metadata.name, new.index)
        labels[INDEX] = annotations[INDEX] = str(new.index)
        spec = _indexed_spec(spec, job, new.index)
        if job.spec.backoff_limit_per_index is not None:
            annotations |= _failure_counts(job, new.replaces)
    finalizers = [*(each for each in metadata.finalizers if each != TRACKING_FINALIZER), TRACKING_FINALIZER]
    return Pod(
        metadata=ObjectMeta(
            generate_name=prefix,
            namespace=job.metadata.namespace,
            labels=labels,
            annotations=annotations,
            finalizers=finalizers,
            owner_references=[controller_reference(job)],
        ),
        spec=spec,
    )


def _indexed_prefix(name: str, index: int) -> str:
    suffix = f"-{index}-"
    return name[: _MAX_PREFIX - len(suffix)] + suffix


def _indexed_spec(spec: PodSpec, job: Job, index: int) -> PodSpec:
    return replace(
        spec,
        hostname=f"{job.metadata.name}-{index}",
        containers=[_with_index(container) for container in spec.containers],
        init_containers=[_with_index(container) for container in spec.init_containers],
    )


def _with_index(container: C) -> C:
    """The container is told its index, unless it has a variable of that name."""
    if any(variable.name == INDEX_VARIABLE for variable in container.env):
        return container
    source = EnvVarSource(field_ref=ObjectFieldSelector(field_path=f"metadata.labels['{INDEX}']"))
    return replace(container, env=[*container.env, EnvVar(name=INDEX_VARIABLE, value_from=source)])


def _failure_counts(job: Job, failed: Pod | None) -> dict[str, str]:
    """How often the index has failed, with the pod that is replaced."""
    if failed is None:
        return {FAILURE_COUNT: "0"}
    counts = judge_failure(job, failed).counts
    ignored = ignored_failures(failed) + (not counts)
    shown = {FAILURE_COUNT: str(failures(failed) + counts)}
    return shown | ({IGNORED_FAILURE_COUNT: str(ignored)} if ignored else {})
