"""Which pods belong together: the selectors of services and of pods' owners, for spreading pods that ask for none.

Source: upstream's DefaultSelector: the selectors of all services that select the pod and its controller's, together.
"""

from __future__ import annotations

from api.types import ReplicaSet, ReplicationController, Service, StatefulSet
from scheduler.pod_info import PodInfo
from scheduler.terms import LabelMatch, Labels, label_match

Selector = dict[str, str]
Owner = ReplicaSet | StatefulSet | ReplicationController


class Workloads:
    """Services, and owners of pods, by namespace and name."""

    def __init__(self) -> None:
        self._services: dict[str, dict[str, Selector]] = {}
        self._owners: dict[tuple[str, str, str], LabelMatch] = {}

    def put_service(self, service: Service) -> None:
        namespace, name = service.metadata.namespace, service.metadata.name
        if service.spec.selector:
            self._services.setdefault(namespace, {})[name] = service.spec.selector
        else:
            self.remove_service(namespace, name)

    def remove_service(self, namespace: str, name: str) -> None:
        services = self._services.get(namespace, {})
        services.pop(name, None)
        if not services:
            self._services.pop(namespace, None)

    def put_owner(self, owner: Owner) -> None:
        self._owners[_key(owner)] = _owner_match(owner)

    def remove_owner(self, owner: Owner) -> None:
        self._owners.pop(_key(owner), None)

    def selector(self, pod: PodInfo) -> LabelMatch | None:
        """What selects the pod's like; None when nothing owns it and no service selects it."""
        merged: Selector = {}
        for service in self._services.get(pod.namespace, {}).values():
            if is_subset(service, pod.labels):
                merged.update(service)
        owner = self._owner(pod)
        if owner is None:
            return (lambda labels: is_subset(merged, labels)) if merged else None
        return lambda labels: is_subset(merged, labels) and owner(labels)

    def _owner(self, pod: PodInfo) -> LabelMatch | None:
        for reference in pod.pod.metadata.owner_references:
            if reference.controller:
                return self._owners.get((reference.kind, pod.namespace, reference.name))
        return None


def is_subset(selector: Selector, labels: Labels) -> bool:
    """Every label of the selector is there with its value."""
    return all(labels.get(key) == value for key, value in selector.items())


def _key(owner: Owner) -> tuple[str, str, str]:
    return owner.kind, owner.metadata.namespace, owner.metadata.name


def _owner_match(owner: Owner) -> LabelMatch:
    if isinstance(owner, ReplicationController):
        selector = owner.spec.selector
        return lambda labels: is_subset(selector, labels)
    return label_match(owner.spec.selector)
