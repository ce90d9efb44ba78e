"""The address in an Ingress' status."""

from __future__ import annotations

from api.types import IngressLoadBalancerIngress, IngressLoadBalancerStatus
from ingress.statuses import wanted_status

OURS, OTHER = "10.0.0.1", "192.0.2.7"


def status(*addresses: str) -> IngressLoadBalancerStatus:
    return IngressLoadBalancerStatus(ingress=[IngressLoadBalancerIngress(ip=each) for each in addresses])


def test_ours_have_our_address_and_no_other() -> None:
    assert wanted_status(status(OTHER), OURS, ours=True) == status(OURS)


def test_our_address_is_taken_from_those_that_became_anothers() -> None:
    assert wanted_status(status(OTHER, OURS), OURS, ours=False) == status(OTHER)


def test_others_are_left_alone() -> None:
    assert wanted_status(status(OTHER), OURS, ours=False) == status(OTHER)
