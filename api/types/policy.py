"""Evictions (policy/v1)."""

from __future__ import annotations

from msgspec import field

from api.types.meta import DeleteOptions, ObjectMeta
from api.types.record import Record, always

PACKAGE = "policy/v1"


class Eviction(Record, frozen=True, kw_only=True):
    """Asks to delete a pod, unless a disruption budget forbids it."""

    api_version: str = always("policy/v1")
    kind: str = always("Eviction")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    delete_options: DeleteOptions | None = None
