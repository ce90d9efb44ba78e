"""Jobs and CronJobs; ReplicationControllers, which like Jobs leave their pods when they are deleted without a word."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from api.types import Job, LabelSelector
from api.validation.jobs import (
    CONTROLLER_UID_LABEL,
    JOB_NAME_LABEL,
    LEGACY_CONTROLLER_UID_LABEL,
    LEGACY_JOB_NAME_LABEL,
)
from apiserver.registry.strategy import Strategy


class JobStrategy(Strategy):
    """Pods are selected by the Job's uid, unless its author insists on a selector of his own."""

    tracks_generation = True
    orphans_by_default = True
    orphan_warning = (
        "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them"
        " or set propagationPolicy=Orphan to suppress this warning"
    )

    def prepare_create(self, record: Job) -> Any:
        record = super().prepare_create(record)
        if not record.spec.manual_selector:
            record = _with_generated_selector(record)
        if not record.metadata.labels:
            record = replace(
                record, metadata=replace(record.metadata, labels=dict(record.spec.template.metadata.labels))
            )
        return record


class CronJobStrategy(Strategy):
    tracks_generation = True


class ReplicationControllerStrategy(Strategy):
    tracks_generation = True
    orphans_by_default = True


def _with_generated_selector(job: Job) -> Job:
    """Labels that are there already stay as they are, for validation to judge."""
    template = job.spec.template
    labels = dict(template.metadata.labels)
    if LEGACY_JOB_NAME_LABEL not in labels:
        labels |= {LEGACY_JOB_NAME_LABEL: job.metadata.name, JOB_NAME_LABEL: job.metadata.name}
    if LEGACY_CONTROLLER_UID_LABEL not in labels:
        labels |= {LEGACY_CONTROLLER_UID_LABEL: job.metadata.uid, CONTROLLER_UID_LABEL: job.metadata.uid}
    selector = job.spec.selector or LabelSelector()
    matched = {CONTROLLER_UID_LABEL: job.metadata.uid, **selector.match_labels}
    return replace(
        job,
        spec=replace(
            job.spec,
            selector=replace(selector, match_labels=matched),
            template=replace(template, metadata=replace(template.metadata, labels=labels)),
        ),
    )
