"""What nodes and pods use (metrics.k8s.io/v1beta1): measured when asked for, never stored."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.types.meta import ObjectMeta
from api.types.record import Field, Record, always, always_dict, always_list
from api.types.scalars import Quantity, Time

PACKAGE = "metrics/v1beta1"


class ContainerMetrics(Record, frozen=True, kw_only=True):
    """What a container uses, by resource."""

    name: Annotated[str, Field(required=True)] = always("")
    usage: Annotated[dict[str, Quantity], Field(required=True)] = always_dict()


class NodeMetrics(Record, frozen=True, kw_only=True):
    """What a node uses; `window` is a Go duration that ended at `timestamp`."""

    api_version: str = always("metrics.k8s.io/v1beta1")
    kind: str = always("NodeMetrics")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    timestamp: Annotated[Time | None, Field(required=True)] = always(None)
    window: Annotated[str, Field(required=True)] = always("")
    usage: Annotated[dict[str, Quantity], Field(required=True)] = always_dict()


class PodMetrics(Record, frozen=True, kw_only=True):
    """What a pod's containers use; `window` is a Go duration that ended at `timestamp`."""

    api_version: str = always("metrics.k8s.io/v1beta1")
    kind: str = always("PodMetrics")
    metadata: ObjectMeta = field(default_factory=ObjectMeta)
    timestamp: Annotated[Time | None, Field(required=True)] = always(None)
    window: Annotated[str, Field(required=True)] = always("")
    containers: Annotated[list[ContainerMetrics], Field(required=True, list_type="atomic")] = always_list()
