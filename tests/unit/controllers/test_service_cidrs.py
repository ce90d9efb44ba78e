"""When a ServiceCIDR that is to go has to stay."""

from __future__ import annotations

import ipaddress

import pytest

from api.types import ObjectMeta, Service, ServiceCIDR, ServiceCIDRSpec, ServiceSpec
from controllers.service_cidrs import addresses_of, is_needed

ADDRESS = ipaddress.ip_address("10.1.0.7")


def cidr(*networks: str, going: bool = False) -> ServiceCIDR:
    metadata = ObjectMeta(name="x", deletion_timestamp="2026-01-01T00:00:00Z" if going else None)
    return ServiceCIDR(metadata=metadata, spec=ServiceCIDRSpec(cidrs=list(networks)))


@pytest.mark.parametrize(
    ("others", "needed"),
    [
        ([], True),
        ([cidr("10.2.0.0/16")], True),
        ([cidr("10.0.0.0/8")], False),
        ([cidr("10.0.0.0/8", going=True)], True),
        ([cidr("fd00::/64")], True),
    ],
)
def test_an_address_needs_one_network_that_stays(others: list[ServiceCIDR], needed: bool) -> None:
    going = cidr("10.1.0.0/24", "fd01::/112", going=True)
    assert is_needed(going, [going, *others], [ADDRESS]) is needed


def test_nothing_is_needed_without_addresses_in_it() -> None:
    going = cidr("10.3.0.0/24", going=True)
    assert not is_needed(going, [going], [ADDRESS])


def test_a_headless_service_has_no_address() -> None:
    assert list(addresses_of(Service(spec=ServiceSpec(cluster_ips=["None"])))) == []
    assert list(addresses_of(Service(spec=ServiceSpec(cluster_ips=["10.1.0.7"])))) == [ADDRESS]
