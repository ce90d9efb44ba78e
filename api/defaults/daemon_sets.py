"""Defaults of DaemonSets."""

from __future__ import annotations

from api.defaults.fill import fill, put, within
from api.defaults.workloads import pod_template
from api.types import DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy, RollingUpdateDaemonSet


def daemon_set(daemon_set: DaemonSet) -> DaemonSet:
    return within(daemon_set, spec=_spec)


def _spec(spec: DaemonSetSpec) -> DaemonSetSpec:
    return fill(within(spec, template=pod_template, update_strategy=_strategy), revision_history_limit=10)


def _strategy(strategy: DaemonSetUpdateStrategy) -> DaemonSetUpdateStrategy:
    strategy = fill(strategy, type="RollingUpdate")
    if strategy.type != "RollingUpdate":
        return strategy
    rolling = strategy.rolling_update or RollingUpdateDaemonSet()
    return put(strategy, rolling_update=fill(rolling, max_unavailable=1, max_surge=0))
