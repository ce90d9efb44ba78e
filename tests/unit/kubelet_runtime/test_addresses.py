import pytest

from kubelet.runtime.base import RuntimeFailure
from kubelet.runtime.oci.addresses import next_address, second_address


def test_the_first_pod_does_not_get_the_networks_or_the_gateways_address() -> None:
    assert next_address("10.128.1.0/24", set(), "") == "10.128.1.2"


def test_addresses_go_round_and_are_not_given_twice() -> None:
    used: set[str] = set()
    last = ""
    for _ in range(253):
        last = next_address("10.128.1.0/24", used, last)
        assert last not in used
        used.add(last)
    assert "10.128.1.255" not in used
    used.remove("10.128.1.77")
    assert next_address("10.128.1.0/24", used, last) == "10.128.1.77"


def test_an_address_just_given_back_is_not_the_next_one() -> None:
    assert next_address("10.128.1.0/24", set(), "10.128.1.9") == "10.128.1.10"


def test_a_full_network_is_said_to_be_full() -> None:
    with pytest.raises(RuntimeFailure, match=r"no pod address is free in 10\.0\.0\.0/30: all 1 are in use"):
        next_address("10.0.0.0/30", {"10.0.0.2"}, "10.0.0.2")


def test_the_other_familys_address_is_at_the_same_place() -> None:
    assert second_address("10.128.1.0/24", "fd00:0:0:1::/64", "10.128.1.77") == "fd00:0:0:1::4d"
    with pytest.raises(RuntimeFailure, match="make it larger"):
        second_address("10.128.1.0/24", "fd00::/122", "10.128.1.77")
