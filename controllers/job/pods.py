"""What the Job controller asks about pods: tracked, failed, of which index, finished when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from api import timestamps
from api.types import Job, Pod
from controllers.pods import condition, is_terminal

# A pod that carries it has not been counted: it cannot disappear before it is.
TRACKING_FINALIZER = "batch.kubernetes.io/job-tracking"
# The index as annotation and as label.
INDEX = "batch.kubernetes.io/job-completion-index"
FAILURE_COUNT = "batch.kubernetes.io/job-index-failure-count"
IGNORED_FAILURE_COUNT = "batch.kubernetes.io/job-index-ignored-failure-count"
INDEXED = "Indexed"


def is_tracked(pod: Pod) -> bool:
    return TRACKING_FINALIZER in pod.metadata.finalizers


def is_terminating(pod: Pod) -> bool:
    """Being deleted, and not ended yet."""
    return pod.metadata.deletion_timestamp is not None and not is_terminal(pod)


def replaces_only_failed(job: Job) -> bool:
    """Whether a pod on its way out still counts as running (upstream onlyReplaceFailedPods)."""
    return job.spec.pod_replacement_policy == "Failed" or job.spec.pod_failure_policy is not None


def is_failed(pod: Pod, job: Job) -> bool:
    """The pod has failed, or, where replacements do not wait for that, is being deleted without having succeeded."""
    if pod.status.phase == "Failed":
        return True
    if replaces_only_failed(job):
        return False
    return pod.metadata.deletion_timestamp is not None and pod.status.phase != "Succeeded"


def completion_index(pod: Pod) -> int | None:
    """The index the pod works on; None without one."""
    text = pod.metadata.annotations.get(INDEX, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def valid_index(pod: Pod, job: Job) -> int | None:
    """The pod's index if it is one of the Job's."""
    index = completion_index(pod)
    return None if index is None or index >= (job.spec.completions or 0) else index


def belongs(pod: Pod, job: Job) -> bool:
    """The pod's outcome matters: of an Indexed Job only pods with an index of its do."""
    return job.spec.completion_mode != INDEXED or valid_index(pod, job) is not None


def failures(pod: Pod) -> int:
    """How often the pod's index had failed before it."""
    return _count(pod, FAILURE_COUNT)


def ignored_failures(pod: Pod) -> int:
    return _count(pod, IGNORED_FAILURE_COUNT)


def finished_at(pod: Pod) -> float | None:
    """When the pod ended: its last container's end, else when it ceased to be ready, else when deletion was asked."""
    ends = [_ended(status) for status in pod.status.container_statuses]
    known = [end for end in ends if end is not None]
    if known and len(known) == len(ends):
        return max(known)
    ready = condition(pod, "Ready")
    if ready is not None and ready.status == "False" and ready.last_transition_time:
        return timestamps.parse(ready.last_transition_time)
    if pod.metadata.deletion_timestamp is None:
        return None
    grace = pod.metadata.deletion_grace_period_seconds or 0
    return timestamps.parse(pod.metadata.deletion_timestamp) - grace


def indexes_of(pods: Iterable[Pod]) -> set[int]:
    return {index for pod in pods if (index := completion_index(pod)) is not None}


def _ended(status: Any) -> float | None:
    terminated = status.state.terminated if status.state is not None else None
    return timestamps.parse(terminated.finished_at) if terminated and terminated.finished_at else None


def _count(pod: Pod, annotation: str) -> int:
    text = pod.metadata.annotations.get(annotation, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0
