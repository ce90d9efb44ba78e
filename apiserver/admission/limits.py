"""LimitRanger: what an object of a namespace gets when it does not say, and what it may ask for (upstream plugin).

Two plugins: defaults before other plugins look at a pod, bounds once all of them have had their say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from api import errors
from api.scheme import Resource
from api.types import LimitRange
from apiserver.admission.by_namespace import ByNamespace
from apiserver.admission.chain import CREATE, UPDATE, Plugin, Request
from apiserver.admission.limit_bounds import claim_problems, pod_problems
from apiserver.admission.limit_defaults import with_defaults

_PROBLEMS: dict[str, Callable[[Any, LimitRange], list[str]]] = {
    "pods": pod_problems,
    "persistentvolumeclaims": claim_problems,
}


class LimitDefaults(Plugin):
    """Containers of new pods take the namespace's defaults."""

    def __init__(self, ranges: ByNamespace) -> None:
        self._ranges = ranges

    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        return operation == CREATE and resource.group_resource == "pods" and not subresource

    async def create(self, request: Request) -> Any:
        pod = request.new
        for limit_range in _sorted(self._ranges, request.namespace):
            pod = with_defaults(pod, limit_range)
        return pod


class LimitBounds(Plugin):
    """Refuses pods and claims beyond the namespace's bounds; changed sizes are judged as well."""

    def __init__(self, ranges: ByNamespace) -> None:
        self._ranges = ranges

    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        match resource.group_resource, operation:
            case ("pods", "CREATE") | ("persistentvolumeclaims", "CREATE" | "UPDATE"):
                return not subresource
            case ("pods", "UPDATE"):
                return subresource == "resize"
        return False

    async def create(self, request: Request) -> Any:
        return self.update(request)

    def update(self, request: Request) -> Any:
        ranges = _sorted(self._ranges, request.namespace)
        if not ranges or (request.operation == UPDATE and request.new.metadata.deletion_timestamp):
            return request.new
        problems_of = _PROBLEMS[request.resource.group_resource]
        for limit_range in ranges:
            problems = problems_of(request.new, limit_range)
            if problems:
                distinct = list(dict.fromkeys(problems))
                cause = distinct[0] if len(distinct) == 1 else f"[{', '.join(distinct)}]"
                raise errors.Forbidden(request.resource.group_resource, request.name, cause)
        return request.new


def _sorted(ranges: ByNamespace, namespace: str) -> Sequence[LimitRange]:
    found = ranges.of(namespace)
    return [stored.record for stored in sorted(found, key=lambda stored: stored.name)] if found else ()
