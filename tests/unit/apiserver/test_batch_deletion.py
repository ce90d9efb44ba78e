"""Kinds that leave their dependents behind unless told otherwise."""

from __future__ import annotations

import pytest

from api import scheme
from api.types import DeleteOptions
from apiserver.registry import deletion
from apiserver.registry.strategies.batch import CronJobStrategy, JobStrategy, ReplicationControllerStrategy
from tests.support.jobs import cron_job, job

NOW = 1_700_000_000.0
JOBS = JobStrategy(scheme.find("jobs"))
CRON_JOBS = CronJobStrategy(scheme.find("cronjobs"))


def deleted(strategy, record, **options):
    return deletion.plan(strategy, record, DeleteOptions(**options), NOW)


def test_a_job_s_pods_are_orphaned_by_default():
    outcome = deleted(JOBS, job())
    assert (outcome.record.metadata.finalizers, outcome.gone) == (["orphan"], False)
    assert ReplicationControllerStrategy(scheme.find("replicationcontrollers")).orphans_by_default
    assert deleted(CRON_JOBS, cron_job()).gone


@pytest.mark.parametrize("options", [{"propagation_policy": "Background"}, {"orphan_dependents": False}])
def test_unless_their_deletion_is_asked_for(options):
    assert deleted(JOBS, job(), **options).gone


def test_a_finalizer_that_is_there_decides_before_the_default():
    waiting = job(meta={"finalizers": ["foregroundDeletion"]})
    assert deleted(JOBS, waiting).record.metadata.finalizers == ["foregroundDeletion"]


def test_who_says_nothing_is_warned():
    assert deletion.warnings(JOBS, DeleteOptions())[0].startswith("child pods are preserved by default")
    assert deletion.warnings(JOBS, DeleteOptions(propagation_policy="Orphan")) == ()
    assert deletion.warnings(CRON_JOBS, DeleteOptions()) == ()
