"""One IP family's part of the network policies: what its table is to be, from policies and pods. No I/O.

Neighbour: `kubeproxy.policy.enforcer` follows policies, pods and namespaces, and carries out what is planned here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubeproxy.ip_family import IpFamily, of_family
from kubeproxy.policy import table
from kubeproxy.policy.compiler import CompiledPolicy
from kubeproxy.policy.peers import NamedPort, Peer, Peers, PodKey
from kubeproxy.policy.records import PodView

FINISHED = ("Succeeded", "Failed")
DNS_NAMESPACE = "kube-system"
DNS_LABELS = {"k8s-app": "kube-dns"}
_DNS_PORTS = ((NamedPort("udp", "dns"), 53), (NamedPort("tcp", "dns-tcp"), 53))


class FamilyPolicies:
    """One IP family's table: the policies as they mean it, the pods by its addresses, and what the kernel has.

    dns_address: the node's own DNS, "" for none.
    """

    def __init__(self, ip: IpFamily, node: str, dns_address: str = "") -> None:
        self.ip = ip
        self.compiled: dict[PodKey, CompiledPolicy] = {}
        self.peers = Peers()
        self._node = node
        self._dns_address = dns_address
        self._state: table.State | None = None
        self._cidrs: list[str] = []
        if dns_address:
            # What policies for other clusters call the DNS; here every node answers by itself.
            dns = Peer(DNS_NAMESPACE, "", dns_address, DNS_LABELS, ports=_DNS_PORTS)
            self.peers.set_peer(dns.key, dns)

    @property
    def stands(self) -> bool:
        """Whether the kernel has a table, as far as is known."""
        return self._state is not None

    def lose(self) -> None:
        """The kernel's table is not what it was taken for."""
        self._state = None

    def plan(self, pod_cidrs: Sequence[str]) -> tuple[str, Callable[[], None]]:
        """The transaction that makes the table right, and what to call once it is carried out."""
        policies, cidrs = list(self.compiled.values()), of_family(self.ip, pod_cidrs)
        self.peers.follow(group for policy in policies for group in policy.groups)
        state = table.desired(policies, self.peers, self._node, self.ip)
        if self._state is None or cidrs != self._cidrs:
            text = table.whole(state, cidrs, self._dns_address, self.ip)
        else:
            text = table.change(self._state, state, self.ip)

        def done() -> None:
            self._state, self._cidrs = state, cidrs

        return text, done


def peer_of(pod: PodView, ip: IpFamily) -> Peer | None:
    """None for a pod without an address of its own: on the node's network, not started yet, finished."""
    spec, status = pod.spec, pod.status
    address = ip.first(status.addresses)
    if spec.host_network or not address or status.phase in FINISHED:
        return None
    ports = tuple(
        (NamedPort((port.protocol or "TCP").lower(), port.name), port.container_port)
        for container in (*spec.init_containers, *spec.containers)
        for port in container.ports
        if port.name
    )
    metadata = pod.metadata
    return Peer(metadata.namespace, metadata.name, address, metadata.labels, spec.node_name, ports)
