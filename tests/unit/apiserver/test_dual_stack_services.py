"""Services of one and of two IP families: what is asked for, what is given, and what each change means."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from msgspec.structs import replace

from api import codec, defaults, scheme, validation
from api.errors import Invalid
from api.types import ObjectMeta, Service, ServicePort, ServiceSpec
from apiserver.registry.allocation import Allocations, Ranges
from apiserver.registry.strategies.services import ServiceStrategy
from apiserver.storage.keys import Keys
from apiserver.stored import Stored

SERVICES = scheme.find("services")
V4 = ipaddress.ip_network("10.96.0.0/16")
V6 = ipaddress.ip_network("fd00:10:96::/112")
BOTH = ["IPv4", "IPv6"]


def strategy_of(*networks: Any) -> ServiceStrategy:
    ranges = Ranges(networks[0], second=networks[1] if len(networks) > 1 else None)
    return ServiceStrategy(SERVICES, Allocations(ranges, Keys()))


@pytest.fixture
def dual() -> ServiceStrategy:
    return strategy_of(V4, V6)


@pytest.fixture
def single() -> ServiceStrategy:
    return strategy_of(V4)


def service(**spec: Any) -> Service:
    return Service(
        metadata=ObjectMeta(name="s", namespace="default"), spec=ServiceSpec(ports=[ServicePort(port=80)], **spec)
    )


def made(strategy: ServiceStrategy, **spec: Any) -> Service:
    new = strategy.prepare_create(defaults.apply(service(**spec)))
    assert list(validation.create(new)) == []
    return strategy.allocate(new, None)[0]


def put(strategy: ServiceStrategy, old: Service, **spec: Any) -> Service:
    """The object a client sends in place of the old one: only what it says."""
    return sent(strategy, old, service(**spec))


def patched(strategy: ServiceStrategy, old: Service, **spec: Any) -> Service:
    return sent(strategy, old, replace(old, spec=replace(old.spec, **spec)))


def sent(strategy: ServiceStrategy, old: Service, new: Service) -> Service:
    new = strategy.prepare_update(defaults.apply(new), old)
    problems = list(validation.update(new, old))
    if problems:
        raise Invalid("Service", "s", problems)
    return strategy.allocate(new, old)[0]


def families(record: Service) -> tuple[str | None, list[str], list[str]]:
    """Policy, families, and the families of the addresses."""
    of = ["IPv6" if ":" in address else "IPv4" for address in record.spec.cluster_ips if address != "None"]
    return record.spec.ip_family_policy, record.spec.ip_families, of


@pytest.mark.parametrize(
    ("asked", "policy", "given"),
    [
        ({}, "SingleStack", ["IPv4"]),
        ({"ip_family_policy": "SingleStack"}, "SingleStack", ["IPv4"]),
        ({"ip_families": ["IPv6"]}, "SingleStack", ["IPv6"]),
        ({"ip_family_policy": "PreferDualStack"}, "PreferDualStack", BOTH),
        ({"ip_family_policy": "RequireDualStack"}, "RequireDualStack", BOTH),
        ({"ip_family_policy": "PreferDualStack", "ip_families": ["IPv6"]}, "PreferDualStack", BOTH[::-1]),
        ({"ip_family_policy": "RequireDualStack", "ip_families": ["IPv6", "IPv4"]}, "RequireDualStack", BOTH[::-1]),
        ({"cluster_ip": "fd00:10:96::9"}, "SingleStack", ["IPv6"]),
        ({"ip_family_policy": "PreferDualStack", "cluster_ip": "10.96.0.9"}, "PreferDualStack", BOTH),
    ],
)
def test_what_a_cluster_of_two_families_gives(
    dual: ServiceStrategy, asked: dict[str, Any], policy: str, given: list[str]
) -> None:
    record = made(dual, **asked)
    assert families(record) == (policy, given, given)
    assert record.spec.cluster_ip == record.spec.cluster_ips[0]
    networks = {"IPv4": V4, "IPv6": V6}
    for family, address in zip(given, record.spec.cluster_ips, strict=True):
        assert ipaddress.ip_address(address) in networks[family]


def test_the_first_range_is_the_primary_family() -> None:
    assert families(made(strategy_of(V6, V4)))[1:] == (["IPv6"], ["IPv6"])
    assert families(made(strategy_of(V6, V4), ip_family_policy="PreferDualStack"))[1] == BOTH[::-1]


def test_a_cluster_of_one_family_gives_what_it_has(single: ServiceStrategy) -> None:
    assert families(made(single)) == ("SingleStack", ["IPv4"], ["IPv4"])
    assert families(made(single, ip_family_policy="PreferDualStack")) == ("PreferDualStack", ["IPv4"], ["IPv4"])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (
            {"ip_family_policy": "RequireDualStack"},
            'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": '
            "this cluster is not configured for dual-stack services",
        ),
        ({"ip_families": ["IPv6"]}, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'),
        (
            {"ip_family_policy": "PreferDualStack", "ip_families": BOTH},
            'spec.ipFamilies[1]: Invalid value: "IPv6": not configured on this cluster',
        ),
        ({"cluster_ip": "fd00::9"}, "IPv6 is not configured on this cluster"),
    ],
)
def test_what_a_cluster_of_one_family_refuses(single: ServiceStrategy, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid) as refused:
        made(single, **asked)
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"ip_families": BOTH}, "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are"),
        (
            {"cluster_ip": "10.96.0.9", "cluster_ips": ["10.96.0.9", "fd00:10:96::9"]},
            "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified",
        ),
        (
            {"ip_family_policy": "PreferDualStack", "cluster_ip": "fd01::1", "cluster_ips": ["fd01::1"]},
            "failed to allocate IP fd01::1: the provided IP (fd01::1) is not in the valid range. "
            "The range of valid IPs is fd00:10:96::/112",
        ),
    ],
)
def test_what_does_not_go_together(dual: ServiceStrategy, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid) as refused:
        made(dual, **asked)
    assert words in refused.value.message


def test_headless_services(single: ServiceStrategy, dual: ServiceStrategy) -> None:
    selecting = {"cluster_ip": "None", "selector": {"a": "b"}}
    assert families(made(dual, **selecting))[:2] == ("SingleStack", ["IPv4"])
    assert families(made(dual, **selecting, ip_family_policy="PreferDualStack"))[1] == BOTH
    assert families(made(single, cluster_ip="None"))[:2] == ("RequireDualStack", BOTH)
    assert families(made(single, cluster_ip="None", ip_families=["IPv6"]))[:2] == ("RequireDualStack", BOTH[::-1])
    assert families(made(single, cluster_ip="None", ip_family_policy="SingleStack"))[1] == ["IPv4"]


def test_external_names_have_no_family(dual: ServiceStrategy) -> None:
    record = made(dual, type="ExternalName", external_name="a.b")
    assert families(record) == (None, [], [])
    back = patched(dual, record, type="ClusterIP", external_name="", ip_family_policy="PreferDualStack")
    assert families(back) == ("PreferDualStack", BOTH, BOTH)


def test_both_addresses_are_claimed_and_given_back(dual: ServiceStrategy) -> None:
    asked = defaults.apply(service(ip_family_policy="PreferDualStack"))
    record, sides = dual.allocate(dual.prepare_create(asked), None)
    assert {side.key.decode().rpartition("/")[2] for side in sides} == set(record.spec.cluster_ips)
    assert [side.delete for side in dual.release(record)] == [True, True]


def test_an_address_of_the_second_family_is_one_services_alone() -> None:
    allocations = Allocations(Ranges(V4, second=V6), Keys())
    dual = ServiceStrategy(SERVICES, allocations)
    record = made(dual, cluster_ip="fd00:10:96::9")
    data = codec.with_resource_version(codec.encode(record), 5)
    allocations.listener(None, Stored(SERVICES, "default", "other", 5, data))
    with pytest.raises(Invalid, match="failed to allocate IP fd00:10:96::9: provided IP is already allocated"):
        made(dual, cluster_ip="fd00:10:96::9")


def test_a_node_port_is_one_for_both_families(dual: ServiceStrategy) -> None:
    record = made(dual, type="NodePort", ip_family_policy="RequireDualStack")
    assert len(record.spec.cluster_ips) == 2
    assert record.spec.ports[0].node_port


@pytest.mark.parametrize("policy", ["PreferDualStack", "RequireDualStack"])
def test_a_second_family_joins_when_it_is_asked_for(dual: ServiceStrategy, policy: str) -> None:
    old = made(dual)
    for new in (put(dual, old, ip_family_policy=policy), patched(dual, old, ip_family_policy=policy)):
        assert families(new) == (policy, BOTH, BOTH)
        assert new.spec.cluster_ip == old.spec.cluster_ip


def test_a_second_family_goes_when_one_is_asked_for(dual: ServiceStrategy) -> None:
    old = made(dual, ip_family_policy="RequireDualStack")
    alone = {"cluster_ip": old.spec.cluster_ip, "cluster_ips": old.spec.cluster_ips[:1], "ip_families": ["IPv4"]}
    for new in (
        put(dual, old, ip_family_policy="SingleStack"),
        patched(dual, old, ip_family_policy="SingleStack"),
        patched(dual, old, ip_family_policy="SingleStack", **alone),
    ):
        assert families(new) == ("SingleStack", ["IPv4"], ["IPv4"])
        assert new.spec.cluster_ips == old.spec.cluster_ips[:1]


def test_nothing_changes_unless_it_is_said(dual: ServiceStrategy) -> None:
    old = made(dual, ip_family_policy="PreferDualStack")
    assert put(dual, old, selector={"a": "b"}).spec.cluster_ips == old.spec.cluster_ips
    # A client that knows nothing of the plural fields.
    assert put(dual, old, cluster_ip=old.spec.cluster_ip).spec.cluster_ips == old.spec.cluster_ips
    assert put(dual, made(dual), selector={"a": "b"}).spec.ip_families == ["IPv4"]


def test_a_preference_does_not_follow_the_cluster(single: ServiceStrategy, dual: ServiceStrategy) -> None:
    """Only a change of policy, or of addresses, does that."""
    before = made(single, ip_family_policy="PreferDualStack")
    assert put(dual, before, selector={"a": "b"}).spec.ip_families == ["IPv4"]
    assert families(put(dual, before, ip_family_policy="RequireDualStack"))[2] == BOTH
    both = made(dual, ip_family_policy="PreferDualStack")
    assert put(single, both, selector={"a": "b"}).spec.cluster_ips == both.spec.cluster_ips


def test_the_second_address_is_not_dropped_in_passing(dual: ServiceStrategy) -> None:
    old = made(dual, ip_family_policy="RequireDualStack")
    with pytest.raises(Invalid, match="must be set to 'SingleStack' when releasing the secondary clusterIP"):
        patched(dual, old, cluster_ips=old.spec.cluster_ips[:1])


def test_the_primary_family_stays(dual: ServiceStrategy) -> None:
    old = made(dual, ip_family_policy="RequireDualStack")
    with pytest.raises(Invalid, match="may not change once set"):
        patched(dual, old, ip_families=BOTH[::-1])
    with pytest.raises(Invalid, match="may not change once set"):
        patched(dual, old, cluster_ip=old.spec.cluster_ips[1], cluster_ips=old.spec.cluster_ips[::-1])
