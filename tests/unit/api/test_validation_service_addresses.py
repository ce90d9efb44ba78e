"""ServiceCIDRs and IPAddresses: which are stored, and what of them may change."""

from __future__ import annotations

import pytest

from api import scheme, tables, validation
from api.types import IPAddress, IPAddressSpec, ObjectMeta, ParentReference, ServiceCIDR, ServiceCIDRSpec

PARENT = ParentReference(resource="services", namespace="foo", name="bar")


def address(name: str = "192.0.2.1", parent: ParentReference | None = PARENT) -> IPAddress:
    return IPAddress(metadata=ObjectMeta(name=name), spec=IPAddressSpec(parent_ref=parent))


def network(*cidrs: str) -> ServiceCIDR:
    return ServiceCIDR(metadata=ObjectMeta(name="c"), spec=ServiceCIDRSpec(cidrs=list(cidrs)))


@pytest.mark.parametrize("name", ["255.255.255.255", "fe80::42:1dff:fe84:f9e2", "::"])
def test_an_addresss_name_is_the_address(name: str) -> None:
    assert validation.create(address(name)) == []


@pytest.mark.parametrize("name", ["a", "1.2.3", "2001:DB8::1", "2001:db8:0::1", "192.0.2.1/32", "fe80::1%eth0"])
def test_other_names_are_refused(name: str) -> None:
    assert [error.field for error in validation.create(address(name))] == ["metadata.name"]


def test_an_address_is_somebodys_for_good() -> None:
    assert [error.field for error in validation.create(address(parent=None))] == ["spec.parentRef"]
    bare = validation.create(address(parent=ParentReference(group="-")))
    assert {error.field for error in bare} == {f"spec.parentRef.{field}" for field in ("group", "resource", "name")}
    moved = address(parent=ParentReference(resource="services", namespace="foo", name="other"))
    assert [error.field for error in validation.update(moved, address())] == ["spec.parentRef"]


@pytest.mark.parametrize(
    ("cidrs", "fields"),
    [
        (["10.0.0.0/16"], []),
        (["10.0.0.0/16", "2001:db8::/64"], []),
        ([], ["spec.cidrs"]),
        (["10.0.0.0/16", "10.1.0.0/16"], ["spec.cidrs"]),
        (["10.0.0.0/16", "2001:db8::/64", "2001:db9::/64"], ["spec.cidrs"]),
        (["10.0.0.0"], ["spec.cidrs[0]"]),
    ],
)
def test_networks(cidrs: list[str], fields: list[str]) -> None:
    assert [error.field for error in validation.create(network(*cidrs))] == fields


def test_networks_stay_but_a_second_family_may_join() -> None:
    old = network("10.0.0.0/16")
    assert validation.update(network("10.0.0.0/16", "2001:db8::/64"), old) == []
    assert [error.field for error in validation.update(network("10.1.0.0/16"), old)] == ["spec.cidrs[0]"]
    assert [error.field for error in validation.update(old, network("10.0.0.0/16", "2001:db8::/64"))] == ["spec.cidrs"]


@pytest.mark.parametrize(
    ("parent", "shown"),
    [
        (ParentReference(resource="services", namespace="default", name="web"), "services/default/web"),
        (ParentReference(group="a.b", resource="things", name="it"), "things.a.b/it"),
        (None, "<none>"),
    ],
)
def test_an_address_is_shown_with_whose_it_is(parent: ParentReference | None, shown: str) -> None:
    record = IPAddress(metadata=ObjectMeta(name="192.0.2.1"), spec=IPAddressSpec(parent_ref=parent))
    rows = tables.render(scheme.find("ipaddresses"), [record], 0.0)["rows"]
    assert rows[0]["cells"] == ["192.0.2.1", shown]


def test_a_range_is_shown_with_its_networks() -> None:
    record = ServiceCIDR(
        metadata=ObjectMeta(name="kubernetes"), spec=ServiceCIDRSpec(cidrs=["10.0.0.0/8", "fd00::/108"])
    )
    rows = tables.render(scheme.find("servicecidrs"), [record], 0.0)["rows"]
    assert rows[0]["cells"][:2] == ["kubernetes", "10.0.0.0/8,fd00::/108"]
