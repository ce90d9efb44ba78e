"""Runtime classes (node/v1)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.core_scheduling import Toleration
from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always
from api.types.scalars import Quantity

PACKAGE = "node/v1"


class Overhead(Record, frozen=True, kw_only=True):
    """What running a pod costs beside its containers."""

    pod_fixed: dict[str, Quantity] = {}


class Scheduling(Record, frozen=True, kw_only=True):
    """Where pods of a runtime class can run."""

    node_selector: Annotated[dict[str, str], Field(map_type="atomic")] = {}
    tolerations: Annotated[list[Toleration], Field(list_type="atomic")] = []


class RuntimeClass(Record, frozen=True, kw_only=True):
    """A way to run containers."""

    api_version: str = always("node.k8s.io/v1")
    kind: str = always("RuntimeClass")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    handler: Annotated[str, Field(required=True)] = always("")
    overhead: Overhead | None = None
    scheduling: Scheduling | None = None
