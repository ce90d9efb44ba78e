"""Whether quotas have room for a write, and what they are after it. Pure. Source and words: upstream's quota plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from api import errors
from api.pod_resources import Amounts, nanos
from api.quota import scopes, usage
from api.quota.amounts import text
from api.scheme import Resource
from api.types import ResourceQuota
from apiserver.admission.chain import CREATE, UPDATE, Request

# Updates can make objects of these kinds count for more; pods only through their size.
_CHARGED_UPDATES: Final = frozenset({("services", ""), ("persistentvolumeclaims", ""), ("pods", "resize")})


def is_charged(operation: str, resource: Resource, subresource: str) -> bool:
    """Whether such writes can use up quota."""
    if not usage.is_counted(resource):
        return False
    if operation == CREATE:
        return not subresource
    return operation == UPDATE and (resource.group_resource, subresource) in _CHARGED_UPDATES


class Demand:
    """What one write adds to a namespace's use."""

    def __init__(self, request: Request, now: float) -> None:
        self.request = request
        self.resource = request.resource
        self.record = request.new
        self._added: Amounts | None = None
        self._now = now

    @property
    def added(self) -> Amounts:
        """By resource name; what an update gives back is the controller's to count."""
        if self._added is None:
            wanted = usage.usage(self.resource, self.record, self._now)
            had = usage.usage(self.resource, self.request.old, self._now) if self.request.old is not None else {}
            more = {name: amount - had.get(name, 0) for name, amount in wanted.items()}
            self._added = {name: amount for name, amount in more.items() if amount > 0}
        return self._added

    def refusal(self, cause: str) -> errors.Forbidden:
        return errors.Forbidden(self.resource.group_resource, self.request.name, cause)


def charged(quota: ResourceQuota, demand: Demand) -> ResourceQuota | None:
    """The quota after the write; itself when it only has to be guarded, None when it is not concerned.

    Raises `Forbidden` when there is no room or what the object uses cannot be known.
    """
    names = usage.tracked(demand.resource, {*quota.spec.hard, *quota.status.hard})
    if not names or not scopes.matches(quota.spec, demand.resource, demand.record):
        return None
    _check_known(quota, demand)
    requested = {name: amount for name, amount in demand.added.items() if name in names}
    if not requested:
        return None
    hard = quota.status.hard
    counted = {name: amount for name, amount in requested.items() if name in hard}
    used = {name: nanos(quota.status.used.get(name, "0")) for name in counted}
    exceeded = {name for name, amount in counted.items() if used[name] + amount > nanos(hard[name])}
    if exceeded:
        raise demand.refusal(
            f"exceeded quota: {quota.metadata.name}, requested: {_listed(counted, exceeded)}, "
            f"used: {_listed(used, exceeded)}, limited: {_given(hard, exceeded)}"
        )
    if not counted:
        # Its first count is under way: that it began before this write must show.
        return quota
    after = {name: text(name, used[name] + amount) for name, amount in counted.items()}
    return replace(quota, status=replace(quota.status, used={**quota.status.used, **after}))


def _check_known(quota: ResourceQuota, demand: Demand) -> None:
    names = usage.tracked(demand.resource, quota.status.hard)
    unknown = names - quota.status.used.keys()
    if unknown:
        listed = ",".join(sorted(unknown))
        raise demand.refusal(f"status unknown for quota: {quota.metadata.name}, resources: {listed}")
    missing = usage.missing_requirements(demand.resource, demand.record, names)
    if missing:
        raise demand.refusal(f"failed quota: {quota.metadata.name}: {missing}")


def _listed(amounts: Mapping[str, int], names: set[str]) -> str:
    return ",".join(f"{name}={text(name, amounts[name])}" for name in sorted(names))


def _given(amounts: Mapping[str, Any], names: set[str]) -> str:
    return ",".join(f"{name}={amounts[name]}" for name in sorted(names))
