"""Priority, RuntimeClass, LimitRanger and quota: what they add to and refuse of writes."""

from __future__ import annotations

from typing import Any

import pytest

from api import codec, defaults, errors, priorities, scheme
from apiserver.admission.by_namespace import ByNamespace
from apiserver.admission.chain import CREATE, DELETE, UPDATE, Request
from apiserver.admission.limits import LimitBounds, LimitDefaults
from apiserver.admission.priorities import OneDefaultPriority, Priority, SystemPriorities
from apiserver.admission.quotas.charges import Demand, charged, is_charged
from apiserver.admission.runtime_classes import RuntimeClassPlugin
from apiserver.auth.user import User
from apiserver.requests import WriteOptions
from apiserver.storage.cache import ResourceCache
from apiserver.stored import Stored

JANE = User("jane")


def record(word: str, name: str = "it", **tree: Any) -> Any:
    resource = scheme.find(word)
    metadata = {"name": name, **({"namespace": "d"} if resource.namespaced else {})}
    return defaults.apply(codec.from_tree(resource.record, {"metadata": metadata, **tree}))


class Reader:
    """A reader whose cache holds some objects and is always fresh."""

    def __init__(self, word: str, *records: Any) -> None:
        self.cache = ResourceCache(scheme.find(word))
        self.cache.load([stored(each) for each in records], 10)

    async def fresh(self, revision: int | None) -> None:
        return None


def stored(item: Any) -> Stored:
    data = codec.with_resource_version(codec.encode(item), 5)
    return Stored(scheme.of(item), item.metadata.namespace, item.metadata.name, 5, data)


def write(new: Any, old: Any = None) -> Request:
    metadata = new.metadata
    operation = CREATE if old is None else UPDATE
    return Request(JANE, operation, scheme.of(new), "", metadata.namespace, metadata.name, new, old, WriteOptions())


def pod(*containers: dict[str, Any], **spec: Any) -> Any:
    listed = [{"name": "c", "image": "i", **each} for each in containers or ({},)]
    return record("pods", spec={"containers": listed, **spec})


def limits(*items: dict[str, Any]) -> ByNamespace:
    return ByNamespace(Reader("limits", record("limits", spec={"limits": list(items)})).cache)


# Priority


async def test_pods_without_a_class_are_of_the_lowest_default() -> None:
    low, high = (record("pc", name, value=value, globalDefault=True) for name, value in (("low", 3), ("high", 9)))
    spec = (await Priority(Reader("pc", high, low)).create(write(pod()))).spec
    assert (spec.priority_class_name, spec.priority) == ("low", 3)


async def test_a_class_decides_on_preemption() -> None:
    classes = Reader("pc", record("pc", "meek", value=3, preemptionPolicy="Never"))
    spec = (await Priority(classes).create(write(pod(priorityClassName="meek")))).spec
    assert (spec.priority, spec.preemption_policy) == (3, "Never")
    claims = write(pod(priorityClassName="meek", preemptionPolicy="PreemptLowerPriority"))
    with pytest.raises(
        errors.Forbidden, match=r"the string value of PreemptionPolicy \(PreemptLowerPriority\) must not"
    ):
        await Priority(classes).create(claims)


async def test_one_default_only() -> None:
    first = record("pc", "first", value=1, globalDefault=True)
    plugin = OneDefaultPriority(Reader("pc", first, *priorities.bootstrap()))
    second = record("pc", "second", value=1, globalDefault=True)
    with pytest.raises(errors.Forbidden, match=r"PriorityClass first is already marked as default. Only one default"):
        await plugin.create(write(second))
    assert plugin.update(write(first, first)) is first
    assert await plugin.create(write(record("pc", "third", value=1)))


@pytest.mark.parametrize("name", ["system-cluster-critical", "system-node-critical", "system-like"])
def test_the_systems_own_classes_cannot_be_deleted(name: str) -> None:
    resource = scheme.find("pc")
    plugin = SystemPriorities()
    assert plugin.handles(DELETE, resource, "")
    request = Request(User("admin"), DELETE, resource, "", "", name, None, record("pc", name, value=1), WriteOptions())
    if name == "system-like":
        plugin.delete(request)
        return
    with pytest.raises(errors.Forbidden, match="this is a system priority class and cannot be deleted"):
        plugin.delete(request)


# RuntimeClass

HEAVY = record(
    "runtimeclasses",
    "heavy",
    handler="runc",
    overhead={"podFixed": {"cpu": "250m"}},
    scheduling={"nodeSelector": {"vm": "yes"}, "tolerations": [{"key": "vm", "operator": "Exists"}]},
)


async def test_a_runtime_class_costs_and_places() -> None:
    plugin = RuntimeClassPlugin(Reader("runtimeclasses", HEAVY))
    spec = (await plugin.create(write(pod(runtimeClassName="heavy", nodeSelector={"a": "b"})))).spec
    assert spec.overhead == {"cpu": "250m"}
    assert spec.node_selector == {"a": "b", "vm": "yes"}
    assert [toleration.key for toleration in spec.tolerations] == ["vm"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"runtimeClassName": "light"}, 'pod rejected: RuntimeClass "light" not found'),
        ({"overhead": {"cpu": "1"}}, "Pod Overhead set without corresponding RuntimeClass defined Overhead"),
        (
            {"runtimeClassName": "heavy", "overhead": {"cpu": "1"}},
            "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        ),
        (
            {"runtimeClassName": "heavy", "nodeSelector": {"vm": "no"}},
            r"conflict: runtimeClass.scheduling.nodeSelector",
        ),
    ],
)
async def test_pods_at_odds_with_their_class(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.Forbidden, match=message):
        await RuntimeClassPlugin(Reader("runtimeclasses", HEAVY)).create(write(pod(**spec)))


