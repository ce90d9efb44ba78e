"""Evicting a pod: its deletion, unless a disruption budget forbids it (upstream EvictionREST).

A disruption is taken off the budget before the pod is deleted, in a guarded write of the budget's status: two evictions
at once cannot both have the last one. The disruption controller drops those that came to nothing.
"""

from __future__ import annotations

import time
from typing import Any, Final

from msgspec.structs import replace

from api import errors, timestamps
from api.types import DeleteOptions, Eviction, Pod, PodCondition, PodDisruptionBudget, Preconditions
from apiserver.admission.by_namespace import ByNamespace
from apiserver.auth.user import LOOPBACK, User
from apiserver.registry import bodies, disruption, metadata
from apiserver.registry.bodies import Kind
from apiserver.registry.objects import ObjectRegistry
from apiserver.registry.statuses import done_status
from apiserver.registry.subresource import Subresource
from apiserver.registry.views import View
from apiserver.requests import Result, WriteOptions
from apiserver.stored import Stored

_EVICTION: Final = Kind(Eviction, "policy/v1", "Eviction")
_ATTEMPTS: Final = 20
# What is written of budgets and pods here is the server's own doing: nothing to keep or to judge.
_AS_PRODUCED: Final = View(lambda new, old: new, lambda new, old: [])


class PodEviction(Subresource):
    """pods/eviction. `budgets` is the registry of disruption budgets, `by_namespace` finds them."""

    def __init__(self, pods: ObjectRegistry, budgets: ObjectRegistry, by_namespace: ByNamespace) -> None:
        super().__init__("pods/eviction")
        self._pods = pods
        self._budgets = budgets
        self._by_namespace = by_namespace

    async def create(self, user: User, namespace: str, name: str, body: bytes, options: WriteOptions) -> Result:
        bodies.check_options("Create", options.dry_run, options.field_validation)
        eviction, warnings = bodies.decode(_EVICTION, body, options.field_validation)
        if eviction.metadata.name not in ("", name):
            raise errors.BadRequest("name in URL does not match name in Eviction object")
        metadata.in_namespace(eviction, self._pods.resource, namespace)
        delete_options = eviction.delete_options or DeleteOptions()
        if delete_options.dry_run and not options.dry_run:
            options = _with_dry_run(options, delete_options)
        result = await self._evict(user, namespace, name, delete_options, options)
        return Result(result.stored, warnings, created=True, deleted=result.deleted, status=done_status())

    async def _evict(
        self, user: User, namespace: str, name: str, delete_options: DeleteOptions, options: WriteOptions
    ) -> Result:
        for _ in range(_ATTEMPTS):
            stored = await self._pods.get(namespace, name)
            pod: Pod = stored.record
            if disruption.is_free(pod):
                # It must still be so when it goes: the deletion holds for the pod as it was looked at.
                exact = not disruption.is_over(pod)
                try:
                    return await self._delete(user, stored, delete_options, options, exact=exact)
                except errors.Conflict:
                    if not exact or _demands_revision(delete_options):
                        raise
                    continue
            budget = disruption.only_budget(self._matching(pod))
            if budget is None:
                return await self._delete(user, stored, delete_options, options)
            if disruption.is_exempt(pod, budget):
                try:
                    return await self._delete(user, stored, delete_options, options, exact=True)
                except errors.Conflict:
                    if _demands_revision(delete_options):
                        raise
                    continue
            await self._take(budget, name, options)
            return await self._delete(user, stored, delete_options, options)
        raise errors.Timeout(f'couldn\'t evict pod "{name}" due to conflicts', 10)

    def _matching(self, pod: Pod) -> list[PodDisruptionBudget]:
        found = self._by_namespace.of(pod.metadata.namespace)
        return [stored.record for stored in found if disruption.selects(stored.record, pod)]

    async def _take(self, budget: PodDisruptionBudget, pod_name: str, options: WriteOptions) -> None:
        """Take one disruption off a budget. Raises `TooManyRequests` when there is none left."""
        now = timestamps.now_text(time.time())

        def produce(current: Stored) -> tuple[Any, tuple[str, ...]]:
            present = replace(current.record, metadata=replace(current.record.metadata, resource_version=""))
            return disruption.with_disrupted(present, pod_name, now), ()

        where = budget.metadata
        await self._budgets.write(LOOPBACK, where.namespace, where.name, "status", _AS_PRODUCED, produce, options)

    async def _delete(
        self, user: User, stored: Stored, delete_options: DeleteOptions, options: WriteOptions, *, exact: bool = False
    ) -> Result:
        """Say why, then delete; `exact`: only the pod as it was looked at."""
        pod: Pod = stored.record
        revision = stored.revision
        if not options.dry_run and not pod.metadata.deletion_timestamp:
            revision = await self._mark(stored, exact=exact)
        if exact:
            given = delete_options.preconditions or Preconditions()
            if given.resource_version in (None, str(stored.revision)):
                wanted = replace(given, resource_version=str(revision))
                delete_options = replace(delete_options, preconditions=wanted)
        elif pod.metadata.uid:
            given = delete_options.preconditions or Preconditions()
            if given.uid is None:
                # The one that was looked at, not another that has taken its name since.
                delete_options = replace(delete_options, preconditions=replace(given, uid=pod.metadata.uid))
        return await self._pods.delete(user, stored.namespace, stored.name, delete_options, options)

    async def _mark(self, stored: Stored, *, exact: bool) -> int:
        """Set the condition that tells the pod's owner who ended it; the revision after that."""
        now = timestamps.now_text(time.time())

        def produce(current: Stored) -> tuple[Any, tuple[str, ...]]:
            pod: Pod = current.record
            if pod.metadata.uid != stored.uid or (exact and current.revision != stored.revision):
                raise errors.Conflict("pods", stored.name, "the pod changed while it was being evicted")
            claims = replace(pod.metadata, resource_version="")
            return replace(pod, metadata=claims, status=replace(pod.status, conditions=_evicted(pod, now))), ()

        result = await self._pods.write(
            LOOPBACK, stored.namespace, stored.name, "status", _AS_PRODUCED, produce, WriteOptions()
        )
        return result.stored.revision


def _with_dry_run(options: WriteOptions, delete_options: DeleteOptions) -> WriteOptions:
    """The request's options where only the deletion's say that nothing is to be done."""
    return WriteOptions(dry_run=tuple(delete_options.dry_run), field_validation=options.field_validation)


def _demands_revision(delete_options: DeleteOptions) -> bool:
    given = delete_options.preconditions
    return given is not None and (given.resource_version is not None or given.uid is not None)


def _evicted(pod: Pod, now: str) -> list[PodCondition]:
    condition = PodCondition(
        type=disruption.DISRUPTION_TARGET,
        status="True",
        reason="EvictionByEvictionAPI",
        message="Eviction API: evicting",
        last_transition_time=now,
        observed_generation=pod.metadata.generation,
    )
    return [*(each for each in pod.status.conditions if each.type != condition.type), condition]
