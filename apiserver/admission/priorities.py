"""Priority: the number behind a pod's class, and at most one class for pods that name none (upstream plugin).

The two classes of the system cannot be deleted.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from api import errors
from api.priorities import SYSTEM_PRIORITIES
from api.scheme import Resource
from api.types import Pod, PriorityClass
from apiserver.admission.chain import CREATE, DELETE, UPDATE, Plugin, Request
from apiserver.storage.reader import Reader

GROUP: Final = "scheduling.k8s.io"
_PREEMPTS: Final = "PreemptLowerPriority"
_NO_CLASS: Final = PriorityClass(preemption_policy=_PREEMPTS)


class Priority(Plugin):
    """`classes` reads priority classes."""

    def __init__(self, classes: Reader) -> None:
        self._classes = classes

    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        return operation == CREATE and resource.group_resource == "pods" and not subresource

    async def create(self, request: Request) -> Pod:
        pod: Pod = request.new
        spec = pod.spec
        found = await self._class(spec.priority_class_name, request)
        policy = found.preemption_policy or spec.preemption_policy or _PREEMPTS
        if spec.priority not in (None, found.value):
            raise _contradiction(request, "integer value of priority", spec.priority, found.value)
        if spec.preemption_policy not in (None, policy):
            raise _contradiction(request, "string value of PreemptionPolicy", spec.preemption_policy, policy)
        name = found.metadata.name
        return replace(
            pod, spec=replace(spec, priority_class_name=name, priority=found.value, preemption_policy=policy)
        )

    async def _class(self, name: str, request: Request) -> PriorityClass:
        if not name:
            return default_class(self._classes) or _NO_CLASS
        found = self._classes.cache.get("", name)
        if found is None:
            await self._classes.fresh(None)
            found = self._classes.cache.get("", name)
        if found is None:
            raise errors.Forbidden("pods", request.name, f"no PriorityClass with name {name} was found")
        record: PriorityClass = found.record
        return record


class OneDefaultPriority(Plugin):
    """Refuses a second class that would be everybody's default."""

    def __init__(self, classes: Reader) -> None:
        self._classes = classes

    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        return operation in (CREATE, UPDATE) and resource.group == GROUP and resource.plural == "priorityclasses"

    async def create(self, request: Request) -> Any:
        if request.new.global_default:
            await self._classes.fresh(None)
        return self.update(request)

    def update(self, request: Request) -> Any:
        if not request.new.global_default:
            return request.new
        present = default_class(self._classes)
        if present is not None and (request.operation == CREATE or present.metadata.name != request.name):
            cause = f"PriorityClass {present.metadata.name} is already marked as default. Only one default can exist"
            raise errors.Forbidden(request.resource.group_resource, request.name, cause)
        return request.new


class SystemPriorities(Plugin):
    """Keeps the system's own classes (upstream refuses in their registry, with these words)."""

    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        return operation == DELETE and resource.group == GROUP and resource.plural == "priorityclasses"

    def delete(self, request: Request) -> None:
        if request.name in SYSTEM_PRIORITIES:
            cause = "this is a system priority class and cannot be deleted"
            raise errors.Forbidden(request.resource.group_resource, request.name, cause)


def default_class(classes: Reader) -> PriorityClass | None:
    """The class of pods that name none; should there be several, the lowest (upstream)."""
    records = [stored.record for stored in classes.cache.items()]
    return min((each for each in records if each.global_default), key=lambda each: each.value, default=None)


def _contradiction(request: Request, what: str, given: object, computed: object) -> errors.Forbidden:
    cause = (
        f"the {what} ({given}) must not be provided in pod spec; priority admission controller computed "
        f"{computed} from the given PriorityClass name"
    )
    return errors.Forbidden("pods", request.name, cause)
