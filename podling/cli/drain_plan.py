"""Which of a node's pods a drain evicts, and what forbids it. Pure.

Behaviour: kubectl's drain filters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

MIRROR = "kubernetes.io/config.mirror"

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """What the person allows."""

    ignore_daemonsets: bool
    delete_emptydir_data: bool
    force: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """evict: pods to evict. ignored: pods of DaemonSets that stay. forbidden: missing option → pod names."""

    evict: list[Tree] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    forbidden: dict[str, list[str]] = field(default_factory=dict)


def plan_drain(pods: Iterable[Tree], rules: Rules) -> Plan:
    """Sort the pods of a node."""
    plan = Plan()
    for pod in pods:
        metadata = pod["metadata"]
        name = f"{metadata['namespace']}/{metadata['name']}"
        if MIRROR in metadata.get("annotations", {}):
            continue
        if _controller(pod) == "DaemonSet" and not _finished(pod):
            if rules.ignore_daemonsets:
                plan.ignored.append(name)
            else:
                plan.forbidden.setdefault("--ignore-daemonsets", []).append(name)
            continue
        obstacle = _obstacle(pod, rules)
        if obstacle:
            plan.forbidden.setdefault(obstacle, []).append(name)
        else:
            plan.evict.append(pod)
    return plan


def _obstacle(pod: Tree, rules: Rules) -> str:
    """The option without which this pod must stay."""
    if _finished(pod):
        return ""
    if not rules.delete_emptydir_data and any("emptyDir" in volume for volume in pod["spec"].get("volumes", ())):
        return "--delete-emptydir-data"
    if not rules.force and not _controller(pod):
        return "--force"
    return ""


def _controller(pod: Tree) -> str:
    for owner in pod["metadata"].get("ownerReferences", ()):
        if owner.get("controller"):
            return str(owner["kind"])
    return ""


def _finished(pod: Tree) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
