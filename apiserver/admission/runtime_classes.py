"""RuntimeClass: what running a pod by its class costs, and where that can be done (upstream plugin)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from api import errors, quantity
from api.scheme import Resource
from api.types import Pod, PodSpec, RuntimeClass, Scheduling
from apiserver.admission.chain import CREATE, Plugin, Request
from apiserver.storage.reader import Reader


class RuntimeClassPlugin(Plugin):
    """`classes` reads runtime classes."""

    def __init__(self, classes: Reader) -> None:
        self._classes = classes

    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        return operation == CREATE and resource.group_resource == "pods" and not subresource

    async def create(self, request: Request) -> Pod:
        pod: Pod = request.new
        spec = pod.spec
        found = await self._class(spec.runtime_class_name, request) if spec.runtime_class_name else None
        try:
            spec = _with_overhead(spec, found)
            if found is not None and found.scheduling is not None:
                spec = _placed(spec, found.scheduling)
        except ValueError as error:
            raise errors.Forbidden("pods", request.name, str(error)) from None
        return pod if spec is pod.spec else replace(pod, spec=spec)

    async def _class(self, name: str, request: Request) -> RuntimeClass:
        found = self._classes.cache.get("", name)
        if found is None:
            await self._classes.fresh(None)
            found = self._classes.cache.get("", name)
        if found is None:
            raise errors.Forbidden("pods", request.name, f'pod rejected: RuntimeClass "{name}" not found')
        record: RuntimeClass = found.record
        return record


def _with_overhead(spec: PodSpec, runtime_class: RuntimeClass | None) -> PodSpec:
    """Raises ValueError when the pod claims another overhead than its class has."""
    overhead = runtime_class.overhead if runtime_class is not None else None
    if overhead is None:
        if spec.overhead:
            raise ValueError("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
        return spec
    if spec.overhead and not _equal(spec.overhead, overhead.pod_fixed):
        raise ValueError("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
    return replace(spec, overhead=overhead.pod_fixed)


def _placed(spec: PodSpec, scheduling: Scheduling) -> PodSpec:
    """The pod where its class can run. Raises ValueError when the pod wants to be elsewhere."""
    for key, value in scheduling.node_selector.items():
        wanted = spec.node_selector.get(key, value)
        if wanted != value:
            raise ValueError(
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                f"pod.spec.nodeSelector[{key}] = {wanted}"
            )
    added = [toleration for toleration in scheduling.tolerations if toleration not in spec.tolerations]
    return replace(
        spec,
        node_selector={**spec.node_selector, **scheduling.node_selector},
        tolerations=[*spec.tolerations, *added],
    )


def _equal(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return one.keys() == other.keys() and all(
        quantity.parse(amount) == quantity.parse(other[name]) for name, amount in one.items()
    )
