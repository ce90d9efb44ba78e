"""What a quota's status must say. Pure. Source: upstream's resource quota controller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from api import scheme
from api.pod_resources import Amounts, add
from api.quota import scopes, usage
from api.quota.amounts import text
from api.scheme import Resource
from api.types import Pod, ResourceQuota, ResourceQuotaStatus


def counted_resources() -> list[Resource]:
    """Every kind whose objects can use up quota."""
    return [
        resource
        for resource in scheme.RESOURCES
        if resource.persistent
        and resource.stored_as is None
        and usage.is_counted(resource)
        and {"list", "watch"} <= set(resource.verbs)
    ]


def concerned(quota: ResourceQuota, resources: Iterable[Resource]) -> list[Resource]:
    """The kinds a quota counts."""
    return [resource for resource in resources if usage.tracked(resource, quota.spec.hard)]


def status(quota: ResourceQuota, objects: Mapping[Resource, Iterable[Any]], now: float) -> ResourceQuotaStatus:
    """The status for the objects of the quota's namespace, by concerned kind; `now` in seconds since the epoch.

    Resources nobody counts keep the use they had, as upstream.
    """
    hard = quota.spec.hard
    used = {name: amount for name, amount in quota.status.used.items() if name in hard}
    for resource, records in objects.items():
        total: Amounts = dict.fromkeys(usage.tracked(resource, hard), 0)
        for record in records:
            if scopes.matches(quota.spec, resource, record):
                counts = usage.usage(resource, record, now)
                add(total, {name: counts[name] for name in counts.keys() & total.keys()})
        used |= {name: text(name, amount) for name, amount in total.items()}
    return ResourceQuotaStatus(hard=dict(hard), used={name: used[name] for name in sorted(used)})


def gives_back(resource: Resource, old: Any, new: Any) -> bool:
    """Whether a change may have set quota free, or moved an object between quotas; creations were charged already."""
    if old is None:
        return False
    if new is None:
        return True
    if isinstance(new, Pod):
        finished = usage.FINISHED
        return old.spec != new.spec or (old.status.phase not in finished and new.status.phase in finished)
    return resource.plural in ("services", "persistentvolumeclaims") and (old.spec, old.status) != (
        new.spec,
        new.status,
    )
