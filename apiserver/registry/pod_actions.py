"""Binding a pod to a node (upstream BindingREST)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from api import errors, timestamps
from api.errors import FieldError
from api.scheme import Resource
from api.types import Binding, Pod, PodCondition
from apiserver.auth.user import User
from apiserver.registry import bodies, metadata
from apiserver.registry.bodies import Kind
from apiserver.registry.objects import ObjectRegistry
from apiserver.registry.registry import Registry
from apiserver.registry.statuses import done_status
from apiserver.registry.subresource import Subresource
from apiserver.registry.views import View
from apiserver.requests import Result, WriteOptions
from apiserver.stored import Stored

_BINDING = Kind(Binding, "v1", "Binding")
# A binding replaces what it is about and nothing else: there is nothing to keep or to judge.
_AS_PRODUCED = View(lambda new, old: new, lambda new, old: [])


class PodBinding(Subresource):
    """pods/binding."""

    def __init__(self, pods: ObjectRegistry) -> None:
        super().__init__("pods/binding")
        self._pods = pods

    async def create(self, user: User, namespace: str, name: str, body: bytes, options: WriteOptions) -> Result:
        bodies.check_options("Create", options.dry_run, options.field_validation)
        binding, warnings = bodies.decode(_BINDING, body, options.field_validation)
        if not name:
            name = binding.metadata.name
        binding = metadata.require_same_name(binding, name)
        problems = _problems(binding)
        if problems:
            raise errors.Invalid("Binding", name, problems)

        def produce(current: Stored) -> tuple[Any, tuple[str, ...]]:
            return _bound(current.record, binding, time.time()), warnings

        result = await self._pods.write(user, namespace, name, "binding", _AS_PRODUCED, produce, options)
        return Result(result.stored, warnings, created=True, status=done_status())


class Bindings(Registry):
    """The resource `bindings`: the same, with the pod named in the body."""

    def __init__(self, resource: Resource, binding: PodBinding) -> None:
        super().__init__(resource)
        self._binding = binding

    async def create(
        self, user: User, namespace: str, name: str, subresource: str, body: bytes, options: WriteOptions
    ) -> Result:
        return await self._binding.create(user, namespace, "", body, options)


def _problems(binding: Binding) -> Sequence[FieldError]:
    problems = []
    if binding.target.kind not in ("", "Node"):
        problems.append(FieldError.not_supported("target.kind", binding.target.kind, ("Node", "<empty>")))
    if not binding.target.name:
        problems.append(FieldError.required("target.name"))
    return problems


def _bound(pod: Pod, binding: Binding, now: float) -> Pod:
    """The pod on its node. Raises `Conflict` when it cannot go there any more."""
    name = pod.metadata.name
    if pod.metadata.deletion_timestamp:
        cause = f"pod {name} is being deleted, cannot be assigned to a host"
    elif pod.spec.node_name:
        cause = f'pod {name} is already assigned to node "{pod.spec.node_name}"'
    elif pod.spec.scheduling_gates:
        cause = f"pod {name} has non-empty .spec.schedulingGates"
    elif binding.metadata.uid and binding.metadata.uid != pod.metadata.uid:
        cause = (
            f"Precondition failed: UID in precondition: {binding.metadata.uid}, UID in object meta: {pod.metadata.uid}"
        )
    else:
        return _placed(pod, binding, timestamps.now_text(now))
    raise errors.Conflict("pods/binding", name, cause)


def _placed(pod: Pod, binding: Binding, now: str) -> Pod:
    scheduled = PodCondition(
        type="PodScheduled",
        status="True",
        last_transition_time=now,
        observed_generation=pod.metadata.generation,
    )
    others = [condition for condition in pod.status.conditions if condition.type != "PodScheduled"]
    metadata = pod.metadata
    if binding.metadata.annotations:
        metadata = replace(metadata, annotations={**metadata.annotations, **binding.metadata.annotations})
    return replace(
        pod,
        metadata=metadata,
        spec=replace(pod.spec, node_name=binding.target.name),
        # Room made for it elsewhere, or there, is of no interest any more (upstream since 1.35).
        status=replace(pod.status, conditions=[*others, scheduled], nominated_node_name=""),
    )
