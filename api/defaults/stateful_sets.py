"""Defaults of StatefulSets and their claim templates."""

from __future__ import annotations

from api.defaults.fill import fill, put, within
from api.defaults.storage import persistent_volume_claim
from api.defaults.workloads import pod_template
from api.types import (
    RollingUpdateStatefulSetStrategy,
    StatefulSet,
    StatefulSetPersistentVolumeClaimRetentionPolicy,
    StatefulSetSpec,
    StatefulSetUpdateStrategy,
)

RETAIN = "Retain"


def stateful_set(stateful_set: StatefulSet) -> StatefulSet:
    return within(stateful_set, spec=_spec)


def _spec(spec: StatefulSetSpec) -> StatefulSetSpec:
    spec = within(
        spec, template=pod_template, update_strategy=_strategy, volume_claim_templates=persistent_volume_claim
    )
    retention = spec.persistent_volume_claim_retention_policy or StatefulSetPersistentVolumeClaimRetentionPolicy()
    spec = put(spec, persistent_volume_claim_retention_policy=fill(retention, when_deleted=RETAIN, when_scaled=RETAIN))
    return fill(spec, pod_management_policy="OrderedReady", replicas=1, revision_history_limit=10)


def _strategy(strategy: StatefulSetUpdateStrategy) -> StatefulSetUpdateStrategy:
    strategy = fill(strategy, type="RollingUpdate")
    if strategy.type != "RollingUpdate":
        return strategy
    rolling = strategy.rolling_update or RollingUpdateStatefulSetStrategy()
    return put(strategy, rolling_update=fill(rolling, partition=0))
