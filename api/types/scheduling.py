"""Priorities (scheduling/v1)."""

from __future__ import annotations

from msgspec import field

from api.types.meta import ObjectMeta
from api.types.record import Record, always
from api.types.scalars import Int32

PACKAGE = "scheduling/v1"


class PriorityClass(Record, frozen=True, kw_only=True):
    """A name for a pod priority."""

    api_version: str = always("scheduling.k8s.io/v1")
    kind: str = always("PriorityClass")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    description: str = ""
    global_default: bool = False
    preemption_policy: str | None = None
    value: Int32 = always(0)
