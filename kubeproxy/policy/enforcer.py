"""Keeps the kernel's table of network policies equal to the policies, pods and namespaces.

Until the first policy there is no table, and nobody follows the pods: a cluster without policies pays nothing. The node
forwards nothing before it is known what may pass: no pod has a moment without its policies when a node starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from api.types import Namespace, Pod
from api.types.networking_policy import NetworkPolicy
from cluster.client import Client
from cluster.informer import Informer, wait_synced
from cluster.logs import get_logger
from kubeproxy.kernel import Kernel, KernelError
from kubeproxy.policy import table
from kubeproxy.policy.compiler import CompiledPolicy, compile_policy
from kubeproxy.policy.peers import NamedPort, Peer, Peers, PodKey
from kubeproxy.policy.records import PodView

CHECK_SECONDS = 30.0
RETRY_SECONDS = 1.0
FINISHED = ("Succeeded", "Failed")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")  # of this process's network namespace
DNS_NAMESPACE = "kube-system"
DNS_LABELS = {"k8s-app": "kube-dns"}

log = get_logger()


class Enforcer:
    """`pod_cidrs` gives this node's, as they are known now; `dns_address` is the node's own DNS, "" for none.

    decided: set once what may pass is known, and the node forwards.
    """

    def __init__(
        self, kernel: Kernel, client: Client, node: str, pod_cidrs: Callable[[], Iterable[str]], dns_address: str
    ) -> None:
        self._kernel = kernel
        self._node = node
        self._pod_cidrs = pod_cidrs
        self._dns_address = dns_address
        self._pods: Informer[PodView] = Informer(client, PodView, of=Pod)
        self._namespaces = Informer(client, Namespace)
        self._policies: dict[PodKey, CompiledPolicy] = {}
        self._peers = Peers()
        self._state: table.State | None = None
        self._cidrs: tuple[str, ...] = ()
        self._changed = asyncio.Event()
        self._failing = False
        self.decided = asyncio.Event()
        if dns_address:
            # What policies for other clusters call the DNS; here every node answers by itself.
            dns = Peer(DNS_NAMESPACE, "", dns_address, DNS_LABELS, ports=_DNS_PORTS)
            self._peers.set_peer(dns.key, dns)

    def healthy(self) -> bool:
        return not self._failing

    def policy_changed(self, old: NetworkPolicy | None, new: NetworkPolicy | None) -> None:
        """An informer's handler."""
        metadata = (new or old).metadata  # type: ignore[union-attr]
        key = metadata.namespace, metadata.name
        if new is None:
            self._policies.pop(key, None)
        else:
            self._policies[key] = compile_policy(new)
        self._changed.set()

    def changed(self) -> None:
        """Something else may have: the node's networks."""
        self._changed.set()

    async def run(self) -> None:
        """Enforce until cancelled. The table stays: a restart leaves no window open."""
        while not self._policies:
            self._changed.clear()
            await self._clear()
            await self._changed.wait()
        self._pods.add_handler(self._pod_changed)
        self._namespaces.add_handler(self._namespace_changed)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pods.run())
            tasks.create_task(self._namespaces.run())
            await wait_synced(self._pods, self._namespaces)
            await self._keep()

    async def _keep(self) -> None:
        while True:
            self._changed.clear()
            try:
                await self._sync()
                self._failing = False
            except KernelError as error:
                self._state, self._failing = None, True
                log.error("could not change the policies' rules", reason=str(error), retry_seconds=RETRY_SECONDS)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                await self._check()

    async def _sync(self) -> None:
        if not self._policies:
            await self._clear()
            return
        policies = list(self._policies.values())
        self._peers.follow(group for policy in policies for group in policy.groups)
        state, cidrs = table.desired(policies, self._peers, self._node), tuple(self._pod_cidrs())
        if self._state is None or cidrs != self._cidrs:
            text = table.whole(state, cidrs, self._dns_address)
        else:
            text = table.change(self._state, state)
        if text:
            await asyncio.to_thread(self._kernel.run, text)
        self._state, self._cidrs = state, cidrs
        self._forward()

    async def _clear(self) -> None:
        """Without policies there is no table."""
        await asyncio.to_thread(self._kernel.run, table.remove())
        self._state = None
        self._forward()

    def _forward(self) -> None:
        """Let the node forward packets."""
        if not self.decided.is_set():
            FORWARDING.write_text("1")
            self.decided.set()

    async def _check(self) -> None:
        """Notice when someone else took our table away."""
        if self._state is None:
            return
        try:
            await asyncio.to_thread(self._kernel.run, f"list chain ip {table.TABLE} from-pods\n")
        except KernelError as error:
            log.warning("the policies' rules were gone; putting them back", reason=str(error))
            self._state = None

    def _pod_changed(self, old: PodView | None, new: PodView | None) -> None:
        metadata = (new or old).metadata  # type: ignore[union-attr]
        peer = None if new is None else peer_of(new)
        if (old is None) == (new is None) and old is not None and peer_of(old) == peer:
            return
        self._peers.set_peer((metadata.namespace, metadata.name), peer)
        self._changed.set()

    def _namespace_changed(self, old: Namespace | None, new: Namespace | None) -> None:
        if old is not None and new is not None and old.metadata.labels == new.metadata.labels:
            return
        metadata = (new or old).metadata  # type: ignore[union-attr]
        self._peers.set_namespace(metadata.name, None if new is None else new.metadata.labels)
        self._changed.set()


_DNS_PORTS = ((NamedPort("udp", "dns"), 53), (NamedPort("tcp", "dns-tcp"), 53))


def peer_of(pod: PodView) -> Peer | None:
    """None for a pod without an address of its own: on the node's network, not started yet, finished."""
    spec, status = pod.spec, pod.status
    if spec.host_network or not status.pod_ip or ":" in status.pod_ip or status.phase in FINISHED:
        return None
    ports = tuple(
        (NamedPort((port.protocol or "TCP").lower(), port.name), port.container_port)
        for container in (*spec.init_containers, *spec.containers)
        for port in container.ports
        if port.name
    )
    metadata = pod.metadata
    return Peer(metadata.namespace, metadata.name, status.pod_ip, metadata.labels, spec.node_name, ports)
