"""Network indexes: one a directory, kept, never shared, given back when the directory is gone."""

import pytest

from podling.launcher.claims import Refused, choose
from podling.launcher.plan import NETWORK_INDEXES


def pick(
    claims: dict[str, str],
    directory: str = "/c",
    *,
    routes: tuple[str, ...] = (),
    gone: tuple[str, ...] = (),
    busy: tuple[int, ...] = (),
) -> tuple[int, dict[str, str]]:
    return choose(claims, directory, list(routes), lambda owner: owner not in gone, lambda index: index not in busy)


def test_the_lowest_free_index_is_taken() -> None:
    assert pick({"0": "/a", "2": "/b"}) == (1, {"0": "/a", "2": "/b", "1": "/c"})


def test_a_directory_keeps_its_index_even_when_its_own_network_is_up() -> None:
    claims = {"0": "/a", "7": "/c"}
    assert pick(claims, routes=("10.135.0.0/24",), busy=(7,)) == (7, claims)


def test_indexes_whose_network_the_machine_routes_are_passed_over() -> None:
    assert pick({}, routes=("10.128.4.0/24", "fe80::/64", "10.129.0.0/16"))[0] == 2


def test_indexes_whose_ports_are_busy_are_passed_over() -> None:
    assert pick({}, busy=(0,))[0] == 1


def test_claims_of_directories_that_are_gone_lapse() -> None:
    assert pick({"0": "/a", "1": "/b"}, gone=("/a",)) == (0, {"1": "/b", "0": "/c"})


def test_a_full_machine_is_said_to_be_full() -> None:
    claims = {str(index): f"/{index}" for index in NETWORK_INDEXES}
    with pytest.raises(Refused, match="take a cluster down"):
        pick(claims)
