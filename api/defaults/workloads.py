"""Defaults of pod templates, Deployments and ReplicaSets."""

from __future__ import annotations

from api.defaults.fill import fill, put, within
from api.defaults.pods import pod_spec
from api.types import (
    Deployment,
    DeploymentSpec,
    DeploymentStrategy,
    PodTemplate,
    PodTemplateSpec,
    ReplicaSet,
    ReplicaSetSpec,
    RollingUpdateDeployment,
)


def pod_template_object(template: PodTemplate) -> PodTemplate:
    return within(template, template=pod_template)


def deployment(deployment: Deployment) -> Deployment:
    return within(deployment, spec=_deployment_spec)


def replica_set(replica_set: ReplicaSet) -> ReplicaSet:
    return within(replica_set, spec=_replica_set_spec)


def _deployment_spec(spec: DeploymentSpec) -> DeploymentSpec:
    spec = within(spec, template=pod_template, strategy=_strategy)
    return fill(spec, replicas=1, revision_history_limit=10, progress_deadline_seconds=600)


def _strategy(strategy: DeploymentStrategy) -> DeploymentStrategy:
    strategy = fill(strategy, type="RollingUpdate")
    if strategy.type != "RollingUpdate":
        return strategy
    rolling = strategy.rolling_update or RollingUpdateDeployment()
    return put(strategy, rolling_update=fill(rolling, max_unavailable="25%", max_surge="25%"))


def _replica_set_spec(spec: ReplicaSetSpec) -> ReplicaSetSpec:
    return fill(within(spec, template=pod_template), replicas=1)


def pod_template(template: PodTemplateSpec) -> PodTemplateSpec:
    return within(template, spec=pod_spec)
