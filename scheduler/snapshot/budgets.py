"""Disruption budgets: whose pods may not be preempted without breaking a promise.

Source: upstream's filterPodsWithPDBViolation. A pod that the budget's controller already counts as disrupted costs
the budget no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from api.types import LabelSelector, PodDisruptionBudget
from scheduler.pod_info import PodInfo
from scheduler.terms import LabelMatch, label_match


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget as of now."""

    record: LabelSelector | None
    selector: LabelMatch
    allowed: int
    disrupted: frozenset[str]


class Budgets:
    """Budgets by namespace and name.

    version: raised with every change. coverage: raised when other pods may be covered than before.
    """

    def __init__(self) -> None:
        self._budgets: dict[str, dict[str, Budget]] = {}
        self.version = 0
        self.coverage = 0

    def put(self, budget: PodDisruptionBudget) -> None:
        self.version += 1
        budgets = self._budgets.setdefault(budget.metadata.namespace, {})
        before = budgets.get(budget.metadata.name)
        self.coverage += before is None or before.record != budget.spec.selector
        budgets[budget.metadata.name] = Budget(
            budget.spec.selector,
            label_match(budget.spec.selector),
            budget.status.disruptions_allowed,
            frozenset(budget.status.disrupted_pods),
        )

    def remove(self, namespace: str, name: str) -> None:
        self.version += 1
        self.coverage += 1
        budgets = self._budgets.get(namespace, {})
        budgets.pop(name, None)
        if not budgets:
            self._budgets.pop(namespace, None)

    def cover(self, pods: Iterable[PodInfo]) -> bool:
        """Whether any budget speaks of any of the pods."""
        return bool(self._budgets) and any(True for pod in pods for _ in self._of(pod))

    def violating(self, pods: Iterable[PodInfo]) -> set[str]:
        """The uids of the pods whose disruption, in this order, would take a budget below its word."""
        if not self._budgets:
            return set()
        left: dict[int, int] = {}
        violating: set[str] = set()
        for pod in pods:
            for budget in self._of(pod):
                if pod.pod.metadata.name in budget.disrupted:
                    continue
                remaining = left.get(id(budget), budget.allowed) - 1
                left[id(budget)] = remaining
                if remaining < 0:
                    violating.add(pod.uid)
        return violating

    def _of(self, pod: PodInfo) -> Iterable[Budget]:
        return (budget for budget in self._budgets.get(pod.namespace, {}).values() if budget.selector(pod.labels))
