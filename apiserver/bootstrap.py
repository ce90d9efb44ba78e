"""What a cluster holds from its first moment: the system's namespaces and the default roles and bindings.

Runs at every start. Namespaces are made when absent; roles and bindings get back what they lack of their default
permissions, unless their annotation `autoupdate` says "false" (upstream: rbac/bootstrap-roles).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import replace

from api import defaults, errors, priorities, rbac, scheme
from api.types import Namespace, ObjectMeta
from apiserver.auth.user import LOOPBACK
from apiserver.registry.objects import ObjectRegistry
from apiserver.registry.registry import Registry
from apiserver.requests import WriteOptions
from apiserver.stored import Stored

NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease")
AUTOUPDATE: Final = "rbac.authorization.kubernetes.io/autoupdate"
_OPTIONS: Final = WriteOptions()
_AT_ONCE: Final = 16


async def ensure_namespaces(namespaces: ObjectRegistry) -> None:
    for name in NAMESPACES:
        if namespaces.reader.cache.get("", name) is None:
            await create_if_absent(namespaces, Namespace(metadata=ObjectMeta(name=name)))


async def ensure_priority_classes(classes: ObjectRegistry) -> None:
    for record in priorities.bootstrap():
        if classes.reader.cache.get("", record.metadata.name) is None:
            await create_if_absent(classes, record)


async def ensure_policy(registries: dict[str, Registry]) -> None:
    """Bring the default roles and bindings into being or back into shape."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def ensure(record: Any) -> None:
        registry = registries[scheme.of(record).group_resource]
        assert isinstance(registry, ObjectRegistry)
        async with slots:
            await _ensure_record(registry, record)

    await asyncio.gather(*(ensure(record) for record in rbac.bootstrap()))


async def create_if_absent(registry: ObjectRegistry, record: Any) -> None:
    """Create an object unless somebody else was faster."""
    try:
        await registry.create_record(LOOPBACK, defaults.apply(record), _OPTIONS)
    except errors.AlreadyExists:
        return


async def _ensure_record(registry: ObjectRegistry, record: Any) -> None:
    metadata = record.metadata
    found = registry.reader.cache.get(metadata.namespace, metadata.name)
    if found is None:
        await create_if_absent(registry, record)
    elif reconciled(found.record, defaults.apply(record)) is not found.record:

        def produce(current: Stored) -> tuple[Any, tuple[str, ...]]:
            return reconciled(current.record, defaults.apply(record)), ()

        view = registry.strategy.views()[""]
        await registry.write(LOOPBACK, metadata.namespace, metadata.name, "", view, produce, _OPTIONS)


def reconciled(present: Any, wanted: Any) -> Any:
    """The present role or binding with what it lacks of the wanted one; itself when it lacks nothing."""
    if present.metadata.annotations.get(AUTOUPDATE) == "false":
        return present
    if "Binding" in present.kind:
        if present.role_ref != wanted.role_ref:
            # A binding's role cannot be changed, only the binding replaced: leave that to people.
            return present
        missing = _missing(present.subjects, wanted.subjects)
        return replace(present, subjects=[*present.subjects, *missing]) if missing else present
    if present.rules == wanted.rules:
        return present
    if getattr(wanted, "aggregation_rule", None) is not None:
        # The rules of aggregated roles are the controller's.
        return present
    lacking = rbac.uncovered(present.rules, wanted.rules)
    return replace(present, rules=[*present.rules, *lacking]) if lacking else present


def _missing(present: Iterable[Any], wanted: Iterable[Any]) -> list[Any]:
    known = list(present)
    return [item for item in wanted if item not in known]
