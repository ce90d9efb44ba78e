"""Keeps the kernel's table of network policies equal to the policies, pods and namespaces.

Until the first policy there is no table, and nobody follows the pods: a cluster without policies pays nothing. The node
forwards nothing before it is known what may pass: no pod has a moment without its policies when a node starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from api.types import Namespace, Pod
from api.types.networking_policy import NetworkPolicy
from cluster.client import Client
from cluster.informer import Informer, wait_synced
from cluster.logs import get_logger
from kubeproxy.ip_family import IPV4, IPV6
from kubeproxy.kernel import Kernel, KernelError
from kubeproxy.policy import table
from kubeproxy.policy.compiler import compile_policy
from kubeproxy.policy.family_policies import FamilyPolicies, peer_of
from kubeproxy.policy.records import DualStackPodView, PodView

CHECK_SECONDS = 30.0
RETRY_SECONDS = 1.0
# Of this process's network namespace.
FORWARDING = {
    IPV4: Path("/proc/sys/net/ipv4/ip_forward"),
    IPV6: Path("/proc/sys/net/ipv6/conf/all/forwarding"),
}

log = get_logger()


class Enforcer:
    """`pod_cidrs` gives this node's, as they are known now; `families` are the tables to keep.

    decided: set once what may pass is known, and the node forwards.
    """

    def __init__(
        self,
        kernel: Kernel,
        client: Client,
        families: Sequence[FamilyPolicies],
        pod_cidrs: Callable[[], Sequence[str]],
    ) -> None:
        self._kernel = kernel
        self._families = families
        self._pod_cidrs = pod_cidrs
        view = PodView if len(families) == 1 else DualStackPodView
        self._pods: Informer[PodView] = Informer(client, view, of=Pod)
        self._namespaces = Informer(client, Namespace)
        self._changed = asyncio.Event()
        self._failing = False
        self.decided = asyncio.Event()

    def healthy(self) -> bool:
        return not self._failing

    def policy_changed(self, old: NetworkPolicy | None, new: NetworkPolicy | None) -> None:
        """An informer's handler."""
        metadata = (new or old).metadata  # type: ignore[union-attr]
        key = metadata.namespace, metadata.name
        for family in self._families:
            if new is None:
                family.compiled.pop(key, None)
            else:
                family.compiled[key] = compile_policy(new, family.ip)
        self._changed.set()

    def changed(self) -> None:
        """Something else may have: the node's networks."""
        self._changed.set()

    async def run(self) -> None:
        """Enforce until cancelled. The table stays: a restart leaves no window open."""
        while not self._families[0].compiled:
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
                self._lose()
                self._failing = True
                log.error("could not change the policies' rules", reason=str(error), retry_seconds=RETRY_SECONDS)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            try:
                async with asyncio.timeout(CHECK_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                await self._check()

    async def _sync(self) -> None:
        if not self._families[0].compiled:
            await self._clear()
            return
        for family in self._families:
            text, done = family.plan(self._pod_cidrs())
            if text:
                await asyncio.to_thread(self._kernel.run, text)
            done()
        self._forward()

    async def _clear(self) -> None:
        """Without policies there is no table."""
        for family in self._families:
            await asyncio.to_thread(self._kernel.run, table.remove(family.ip))
        self._lose()
        self._forward()

    def _lose(self) -> None:
        for family in self._families:
            family.lose()

    def _forward(self) -> None:
        """Let the node forward packets."""
        if not self.decided.is_set():
            for family in self._families:
                FORWARDING[family.ip].write_text("1")
            self.decided.set()

    async def _check(self) -> None:
        """Notice when someone else took our table away."""
        for family in self._families:
            if not family.stands:
                continue
            try:
                await asyncio.to_thread(self._kernel.run, table.present(family.ip))
            except KernelError as error:
                log.warning("the policies' rules were gone; putting them back", reason=str(error))
                family.lose()

    def _pod_changed(self, old: PodView | None, new: PodView | None) -> None:
        metadata = (new or old).metadata  # type: ignore[union-attr]
        for family in self._families:
            peer = None if new is None else peer_of(new, family.ip)
            if (old is None) == (new is None) and old is not None and peer_of(old, family.ip) == peer:
                continue
            family.peers.set_peer((metadata.namespace, metadata.name), peer)
            self._changed.set()

    def _namespace_changed(self, old: Namespace | None, new: Namespace | None) -> None:
        if old is not None and new is not None and old.metadata.labels == new.metadata.labels:
            return
        metadata = (new or old).metadata  # type: ignore[union-attr]
        for family in self._families:
            family.peers.set_namespace(metadata.name, None if new is None else new.metadata.labels)
        self._changed.set()
