"""How autoscalers work: upstream's flags of the controller manager, and its defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AutoscalerSettings:
    """sync_period_seconds: how often each autoscaler is looked at.

    downscale_stabilization_seconds: the greatest recommendation of this time holds, where the autoscaler says nothing.
    tolerance: how far a metric may be from its target, as a part of it.
    cpu_initialization_seconds: since a pod's start, in which its use of CPU counts only once it is ready.
    initial_readiness_seconds: since a pod's start, in which not being ready means that it never was.
    """

    sync_period_seconds: float = 15.0
    downscale_stabilization_seconds: float = 300.0
    tolerance: float = 0.1
    cpu_initialization_seconds: float = 300.0
    initial_readiness_seconds: float = 30.0
