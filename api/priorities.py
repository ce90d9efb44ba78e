"""The priority classes every cluster has, and what is above everybody else's (upstream scheduling API)."""

from __future__ import annotations

from typing import Final

from api.types import ObjectMeta, PriorityClass

HIGHEST_USER_PRIORITY: Final = 1_000_000_000
SYSTEM_PREFIX: Final = "system-"
SYSTEM_PRIORITIES: Final = {
    "system-cluster-critical": 2_000_000_000,
    "system-node-critical": 2_000_001_000,
}
_DESCRIPTIONS: Final = {
    "system-cluster-critical": (
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."
    ),
    "system-node-critical": "Used for system critical pods that must not be moved from their current node.",
}


def bootstrap() -> list[PriorityClass]:
    """The two classes a new cluster starts with."""
    return [
        PriorityClass(
            metadata=ObjectMeta(name=name),
            value=value,
            description=_DESCRIPTIONS[name],
            preemption_policy="PreemptLowerPriority",
        )
        for name, value in SYSTEM_PRIORITIES.items()
    ]
