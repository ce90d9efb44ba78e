"""Field numbers of policy/v1."""

from __future__ import annotations

PACKAGE = "policy/v1"

MESSAGES: dict[str, str] = {
    "Eviction": "metadata=1 deleteOptions=2",
    "PodDisruptionBudget": "metadata=1 spec=2 status=3",
    "PodDisruptionBudgetSpec": "maxUnavailable=3 minAvailable=1 selector=2 unhealthyPodEvictionPolicy=4",
    "PodDisruptionBudgetStatus": (
        "currentHealthy=4 desiredHealthy=5 disruptedPods=2 disruptionsAllowed=3 expectedPods=6 "
        "observedGeneration=1 conditions=7"
    ),
}
