"""The scale subresource of workloads: their replicas as an autoscaling/v1 Scale (upstream ScaleREST)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from api import codec, errors, selectors
from api.errors import FieldError
from api.types import LabelSelector, ObjectMeta, Scale, ScaleSpec, ScaleStatus
from apiserver.auth.user import User
from apiserver.registry import bodies, metadata, patching
from apiserver.registry.bodies import Kind
from apiserver.registry.objects import ObjectRegistry
from apiserver.registry.subresource import Subresource
from apiserver.registry.views import View
from apiserver.requests import Result, WriteOptions
from apiserver.stored import Stored

_SCALE = Kind(Scale, "autoscaling/v1", "Scale")


class WorkloadScale(Subresource):
    """`workloads` is the registry of a kind with `spec.replicas`, `spec.selector` and `status.replicas`."""

    def __init__(self, workloads: ObjectRegistry) -> None:
        resource = workloads.resource
        super().__init__(f"{resource.plural}/scale.{resource.group}".removesuffix("."))
        self._workloads = workloads
        strategy = workloads.strategy
        self._view = View(strategy.count_generation, strategy.validate_update)

    async def get(self, namespace: str, name: str, resource_version: str) -> Stored:
        return _scale_document(await self._workloads.get(namespace, name, "", resource_version))

    async def update(self, user: User, namespace: str, name: str, body: bytes, options: WriteOptions) -> Result:
        bodies.check_options("Update", options.dry_run, options.field_validation)
        scale, warnings = bodies.decode(_SCALE, body, options.field_validation)
        return await self._write(user, namespace, name, lambda current: (scale, warnings), options)

    async def patch(
        self, user: User, namespace: str, name: str, body: bytes, patch_type: str, options: WriteOptions
    ) -> Result:
        bodies.check_options("Patch", options.dry_run, options.field_validation)
        patch = patching.parse(Scale, body, patch_type)

        def produce(current: Stored) -> tuple[Scale, tuple[str, ...]]:
            tree = msgspec.json.decode(_scale_document(current).data)
            scale, warnings = patch.record(_SCALE, tree, options.field_validation)
            return scale, warnings

        return await self._write(user, namespace, name, produce, options)

    async def _write(
        self,
        user: User,
        namespace: str,
        name: str,
        scale_of: Callable[[Stored], tuple[Scale, tuple[str, ...]]],
        options: WriteOptions,
    ) -> Result:
        def produce(current: Stored) -> tuple[Any, tuple[str, ...]]:
            scale, warnings = scale_of(current)
            metadata.require_same_name(metadata.in_namespace(scale, self._workloads.resource, namespace), name)
            if scale.spec.replicas < 0:
                message = "must be greater than or equal to 0"
                problem = FieldError.invalid("spec.replicas", scale.spec.replicas, message)
                raise errors.Invalid("Scale.autoscaling", name, [problem])
            return _scaled(current, scale), warnings

        result = await self._workloads.write(user, namespace, name, "scale", self._view, produce, options)
        return Result(_scale_document(result.stored), result.warnings)


def _scaled(current: Stored, scale: Scale) -> Any:
    """The workload with the scale's replicas; the scale's uid and revision become preconditions."""
    old = current.record
    claims = replace(old.metadata, uid=scale.metadata.uid, resource_version=scale.metadata.resource_version)
    return replace(old, metadata=claims, spec=replace(old.spec, replicas=scale.spec.replicas))


def _scale_document(stored: Stored) -> Stored:
    record = stored.record
    scale = Scale(
        metadata=ObjectMeta(
            resource_version=str(stored.revision),
            name=stored.name,
            namespace=stored.namespace,
            uid=record.metadata.uid,
            creation_timestamp=record.metadata.creation_timestamp,
        ),
        spec=ScaleSpec(replicas=record.spec.replicas or 0),
        status=ScaleStatus(replicas=record.status.replicas, selector=_selector_text(record.spec.selector)),
    )
    data = codec.encode(scale)
    return Stored(stored.resource, stored.namespace, stored.name, stored.revision, data)


def _selector_text(selector: LabelSelector | dict[str, str] | None) -> str:
    """A selector as kubectl and autoscalers read it: "app=web,tier in (a,b)"."""
    if selector is None:
        return ""
    if isinstance(selector, dict):
        return str(selectors.from_labels(selector))
    equal = selectors.from_labels(selector.match_labels)
    others = selectors.from_record(replace(selector, match_labels={}))
    return ",".join(text for text in (str(equal), str(others)) if text)
