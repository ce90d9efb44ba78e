"""The two kinds that keep a number of replicas: the algorithm is one, names and the form of the selector differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from api import selectors
from api.types import (
    ReplicaSet,
    ReplicaSetCondition,
    ReplicaSetStatus,
    ReplicationController,
    ReplicationControllerCondition,
    ReplicationControllerStatus,
)

Owner = ReplicaSet | ReplicationController
Condition = ReplicaSetCondition | ReplicationControllerCondition
Status = ReplicaSetStatus | ReplicationControllerStatus
Selects = Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True, slots=True)
class ReplicaKind:
    """`name`: of the work queue; `component`: the source of events; `record` and `condition`: the API's types."""

    name: str
    component: str
    record: type[Any]
    condition: type[Any]

    @property
    def kind(self) -> str:
        return self.record.__name__


def selects(owner: Owner) -> Selects | None:
    """Which labels the owner's pods have; None when it selects none."""
    if isinstance(owner, ReplicationController):
        wanted = owner.spec.selector.items()
        return (lambda labels: wanted <= labels.items()) if wanted else None
    selector = owner.spec.selector
    return None if selector is None else selectors.from_record(selector).matches


REPLICA_SETS: Final = ReplicaKind("replicaset", "replicaset-controller", ReplicaSet, ReplicaSetCondition)
REPLICATION_CONTROLLERS: Final = ReplicaKind(
    "replicationcontroller", "replication-controller", ReplicationController, ReplicationControllerCondition
)
