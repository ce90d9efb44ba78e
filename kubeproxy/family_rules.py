"""One IP family's rules: what of the Services and the node is in its table, and the transactions of a change.

A dual-stack cluster has a table a family, of the same build: packets of one never pass the other's rules. No I/O but
`read_affinity`. Neighbour: `kubeproxy.syncer` says what changed, and carries the transactions out.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from api.types import EndpointSlice, Service
from kubeproxy.base_table import Network, base_table
from kubeproxy.endpoints import NodeView
from kubeproxy.items import STAND_IN_TABLE, TABLE, Container, Element
from kubeproxy.kernel import Kernel, affinity_clients
from kubeproxy.pending import ServiceKey
from kubeproxy.ruleset import Owner, RuleSet
from kubeproxy.translate import Flow, ServiceRules, node_items, translate

NODE_OWNER = "node"


class FamilyRules:
    """stale: UDP flows to destinations that went away, to be forgotten. without_local: Services, by traffic policy."""

    def __init__(self, network: Network) -> None:
        self.family = network.family
        self._network = network
        self._cluster_ips = [ipaddress.ip_network(network.service_cidr)]
        self._rules = RuleSet(network.family)
        self.stale: set[Flow] = set()
        self.without_local: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many items there are."""
        return len(self._rules)

    @property
    def services(self) -> Iterable[ServiceKey]:
        """Those with rules."""
        return [owner for owner in self._rules.owners if isinstance(owner, tuple)]

    def join(self, cidrs: Iterable[str]) -> bool:
        """Cluster IPs come from these networks, too, those of this family. Returns whether that is news."""
        before = self._cluster_ips
        networks = self.family.networks([self._network.service_cidr, *cidrs])
        self._cluster_ips = list(map(ipaddress.ip_network, networks))
        return self._cluster_ips != before

    def change(
        self,
        services: Mapping[ServiceKey, tuple[Service | None, Sequence[EndpointSlice]]],
        node: NodeView,
        *,
        node_changed: bool,
    ) -> list[str]:
        """Take over changed services (with their slices) and node; the transactions for the table as it was."""
        rules: dict[Owner, ServiceRules] = {}
        if node_changed:
            networks = {Element(Container.SERVICE_NETWORKS, str(network)): "" for network in self._cluster_ips}
            rules[NODE_OWNER] = ServiceRules(own=node_items(node, self.family) | networks)
        for key, (service, slices) in services.items():
            old = self._rules.rules_of(key)
            new = ServiceRules()
            if service is not None:
                new = translate(service, slices, node, old.rows, self._cluster_ips, self.family)
            rules[key] = new
            self.stale |= old.flows - new.flows
            self.without_local.update(new.without_local)
            self.without_local.subtract(old.without_local)
        return self._rules.change(rules)

    def replacement(self, clients: Mapping[str, Collection[str]]) -> list[str]:
        """The transactions that replace the whole table. clients: as `read_affinity` found them.

        One alone would be atomic for rules, not for packets on their way through them (`kubeproxy.ruleset`): so a
        second table of the same content does the work meanwhile.
        """
        stand_in, table = (
            self._rules.whole(base_table(self._network, name), clients, name) for name in (STAND_IN_TABLE, TABLE)
        )
        return [stand_in, table, f"delete table {self.family.nft} {STAND_IN_TABLE}\n"]

    def read_affinity(self, kernel: Kernel) -> dict[str, list[str]]:
        """The clients bound to endpoints by the table that is about to be replaced. Blocks."""
        return {name: affinity_clients(kernel, name, self.family) for name in self._rules.affinity_sets()}

    def check(self) -> str:
        """The command that fails when the table is gone."""
        return f"list chain {self.family.nft} {TABLE} services\n"
