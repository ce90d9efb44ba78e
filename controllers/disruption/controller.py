"""The disruption controller: keeps the status of budgets, and takes back what evictions announced in vain."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from api import selectors, timestamps
from api.errors import NotFound
from api.types import Deployment, Pod, PodDisruptionBudget, ReplicaSet, ReplicationController, StatefulSet
from cluster.client import PatchKind
from cluster.events import NORMAL, WARNING
from cluster.informer import ObjectKey
from controllers.context import Context
from controllers.disruption.plan import DISRUPTION_TARGET, Plan, plan, stale_disruption
from controllers.mirror import key_of

NAME = "disruption"
_UNMANAGED = (
    "Pods selected by this PodDisruptionBudget (selector: {}) were found to be unmanaged. As a result, the status of "
    "the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please "
    'set ".spec.minAvailable" field of the PDB to an integer value.'
)


class DisruptionController:
    """reconcile(key): one budget. reconcile_pod(key): a pod whose eviction came to nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._recorder = context.recorder("controllermanager")
        self._budgets = context.mirror(PodDisruptionBudget)
        self._pods = context.mirror(Pod)
        self._owners: dict[str, Any] = {
            record.__name__: context.mirror(record)
            for record in (Deployment, ReplicaSet, ReplicationController, StatefulSet)
        }
        self._queue = context.controller(NAME, self.reconcile, workers=4)
        self._stale = context.controller(f"{NAME}_stale_pods", self.reconcile_pod, workers=1)
        self._budgets.add_handler(self._budget_changed)
        self._pods.add_handler(self._pod_changed)

    async def reconcile(self, key: ObjectKey) -> None:
        budget = self._budgets.get(*key)
        if budget is None:
            return
        pods = self._selected(budget)
        if not pods:
            self._recorder.record(budget, NORMAL, "NoPods", "No matching pods found")
        decided = plan(budget, pods, self._find, self._context.now())
        self._tell(budget, decided)
        if decided.status != budget.status:
            try:
                await self._budgets.update(replace(budget, status=decided.status), subresource="status")
            except NotFound:
                return
        if decided.recheck is not None:
            self._queue.add_after(key, decided.recheck)

    async def reconcile_pod(self, key: ObjectKey) -> None:
        pod = self._pods.get(*key)
        if pod is None:
            return
        now = self._context.now()
        left = stale_disruption(pod, now)
        if left:
            self._stale.add_after(key, left)
        elif left is not None:
            condition = {"type": DISRUPTION_TARGET, "status": "False", "lastTransitionTime": timestamps.now_text(now)}
            patch = {"status": {"conditions": [condition]}}
            try:
                await self._pods.patch(pod, patch, kind=PatchKind.STRATEGIC, subresource="status")
            except NotFound:
                return

    def _selected(self, budget: PodDisruptionBudget) -> list[Pod]:
        if budget.spec.selector is None:
            return []
        matches = selectors.from_record(budget.spec.selector).matches
        pods = self._pods.by_index("namespace", budget.metadata.namespace)
        return [pod for pod in pods if matches(pod.metadata.labels)]

    def _find(self, kind: str, namespace: str, name: str) -> Any:
        return self._owners[kind].get(namespace, name)

    def _tell(self, budget: PodDisruptionBudget, decided: Plan) -> None:
        if decided.failure:
            message = f"Failed to calculate the number of expected pods: {decided.failure}"
            self._recorder.record(budget, WARNING, "CalculateExpectedPodCountFailed", message)
        if decided.unmanaged and budget.spec.selector is not None:
            message = _UNMANAGED.format(selectors.from_record(budget.spec.selector))
            self._recorder.record(budget, WARNING, "UnmanagedPods", message)
        for pod in decided.undeleted:
            where = f"{budget.metadata.namespace}/{budget.metadata.name}"
            message = f"Pod was expected by PDB {where} to be deleted but it wasn't"
            self._recorder.record(pod, WARNING, "NotDeleted", message)

    def _budget_changed(self, _old: PodDisruptionBudget | None, new: PodDisruptionBudget | None) -> None:
        if new is not None:
            self._queue.add(key_of(new))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        if pod is None:
            return
        for budget in self._budgets.by_index("namespace", pod.metadata.namespace):
            if budget.spec.selector is None:
                continue
            matches = selectors.from_record(budget.spec.selector).matches
            if any(each is not None and matches(each.metadata.labels) for each in (old, new)):
                self._queue.add(key_of(budget))
        if new is not None and (left := stale_disruption(new, self._context.now())) is not None:
            self._stale.add_after(key_of(new), left)
