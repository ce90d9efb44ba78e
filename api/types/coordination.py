"""Leases (coordination.k8s.io/v1)."""

from __future__ import annotations

from msgspec import field

from api.types.meta import ObjectMeta
from api.types.record import Record, always
from api.types.scalars import Int32, MicroTime

PACKAGE = "coordination/v1"


class LeaseSpec(Record, frozen=True, kw_only=True):
    """Holder, duration and last renewal of a lease."""

    acquire_time: MicroTime | None = None
    holder_identity: str | None = None
    lease_duration_seconds: Int32 | None = None
    lease_transitions: Int32 | None = None
    preferred_holder: str | None = None
    renew_time: MicroTime | None = None
    strategy: str | None = None


class Lease(Record, frozen=True, kw_only=True):
    """Who holds something, and until when."""

    api_version: str = always("coordination.k8s.io/v1")
    kind: str = always("Lease")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    spec: LeaseSpec = field(default_factory=LeaseSpec)
