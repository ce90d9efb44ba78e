"""From changes to transactions: whatever comes, the kernel ends up with what is desired, and refuses nothing."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from api.types import EndpointSlice, Service
from kubeproxy.base_table import Network, base_table
from kubeproxy.endpoints import NodeView
from kubeproxy.ruleset import RuleSet
from kubeproxy.translate import translate
from tests.support.nft_model import NftModel
from tests.support.services import endpoint, endpoint_slice, service

BASE = base_table(Network("10.96.0.0/16", "10.96.0.10"))
HERE = NodeView("here")
ADDRESSES = [f"10.1.0.{n}" for n in range(1, 7)]

States = dict[int, tuple[Service, EndpointSlice] | None]


@st.composite
def states(draw: st.DrawFn) -> States:
    """Some of four services, each there or not, with endpoints here or elsewhere."""
    found: States = {}
    for number in draw(st.sets(st.integers(0, 3), min_size=1)):
        if draw(st.booleans()) and draw(st.booleans()):
            found[number] = None
            continue
        spec: dict[str, Any] = {
            "clusterIP": f"10.96.0.{number + 50}",
            "ports": [{"port": 80, "nodePort": draw(st.sampled_from([0, 30080 + number]))}],
            "externalIPs": draw(st.sampled_from([[], ["9.9.9.9"]])),  # two services may want the same
            "sessionAffinity": draw(st.sampled_from(["None", "ClientIP"])),
            "externalTrafficPolicy": draw(st.sampled_from(["Cluster", "Local"])),
            "internalTrafficPolicy": draw(st.sampled_from(["Cluster", "Local"])),
        }
        name = f"s{number}"
        endpoints = [
            endpoint(address, draw(st.sampled_from(["here", "elsewhere"])))
            for address in draw(st.lists(st.sampled_from(ADDRESSES), unique=True, max_size=4))
        ]
        found[number] = (service(name, **spec), endpoint_slice(*endpoints, service=name))
    return found


def carry_out(rules: RuleSet, kernel: NftModel, change: States) -> None:
    new = {}
    for number, state in change.items():
        slices = [] if state is None else [state[1]]
        owner = service(clusterIP="None") if state is None else state[0]
        new[number] = translate(owner, slices, HERE, rules.rules_of(number).rows)
    for transaction in rules.change(new):
        kernel.run(transaction)


def test_packets_of_no_known_connection_are_not_forwarded() -> None:
    rules = {hook: BASE.split(f"chain filter-{hook} {{")[1].split("}")[0] for hook in ("input", "forward", "output")}
    assert [hook for hook, text in rules.items() if "ct state invalid drop" in text] == ["forward"]


@settings(deadline=None, max_examples=150)
@given(st.lists(states(), max_size=6))
def test_small_transactions_lead_to_the_same_table_as_a_whole_one(changes: list[States]) -> None:
    rules, kernel = RuleSet(), NftModel()
    kernel.run(rules.whole(BASE, {}))
    for change in changes:
        carry_out(rules, kernel, change)
    fresh = NftModel()
    fresh.run(rules.whole(BASE, {}))
    assert kernel.tables == fresh.tables


@settings(deadline=None, max_examples=100)
@given(st.lists(states(), max_size=5))
def test_when_every_service_is_gone_nothing_is_left(changes: list[States]) -> None:
    rules, kernel = RuleSet(), NftModel()
    kernel.run(rules.whole(BASE, {}))
    before = kernel.tables["podling"]
    for change in changes:
        carry_out(rules, kernel, change)
    carry_out(rules, kernel, dict.fromkeys(range(4)))
    assert kernel.tables["podling"] == before
    assert len(rules) == 0


@settings(deadline=None, max_examples=100)
@given(states(), states())
def test_elements_never_lead_to_chains_made_in_the_same_transaction(first: States, second: States) -> None:
    rules = RuleSet()
    kernel = NftModel()
    kernel.run(rules.whole(BASE, {}))
    for change in (first, second):
        carry_out(rules, kernel, change)
    for transaction in kernel.transactions[1:]:
        made = set(re.findall(r"^add chain ip podling (\S+)$", transaction, re.MULTILINE))
        put = re.findall(r"^add element .* goto ", transaction, re.MULTILINE)
        assert not (made and put)


def test_nothing_to_change_is_no_transaction() -> None:
    rules, kernel = RuleSet(), NftModel()
    kernel.run(rules.whole(BASE, {}))
    state = {0: (service("s0"), endpoint_slice(*ADDRESSES[:3], service="s0"))}
    carry_out(rules, kernel, state)
    before = len(kernel.transactions)
    carry_out(rules, kernel, state)
    assert len(kernel.transactions) == before


def test_one_endpoint_less_among_many_is_a_few_elements() -> None:
    rules, kernel = RuleSet(), NftModel()
    kernel.run(rules.whole(BASE, {}))
    many = [f"10.1.1.{n}" for n in range(1, 201)]
    carry_out(rules, kernel, {0: (service("s0"), endpoint_slice(*many, service="s0"))})
    carry_out(rules, kernel, {0: (service("s0"), endpoint_slice(*many[1:], service="s0"))})
    assert len(kernel.transactions[-1]) < 1_000


def test_the_first_of_two_services_with_one_external_ip_has_it_until_it_goes() -> None:
    rules, kernel = RuleSet(), NftModel()
    kernel.run(rules.whole(BASE, {}))
    for number in (0, 1):
        owner = service(f"s{number}", clusterIP=f"10.96.0.{number + 50}", externalIPs=["9.9.9.9"])
        carry_out(rules, kernel, {number: (owner, endpoint_slice(*ADDRESSES[: number + 1], service=f"s{number}"))})
    ports = kernel.tables["podling"].elements["service-ports"]
    assert ports["9.9.9.9 . tcp . 80"] == "goto masquerade-address-tcp/1"
    carry_out(rules, kernel, {0: None})
    ports = kernel.tables["podling"].elements["service-ports"]
    assert ports["9.9.9.9 . tcp . 80"] == "goto masquerade-address-tcp/2"


def test_a_whole_table_keeps_the_clients_of_sets_that_are_still_there() -> None:
    rules, kernel = RuleSet(), NftModel()
    kernel.run(rules.whole(BASE, {}))
    owner = service("s0", sessionAffinity="ClientIP")
    carry_out(rules, kernel, {0: (owner, endpoint_slice(ADDRESSES[0], service="s0"))})
    [name] = rules.affinity_sets()
    kernel.run(rules.whole(BASE, {name: ["10.1.0.9 timeout 3h expires 2h"], "affinity/gone": ["10.1.0.8"]}))
    assert kernel.tables["podling"].elements[name] == {"10.1.0.9 timeout 3h expires 2h": ""}
