"""What the API server says about objects that are legal and yet hardly meant: the warnings clients show.

The texts are upstream's (WarningsOnCreate, WarningsOnUpdate); pods and everything that makes pods have them. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from api import names
from api.advice.pods import about_pod
from api.types import (
    CronJob,
    DaemonSet,
    Deployment,
    Job,
    JobSpec,
    Pod,
    PodTemplate,
    PodTemplateSpec,
    ReplicaSet,
    ReplicationController,
    StatefulSet,
)

_MANY_COMPLETIONS = 100_000
_MANY_AT_ONCE = 10_000
_TOO_MANY = (
    "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, "
    "Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
)


def create(record: Any) -> tuple[str, ...]:
    """What is to be said about a new object."""
    about = _WORKLOADS.get(type(record))
    if about is not None:
        return (*_name(record), *about(record))
    if isinstance(record, Pod):
        return tuple(_pod(record))
    return ()


def update(new: Any, old: Any) -> tuple[str, ...]:
    """What is to be said about a changed object: nothing unless what it wants has changed, and never about a pod."""
    about = _WORKLOADS.get(type(new))
    if about is None or _wanted(new) == _wanted(old):
        return ()
    return tuple(about(new))


def _wanted(record: Any) -> Any:
    return record.template if isinstance(record, PodTemplate) else record.spec


def _pod(pod: Pod) -> Iterable[str]:
    problems = names.dns1123_label(pod.metadata.name)
    if problems:
        yield _recommended("the Pod's hostname", problems)
    yield from about_pod(pod.metadata, pod.spec, "")


def _name(record: Any) -> Iterable[str]:
    """Those whose pods' names begin with theirs; a StatefulSet's must be a label anyway."""
    if isinstance(record, (StatefulSet, DaemonSet, PodTemplate)):
        return
    problems = names.dns1123_label(record.metadata.name)
    if problems:
        yield _recommended("Pod names and hostnames", problems)


def _recommended(use: str, problems: Iterable[str]) -> str:
    surprise = f"metadata.name: this is used in {use}, which can result in surprising behavior"
    return f"{surprise}; a DNS label is recommended: [{' '.join(problems)}]"


def _template(template: PodTemplateSpec | None, path: str) -> Iterable[str]:
    return () if template is None else about_pod(template.metadata, template.spec, f"{path}.")


def _of_spec(record: Any) -> Iterable[str]:
    return _template(record.spec.template, "spec.template")


def _job(spec: JobSpec, path: str) -> Iterable[str]:
    many = (spec.completions or 0) > _MANY_COMPLETIONS and (spec.parallelism or 0) > _MANY_AT_ONCE
    if spec.completion_mode == "Indexed" and many:
        yield f"{path}: {_TOO_MANY}"
    yield from _template(spec.template, f"{path}.template")


_WORKLOADS: dict[type[Any], Callable[[Any], Iterable[str]]] = {
    CronJob: lambda record: _job(record.spec.job_template.spec, "spec.jobTemplate.spec"),
    DaemonSet: _of_spec,
    Deployment: _of_spec,
    Job: lambda record: _job(record.spec, "spec"),
    PodTemplate: lambda record: _template(record.template, "template"),
    ReplicaSet: _of_spec,
    ReplicationController: _of_spec,
    StatefulSet: _of_spec,
}
