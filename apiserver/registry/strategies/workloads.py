"""Deployments and ReplicaSets."""

from __future__ import annotations

from typing import Any

from apiserver.registry.strategy import Strategy


class ReplicaSetStrategy(Strategy):
    tracks_generation = True


class DeploymentStrategy(Strategy):
    """Annotations count as a change of what is wanted: they travel to the ReplicaSets (upstream)."""

    tracks_generation = True

    def wanted(self, record: Any) -> Any:
        return (record.spec, record.metadata.annotations)
