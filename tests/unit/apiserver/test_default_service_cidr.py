"""The object that tells where Service addresses come from."""

from __future__ import annotations

import ipaddress

from msgspec.structs import replace

from api import defaults, validation
from api.types import Condition, ServiceCIDRStatus
from apiserver import default_service_cidr

NETWORK = ipaddress.ip_network("10.96.0.0/16")
NOW = 1_700_000_000.0


def test_it_names_the_network_and_is_valid() -> None:
    made = default_service_cidr.default([NETWORK])
    assert made.spec.cidrs == ["10.96.0.0/16"]
    assert list(validation.create(defaults.apply(made))) == []


def test_it_is_made_ready_once() -> None:
    made = default_service_cidr.default([NETWORK])
    readied = default_service_cidr.ready(made, NOW)
    assert [(one.type, one.status) for one in readied.status.conditions] == [("Ready", "True")]
    assert default_service_cidr.ready(readied, NOW + 1) is readied


def test_what_others_say_of_it_stays() -> None:
    foreign = Condition(type="Foreign", status="True")
    made = replace(default_service_cidr.default([NETWORK]), status=ServiceCIDRStatus(conditions=[foreign]))
    assert [one.type for one in default_service_cidr.ready(made, NOW).status.conditions] == ["Foreign", "Ready"]


def test_a_second_family_joins_the_first() -> None:
    second = ipaddress.ip_network("fd00::/112")
    alone = default_service_cidr.default([NETWORK])
    both = default_service_cidr.joined(alone, [NETWORK, second])
    assert both.spec.cidrs == ["10.96.0.0/16", "fd00::/112"]
    assert list(validation.update(both, alone)) == []
    assert default_service_cidr.joined(both, [NETWORK, second]) is both
    assert default_service_cidr.joined(both, [NETWORK]) is both
