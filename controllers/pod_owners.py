"""Whom a change of a pod concerns: the object that controls it, or those that may adopt it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from api.types import Pod
from controllers.mirror import Mirror
from controllers.ownership import controller_of

T = TypeVar("T", bound=Any)


class PodOwners(Generic[T]):
    """The owners of one kind. may_adopt: whether an owner would take a pod that nobody controls."""

    def __init__(self, kind: str, owners: Mirror[T], may_adopt: Callable[[T, Pod], bool]) -> None:
        self._kind = kind
        self._owners = owners
        self._may_adopt = may_adopt

    def of(self, pod: Pod) -> T | None:
        """The living object that controls the pod; None for one of another kind, or of the same name only."""
        reference = controller_of(pod)
        if reference is None or reference.kind != self._kind:
            return None
        owner = self._owners.get(pod.metadata.namespace, reference.name)
        return owner if owner is not None and owner.metadata.uid == reference.uid else None

    def concerned(self, old: Pod | None, new: Pod | None) -> Iterator[T]:
        """Those to look at after a change; some perhaps twice."""
        for pod in (old, new):
            owner = None if pod is None else self.of(pod)
            if owner is not None:
                yield owner
        if new is None or controller_of(new) is not None:
            return
        if old is None or old.metadata.labels != new.metadata.labels or controller_of(old) is not None:
            for owner in self._owners.by_index("namespace", new.metadata.namespace):
                if self._may_adopt(owner, new):
                    yield owner
