"""Tells people: the address in each of our Ingresses' status, and Events about what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable

from api import codec
from api.errors import NotFound
from api.types import Ingress, IngressLoadBalancerIngress, IngressLoadBalancerStatus
from cluster.client import Client
from cluster.controller import Controller
from cluster.events import WARNING, EventRecorder
from cluster.informer import Informer
from cluster.workqueue import WorkQueue
from ingress.model import Key, Problem
from ingress.publisher import Problems

NAME = "ingress-status"


def wanted_status(status: IngressLoadBalancerStatus, address: str, ours: bool) -> IngressLoadBalancerStatus:
    """The status an Ingress should have; of one that is another controller's only our own address is taken away."""
    if ours:
        return IngressLoadBalancerStatus(ingress=[IngressLoadBalancerIngress(ip=address)])
    if any(each.ip == address for each in status.ingress):
        return IngressLoadBalancerStatus(ingress=[each for each in status.ingress if each.ip != address])
    return status


class Statuses:
    """address: where the proxy is reached. is_ours: whether an Ingress is this controller's.

    To be made when the informers have synced: until the classes are known no Ingress seems to be ours.
    """

    def __init__(
        self,
        client: Client,
        ingresses: Informer[Ingress],
        recorder: EventRecorder,
        address: str,
        is_ours: Callable[[Ingress], bool],
    ) -> None:
        self._client = client
        self._ingresses = ingresses
        self._recorder = recorder
        self._address = address
        self._is_ours = is_ours
        self._told: dict[Key, list[Problem]] = {}
        self._queue: WorkQueue[Key] = WorkQueue()
        self.controller = Controller(NAME, self._queue, self.reconcile)
        ingresses.add_handler(self._ingress_changed)

    def tell(self, problems: Problems) -> None:
        """Record what is newly wrong, and bring every status up to date."""
        for key, found in problems.items():
            ingress = self._ingresses.get(*key)
            before = self._told.get(key, [])
            for problem in found:
                if ingress is not None and problem not in before:
                    self._recorder.record(ingress, WARNING, problem.reason, problem.message)
        self._told = {key: list(found) for key, found in problems.items() if found}
        for ingress in self._ingresses.items():
            self._ingress_changed(None, ingress)

    def _ingress_changed(self, old: Ingress | None, new: Ingress | None) -> None:
        if new is not None and self._change(new) is not None:
            self._queue.add((new.metadata.namespace, new.metadata.name))

    async def reconcile(self, key: Key) -> None:
        ingress = self._ingresses.get(*key)
        wanted = self._change(ingress) if ingress is not None else None
        if wanted is None:
            return
        body = {"status": {"loadBalancer": {"ingress": [codec.to_tree(each) for each in wanted.ingress]}}}
        namespace, name = key
        try:
            await self._client.patch(Ingress, name, namespace, body, subresource="status")
        except NotFound:
            return  # deleted meanwhile

    def _change(self, ingress: Ingress) -> IngressLoadBalancerStatus | None:
        """The status to write, None when it is right."""
        status = ingress.status.load_balancer
        wanted = wanted_status(status, self._address, self._is_ours(ingress))
        return wanted if wanted != status else None
