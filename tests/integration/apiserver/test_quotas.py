"""Quotas and disruption budgets on real etcd, while many ask at once."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from api import codec, defaults
from api.errors import AlreadyExists, Conflict, Forbidden, NotFound, StatusError, TooManyRequests
from api.types import (
    ConfigMap,
    Eviction,
    Namespace,
    ObjectMeta,
    Pod,
    PodCondition,
    PodDisruptionBudget,
    PodDisruptionBudgetStatus,
    ResourceQuota,
    ResourceQuotaSpec,
    ResourceQuotaStatus,
    ServiceAccount,
)
from cluster.client import Client

ROOM = 40
ASKED = 150


async def test_many_creations_at_once_never_exceed_a_quota(client: Client) -> None:
    """Names collide, somebody counts anew and gives back meanwhile: in the end what is counted is what is there."""
    await client.create(Namespace(metadata=ObjectMeta(name="tight")))
    await make_quota(client, "tight", {"configmaps": str(ROOM), "count/configmaps": "1k"})
    await client.create(config_map("taken"))
    counting = asyncio.create_task(recount(client, "tight"))
    outcomes = await all_of(client.create(config_map(f"c{number}")) for number in range(ASKED))
    again = await all_of(client.create(config_map("taken")) for _ in range(5))
    counting.cancel()
    await asyncio.wait([counting])
    made = [each for each in outcomes if isinstance(each, ConfigMap)]
    refused = [each for each in outcomes if not isinstance(each, ConfigMap)]
    assert len(made) == ROOM - 1
    assert all(isinstance(each, Forbidden) for each in refused)
    assert f"exceeded quota: q, requested: configmaps=1, used: configmaps={ROOM}, limited: configmaps={ROOM}" in str(
        refused[-1]
    )
    assert all(isinstance(each, AlreadyExists | Forbidden) for each in again)
    present = (await client.list(ConfigMap, "tight")).items
    assert len(present) == ROOM
    quota = await client.get(ResourceQuota, "q", "tight")
    assert quota.status.used == {"configmaps": str(ROOM), "count/configmaps": str(ROOM)}


async def test_a_name_that_is_taken_costs_no_quota_and_stops_nobody_else(client: Client) -> None:
    await client.create(Namespace(metadata=ObjectMeta(name="names")))
    await make_quota(client, "names", {"configmaps": "100"})
    wanted = [config_map(f"c{number % 20}", "names") for number in range(60)]
    outcomes = await all_of(client.create(each) for each in wanted)
    assert sum(1 for each in outcomes if isinstance(each, ConfigMap)) == 20
    assert sum(1 for each in outcomes if isinstance(each, AlreadyExists)) == 40
    assert (await client.get(ResourceQuota, "q", "names")).status.used == {"configmaps": "20"}


async def test_a_quota_made_amid_creations_counts_them_all(client: Client) -> None:
    """Whoever counts at the quota's revision misses nobody: what began before had to begin again."""
    await client.create(Namespace(metadata=ObjectMeta(name="late")))
    creating = [asyncio.create_task(client.create(config_map(f"c{number}", "late"))) for number in range(ASKED)]
    await asyncio.wait(creating, return_when=asyncio.FIRST_COMPLETED)
    made = await client.create(
        ResourceQuota(
            metadata=ObjectMeta(name="q", namespace="late"), spec=ResourceQuotaSpec(hard={"configmaps": "20"})
        )
    )
    counted = await client.list(ConfigMap, "late")
    summed = ResourceQuotaStatus(hard={"configmaps": "20"}, used={"configmaps": str(len(counted.items))})
    try:
        await client.update(replace(made, status=summed), subresource="status")
    except Conflict:
        summed = ResourceQuotaStatus()
    await asyncio.wait(creating)
    if summed.hard:
        present = len((await client.list(ConfigMap, "late")).items)
        assert (await client.get(ResourceQuota, "q", "late")).status.used == {"configmaps": str(present)}
        assert present <= max(20, len(counted.items))


async def test_evictions_at_once_take_no_more_than_the_budget_has(client: Client) -> None:
    await client.create(Namespace(metadata=ObjectMeta(name="drained")))
    await client.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="drained")))
    for number in range(6):
        await running_pod(client, f"p{number}")
    budget = codec.from_tree(
        PodDisruptionBudget,
        {"metadata": {"name": "b", "namespace": "drained"}, "spec": {"minAvailable": 4, "selector": {}}},
    )
    made = await client.create(budget)
    allowed = PodDisruptionBudgetStatus(
        disruptions_allowed=2, current_healthy=6, desired_healthy=4, expected_pods=6, observed_generation=1
    )
    await client.update(replace(made, status=allowed), subresource="status")
    outcomes = await all_of(evict(client, f"p{number}") for number in range(6))
    refused = [each for each in outcomes if isinstance(each, TooManyRequests)]
    assert len(refused) == 4
    assert refused[0].causes[0]["reason"] == "DisruptionBudget"
    left = await client.get(PodDisruptionBudget, "b", "drained")
    assert (left.status.disruptions_allowed, len(left.status.disrupted_pods)) == (0, 2)
    assert sorted(each.metadata.name for each in (await client.list(Pod, "drained")).items) == sorted(
        {f"p{number}" for number in range(6)} - left.status.disrupted_pods.keys()
    )


async def make_quota(client: Client, namespace: str, hard: dict[str, str]) -> None:
    spec = ResourceQuotaSpec(hard=hard)
    made = await client.create(ResourceQuota(metadata=ObjectMeta(name="q", namespace=namespace), spec=spec))
    status = ResourceQuotaStatus(hard=made.spec.hard, used=dict.fromkeys(hard, "0"))
    await client.update(replace(made, status=status), subresource="status")


async def recount(client: Client, namespace: str) -> None:
    """What the controller does, all the time: count at the quota's revision or later, write over that one only."""
    while True:
        quota = await client.get(ResourceQuota, "q", namespace)
        count = str(len((await client.list(ConfigMap, namespace)).items))
        status = replace(quota.status, used=dict.fromkeys(quota.status.used, count))
        try:
            await client.update(replace(quota, status=status), subresource="status")
        except (Conflict, NotFound):
            continue


async def running_pod(client: Client, name: str) -> None:
    tree = {
        "metadata": {"name": name, "namespace": "drained", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    pod = await client.create(defaults.apply(codec.from_tree(Pod, tree)))
    ready = PodCondition(type="Ready", status="True")
    status = replace(pod.status, phase="Running", conditions=[ready])
    await client.update(replace(pod, status=status), subresource="status")


async def evict(client: Client, name: str) -> Any:
    eviction = Eviction(metadata=ObjectMeta(name=name, namespace="drained"))
    return await client.create(eviction, subresource="eviction", name=name)


def config_map(name: str, namespace: str = "tight") -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace), data={"k": "v"})


async def all_of(calls: Any) -> list[Any]:
    """Every answer or refusal; anything else is raised."""
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, StatusError):
            raise outcome
    return outcomes