# LimitRanger


async def test_containers_take_the_defaults_they_lack() -> None:
    plugin = LimitDefaults(limits({"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "100m"}}))
    admitted = await plugin.create(write(pod({}, {"name": "own", "resources": {"limits": {"cpu": "2"}}})))
    assert [c.resources.limits["cpu"] for c in admitted.spec.containers] == ["1", "2"]
    assert [c.resources.requests["cpu"] for c in admitted.spec.containers] == ["100m", "2"]
    note = admitted.metadata.annotations["kubernetes.io/limit-ranger"]
    assert note == "LimitRanger plugin set: cpu request for container c; cpu limit for container c"


@pytest.mark.parametrize(
    ("item", "resources", "message"),
    [
        (
            {"type": "Container", "min": {"cpu": "50m"}},
            {},
            'pods "it" is forbidden: minimum cpu usage per Container is 50m.  No request is specified',
        ),
        (
            {"type": "Container", "min": {"memory": "64Mi"}},
            {"requests": {"memory": "32Mi"}},
            "minimum memory usage per Container is 64Mi, but request is 32Mi",
        ),
        (
            {"type": "Container", "max": {"cpu": "1"}},
            {"limits": {"cpu": "1500m"}},
            "maximum cpu usage per Container is 1, but limit is 1500m",
        ),
        (
            {"type": "Pod", "max": {"cpu": "1"}},
            {"limits": {"cpu": "2"}},
            "maximum cpu usage per Pod is 1, but limit is 2",
        ),
        (
            {"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}},
            {"requests": {"cpu": "100m"}, "limits": {"cpu": "300m"}},
            "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
        ),
    ],
)
async def test_pods_beyond_their_bounds(item: dict[str, Any], resources: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.Forbidden) as caught:
        await LimitBounds(limits(item)).create(write(pod({"resources": resources})))
    assert message in caught.value.message


async def test_several_bounds_are_told_at_once_and_claims_are_judged() -> None:
    bounds = limits({"type": "Container", "max": {"cpu": "1", "memory": "1Gi"}, "default": {"cpu": "1"}})
    with pytest.raises(errors.Forbidden, match=r"\[maximum cpu .*, maximum memory .*\]"):
        await LimitBounds(bounds).create(write(pod()))
    claim = record("pvc", spec={"resources": {"requests": {"storage": "9Gi"}}})
    with pytest.raises(
        errors.Forbidden, match="maximum storage usage per PersistentVolumeClaim is 5Gi, but request is"
    ):
        await LimitBounds(limits({"type": "PersistentVolumeClaim", "max": {"storage": "5Gi"}})).create(write(claim))


# Quota


def quota(hard: dict[str, str], used: dict[str, str] | None = None, **spec: Any) -> Any:
    seen = {"hard": hard, "used": dict.fromkeys(hard, "0") | (used or {})}
    return record("quota", "q", spec={"hard": hard, **spec}, status=seen)


def after(given: Any, new: Any, old: Any = None) -> Any:
    return charged(given, Demand(write(new, old), 0.0))


def test_a_charge_adds_what_is_counted() -> None:
    asks = pod({"resources": {"requests": {"cpu": "300m", "memory": "1Gi"}}})
    changed = after(quota({"pods": "2", "requests.cpu": "1"}, {"requests.cpu": "500m"}), asks)
    assert changed.status.used == {"pods": "1", "requests.cpu": "800m"}
    assert after(quota({"secrets": "1"}), asks) is None
    assert after(quota({"pods": "1"}, scopes=["NotBestEffort"]), pod()) is None


def test_what_exceeds_is_listed_and_nothing_else() -> None:
    given = quota({"pods": "1", "requests.cpu": "1", "requests.memory": "1Gi"}, {"pods": "1", "requests.cpu": "500m"})
    asks = pod({"resources": {"requests": {"cpu": "700m", "memory": "1Mi"}}})
    with pytest.raises(errors.Forbidden) as caught:
        after(given, asks)
    assert caught.value.message == (
        'pods "it" is forbidden: exceeded quota: q, requested: pods=1,requests.cpu=700m, '
        "used: pods=1,requests.cpu=500m, limited: pods=1,requests.cpu=1"
    )


def test_what_must_be_said_and_what_is_not_known_yet() -> None:
    with pytest.raises(errors.Forbidden, match=r"quota: q: must specify limits.cpu for: c; limits.memory for: c"):
        after(quota({"limits.cpu": "1", "limits.memory": "1Gi"}), pod())
    unknown = record("quota", "q", spec={"hard": {"pods": "1"}}, status={"hard": {"pods": "1"}})
    with pytest.raises(errors.Forbidden, match="status unknown for quota: q, resources: pods"):
        after(unknown, pod())


def test_a_quota_whose_first_count_is_under_way_is_guarded_not_charged() -> None:
    fresh = record("quota", "q", spec={"hard": {"pods": "1"}})
    assert after(fresh, pod()) is fresh


def test_updates_are_charged_for_what_they_add() -> None:
    old, new = (record("services", spec={"type": kind, "ports": [{"port": 80}]}) for kind in ("ClusterIP", "NodePort"))
    given = quota({"services": "1", "services.nodeports": "1"}, {"services": "1"})
    assert after(given, new, old).status.used == {"services": "1", "services.nodeports": "1"}
    assert after(given, old, new) is None


def test_which_writes_are_charged() -> None:
    pods, services = scheme.find("pods"), scheme.find("services")
    assert is_charged(CREATE, pods, "")
    assert not is_charged(CREATE, pods, "binding")
    assert not is_charged(UPDATE, pods, "")
    assert is_charged(UPDATE, pods, "resize")
    assert is_charged(UPDATE, services, "")
    assert not is_charged(CREATE, scheme.find("nodes"), "")
