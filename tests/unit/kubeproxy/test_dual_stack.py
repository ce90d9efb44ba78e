"""Services, names and policies of IPv6, beside those of IPv4."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from api import codec
from api.types import Service
from api.types.networking_policy import NetworkPolicy
from kubeproxy.base_table import Network
from kubeproxy.dns.records import Outcome, Type
from kubeproxy.dns.zone import Zone
from kubeproxy.endpoints import NodeView
from kubeproxy.family_rules import FamilyRules
from kubeproxy.ip_family import IPV4, IPV6
from kubeproxy.items import AffinitySet, Chain, Container, Element
from kubeproxy.policy.compiler import INGRESS, compile_policy
from kubeproxy.policy.family_policies import FamilyPolicies, peer_of
from kubeproxy.policy.records import DualStackPodView
from kubeproxy.translate import ServiceRules, node_items, translate
from tests.support.services import endpoint, endpoint_slice, service

BASE = "svc.cluster.local"
HERE = NodeView("here", addresses=("192.168.0.1", "fd00::1"), pod_cidrs=("10.1.0.0/24", "fd00:0:0:1::/64"))
CLUSTER_IPS = ["10.96.0.50", "fd00:96::50"]
POD, POD_V6 = "10.1.0.1", "fd00:0:0:1::1"
SLICES = [endpoint_slice(POD), endpoint_slice(POD_V6, address_type="IPv6", name="web-2")]


def dual(**spec: Any) -> Service:
    return service(clusterIPs=CLUSTER_IPS, ipFamilies=["IPv4", "IPv6"], **spec)


def elements(rules: ServiceRules, container: Container) -> dict[str, str]:
    items = {**rules.own, **rules.shared}
    return {i.key: value for i, value in items.items() if isinstance(i, Element) and i.container is container}


def test_each_family_has_its_own_addresses_and_endpoints() -> None:
    owner = dual(type="NodePort", ports=[{"port": 80, "nodePort": 30080}])
    for family, ip, pod in ((IPV4, CLUSTER_IPS[0], POD), (IPV6, CLUSTER_IPS[1], POD_V6)):
        rules = translate(owner, SLICES, HERE, {}, ip=family)
        assert list(elements(rules, Container.SERVICE_PORTS)) == [f"{ip} . tcp . 80"]
        assert elements(rules, Container.TCP_ENDPOINTS) == {f"{ip} . 80 . 0": f"{pod} . 8080"}
        assert elements(rules, Container.NODE_TCP_ENDPOINTS) == {"30080 . 0": f"{pod} . 8080"}
        assert list(elements(rules, Container.HAIRPINS)) == [f"{pod} . {pod}"]
        assert rules.shared[Chain("pick-address-tcp/1")].startswith(f"dnat {family.nft} to {family.nft} daddr . tcp")


def test_a_service_of_one_family_is_nothing_to_the_other() -> None:
    assert not translate(service(), SLICES, HERE, {}, ip=IPV6).own
    assert not translate(service(clusterIP="fd00:96::50"), SLICES, HERE, {}).own


def test_a_family_without_endpoints_is_refused_by_itself() -> None:
    rules = translate(dual(), SLICES[:1], HERE, {}, ip=IPV6)
    assert list(elements(rules, Container.IDLE_PORTS)) == ["fd00:96::50 . tcp . 80"]


def test_affinity_names_chains_as_nft_takes_them() -> None:
    rules = translate(dual(sessionAffinity="ClientIP"), SLICES, HERE, {}, ip=IPV6)
    name = "affinity/default/web/tcp/80/fd00-0-0-1--1/8080"
    assert rules.own[AffinitySet(name)].startswith("type ipv6_addr;")
    assert f"dnat ip6 to [{POD_V6}]:8080" in rules.own[Chain(name)]


def test_one_address_is_one_key_however_it_is_spelt() -> None:
    spelt = [endpoint_slice("FD00:0:0:1:0::1", POD_V6, address_type="IPv6")]
    rules = translate(dual(externalIPs=["fd00::9", "FD00:0::9", "10.9.9.9"]), spelt, HERE, {}, ip=IPV6)
    assert sorted(elements(rules, Container.SERVICE_PORTS)) == ["fd00:96::50 . tcp . 80", "fd00::9 . tcp . 80"]
    assert elements(rules, Container.TCP_ENDPOINTS)["fd00::9 . 80 . 0"] == f"{POD_V6} . 8080"
    assert len(elements(rules, Container.TCP_ENDPOINTS)) == 2


@pytest.mark.parametrize("text", ["fd00::1%eth0", "fd00::1 drop", "fd00:1", "fd00::/64", "10.0.0.1", ""])
def test_what_is_no_address_of_the_family_gets_into_no_rule(text: str) -> None:
    assert IPV6.canonical(text) == ""
    assert not IPV6.is_network(f"{text}/64 drop")


def test_the_node_has_addresses_and_pods_of_each_family() -> None:
    assert {item.key for item in node_items(HERE) if isinstance(item, Element)} == {"192.168.0.1", "10.1.0.0/24"}
    assert {item.key for item in node_items(HERE, IPV6) if isinstance(item, Element)} == {"fd00::1", "fd00:0:0:1::/64"}


def test_a_familys_transactions_are_about_its_own_table() -> None:
    rules = FamilyRules(Network("fd00:96::/112"))
    texts = rules.change({("default", "web"): (dual(), SLICES)}, HERE, node_changed=True)
    texts += [*rules.replacement({}), rules.check()]
    assert all(" ip6 podling" in line for text in texts for line in text.splitlines() if line.startswith("add "))
    assert "reject with icmpv6 type port-unreachable" in texts[-3]
    assert "fib saddr . iif oif missing drop" in texts[-3]
    assert list(rules.services) == [("default", "web")]


class World:
    """A zone of one service."""

    def __init__(self, owner: Service, *slices: Any) -> None:
        self.zone = Zone("cluster.local", "10.96.0.10", ["fd00:96::/112"], lambda _: owner, lambda _: slices)
        self.zone.refresh(("default", "web"))

    def data(self, name: str, type: int) -> list[str]:
        return [record.data for record in self.zone.lookup(name, type).records]


def reverse(address: str) -> str:
    return ipaddress.ip_address(address).reverse_pointer


def test_a_services_name_has_both_addresses_and_both_have_its_name() -> None:
    world = World(dual())
    assert world.data(f"web.default.{BASE}", Type.A) == [CLUSTER_IPS[0]]
    assert world.data(f"web.default.{BASE}", Type.AAAA) == [CLUSTER_IPS[1]]
    for address in CLUSTER_IPS:
        assert world.data(reverse(address), Type.PTR) == [f"web.default.{BASE}"]
    [location] = world.zone.lookup(f"web.default.{BASE}", Type.SRV).records
    assert location.data == f"web.default.{BASE}"
    assert {record.type for record in world.zone.lookup(location.name, Type.SRV).additional} == {Type.A, Type.AAAA}


def test_headless_services_name_their_endpoints_of_both_families() -> None:
    owner = service(clusterIP="None", clusterIPs=["None"])
    world = World(owner, *SLICES)
    assert world.data(f"web.default.{BASE}", Type.AAAA) == [POD_V6]
    assert world.data(f"fd00-0-0-1--1.web.default.{BASE}", Type.AAAA) == [POD_V6]
    assert world.data(reverse(POD_V6), Type.PTR) == [f"fd00-0-0-1--1.web.default.{BASE}"]
    named = endpoint_slice(endpoint(POD_V6, hostname="db-0"), address_type="IPv6")
    assert World(owner, named).data(f"db-0.web.default.{BASE}", Type.AAAA) == [POD_V6]


def test_pods_have_names_of_their_addresses() -> None:
    world = World(dual())
    assert world.data("fd00-0-0-1--1.default.pod.cluster.local", Type.AAAA) == [POD_V6]
    assert world.data("fd00-0-0-1--1.default.pod.cluster.local", Type.A) == []
    assert world.zone.lookup("fd00-x.default.pod.cluster.local", Type.AAAA).outcome is Outcome.NO_SUCH_NAME


def test_reverse_names_that_are_of_no_address_of_ours() -> None:
    world = World(dual())
    assert world.zone.lookup(reverse("fd00:96::99"), Type.PTR).outcome is Outcome.NO_SUCH_NAME
    assert world.zone.lookup(reverse("2001:db8::1"), Type.PTR).outcome is Outcome.OUTSIDE
    assert world.zone.lookup("1.0.ip6.arpa", Type.PTR).outcome is Outcome.OUTSIDE
    assert world.zone.lookup("xy." + reverse(CLUSTER_IPS[1])[2:], Type.PTR).outcome is Outcome.OUTSIDE


def policy(**rule: Any) -> NetworkPolicy:
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [rule] if rule else []}
    return codec.from_tree(NetworkPolicy, {"metadata": {"name": "p", "namespace": "default"}, "spec": spec})


def pod(name: str = "web", node: str = "here") -> DualStackPodView:
    status = {"phase": "Running", "podIP": POD, "podIPs": [{"ip": POD}, {"ip": POD_V6}]}
    tree = {"metadata": {"name": name, "namespace": "default"}, "spec": {"nodeName": node}, "status": status}
    return codec.from_tree(DualStackPodView, tree)


def test_a_block_is_about_its_own_family() -> None:
    for cidr, family, other in (("fd00::/16", IPV6, IPV4), ("10.0.0.0/8", IPV4, IPV6)):
        peers = {"from": [{"ipBlock": {"cidr": cidr}}]}
        assert compile_policy(policy(**peers), family).chains[INGRESS] == (f"{family.nft} saddr {cidr} accept",)
        assert compile_policy(policy(**peers), other).chains[INGRESS] == ()


def test_a_denied_pod_is_denied_in_both_families() -> None:
    for family, address in ((IPV4, POD), (IPV6, POD_V6)):
        policies = FamilyPolicies(family, "here")
        policies.compiled["default", "p"] = compile_policy(policy(), family)
        peer = peer_of(pod(), family)
        assert peer is not None and peer.address == address
        policies.peers.set_peer(peer.key, peer)
        text, done = policies.plan(HERE.pod_cidrs)
        assert f"add element {family.nft} podling-policy judged {{ {address} }}" in text
        assert f"add element {family.nft} podling-policy isolated-in {{ {address} : goto isolated-in-" in text
        done()
        assert policies.plan(HERE.pod_cidrs)[0] == ""
        assert f"elements = {{ {HERE.pod_cidrs[family is IPV6]} }}" in text
