"""Both ways to the kernel do the same."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeproxy.base_table import Network, base_table
from kubeproxy.endpoints import NodeView
from kubeproxy.kernel import Command, KernelError, affinity_clients, remove_table
from kubeproxy.ruleset import RuleSet
from kubeproxy.translate import ServiceRules, node_items, translate
from tests.support.netns import Namespace
from tests.support.services import endpoint_slice, service

BASE = base_table(Network("10.96.0.0/16", "10.96.0.10"))
NODE = NodeView("here", addresses=("192.168.0.1",), pod_cidrs=("10.1.0.0/24",))


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    made = Namespace("nft")
    yield made
    made.close()


@pytest.fixture
def kernel(namespace: Namespace, tmp_path: Path) -> Command:
    """The `nft` command in the namespace."""
    wrapper = tmp_path / "nft"
    wrapper.write_text(f'#!/bin/sh\nexec ip netns exec {namespace.name} nft "$@"\n')
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    return Command(str(wrapper))


def test_the_nft_command_carries_out_what_is_written_for_the_library(kernel: Command, namespace: Namespace) -> None:
    rules = RuleSet()
    rules.change({"node": ServiceRules(own=node_items(NODE))})
    kernel.run(rules.whole(BASE, {}))
    before = namespace.run("nft", "list", "ruleset")
    kinds = [
        service(type="NodePort", ports=[{"port": 80, "nodePort": 30080}], externalIPs=["9.9.9.9"]),
        service("sticky", clusterIP="10.96.0.51", sessionAffinity="ClientIP", externalTrafficPolicy="Local"),
        service("sctp", clusterIP="10.96.0.52", ports=[{"port": 1, "protocol": "SCTP"}]),
    ]
    for owner in kinds:
        slices = [
            endpoint_slice("10.1.0.1", "10.1.0.2", service=owner.metadata.name),
            endpoint_slice("10.1.0.1", name="s", ports=[{"port": 1, "protocol": "SCTP"}]),
        ]
        for transaction in rules.change({owner.metadata.name: translate(owner, slices, NODE, {})}):
            kernel.run(transaction)
    assert len(namespace.run("nft", "list", "ruleset")) > len(before)
    for transaction in rules.change({owner.metadata.name: ServiceRules() for owner in kinds}):
        kernel.run(transaction)
    assert namespace.run("nft", "list", "ruleset") == before
    remove_table(kernel)
    assert namespace.run("nft", "list", "ruleset") == ""


def test_a_refused_transaction_changes_nothing_and_says_why(kernel: Command, namespace: Namespace) -> None:
    kernel.run(BASE)
    before = namespace.run("nft", "list", "ruleset")
    with pytest.raises(KernelError, match="No such file or directory"):
        kernel.run("add chain ip podling x\nflush chain ip podling y\n")
    assert namespace.run("nft", "list", "ruleset") == before


def test_the_clients_of_an_affinity_set_can_be_read_back_and_written_again(kernel: Command) -> None:
    kernel.run("add table ip podling\nadd set ip podling affinity/x { type ipv4_addr; flags dynamic,timeout; }\n")
    assert affinity_clients(kernel, "affinity/x") == []
    assert affinity_clients(kernel, "affinity/none") == []
    kernel.run("add element ip podling affinity/x { 10.0.0.1 timeout 3h, 10.0.0.2 timeout 90s }\n")
    clients = affinity_clients(kernel, "affinity/x")
    assert [client.split()[0] for client in clients] == ["10.0.0.1", "10.0.0.2"]
    kernel.run("flush set ip podling affinity/x\n")
    kernel.run(f"add element ip podling affinity/x {{ {', '.join(clients)} }}\n")
    assert len(affinity_clients(kernel, "affinity/x")) == 2


TWO_WRITERS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from kubeproxy.kernel import Library

kernel = Library()

def write(table):
    for number in range(100):
        kernel.run(f"add table ip {table}\\nadd chain ip {table} c{number}\\n")
        kernel.run(f"list chain ip {table} c{number}\\n")

with ThreadPoolExecutor() as threads:
    list(threads.map(write, ("services", "policies", "third")))
"""


def test_services_and_policies_are_written_at_once(namespace: Namespace) -> None:
    namespace.run(sys.executable, "-c", TWO_WRITERS)
    assert namespace.run("nft", "list", "ruleset").count("chain ") == 300
