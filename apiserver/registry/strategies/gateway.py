"""The kinds of the Gateway API, which behave as custom resources do (upstream: apiextensions-apiserver)."""

from __future__ import annotations

from typing import Any

from api import defaults
from apiserver.registry.strategy import Strategy


class GatewayStrategy(Strategy):
    """Its generation counts changes of its spec; its status starts with the defaults of its schema."""

    tracks_generation = True
    unconditional_update = False

    def prepare_create(self, record: Any) -> Any:
        return defaults.apply(super().prepare_create(record))
