"""Quotas, disruption budgets, priority classes and runtime classes."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from apiserver.registry.strategy import Strategy


class ResourceQuotaStrategy(Strategy):
    returns_deleted = True


class PodDisruptionBudgetStrategy(Strategy):
    """Whoever replaces a budget must have seen it: no update without resourceVersion (upstream)."""

    tracks_generation = True
    unconditional_update = False


class PriorityClassStrategy(Strategy):
    """A generation of 1 for ever: what counts cannot change."""

    def prepare_create(self, record: Any) -> Any:
        return replace(record, metadata=replace(record.metadata, generation=1))


class RuntimeClassStrategy(Strategy):
    unconditional_update = False
