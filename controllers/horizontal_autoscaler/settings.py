"""How autoscalers work: upstream's flags of the controller manager, and its defaults."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
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


def add_flags(parser: ArgumentParser, seconds: Callable[[str], float]) -> None:
    """Upstream's flags. seconds: reads a duration."""
    default = AutoscalerSettings()
    group = parser.add_argument_group("horizontal pod autoscalers")
    durations = {
        "sync-period": (default.sync_period_seconds, "how often each is looked at"),
        "downscale-stabilization": (
            default.downscale_stabilization_seconds,
            "how long the greatest recommendation holds",
        ),
        "cpu-initialization-period": (
            default.cpu_initialization_seconds,
            "how long after its start a pod's CPU counts only once it is ready",
        ),
        "initial-readiness-delay": (
            default.initial_readiness_seconds,
            "how long after its start a pod that is not ready has never been",
        ),
    }
    for name, (value, purpose) in durations.items():
        group.add_argument(
            f"--horizontal-pod-autoscaler-{name}",
            type=seconds,
            default=value,
            metavar="SECONDS",
            help=f"{purpose} (default: %(default)s)",
        )
    group.add_argument(
        "--horizontal-pod-autoscaler-tolerance",
        type=float,
        default=default.tolerance,
        metavar="PART",
        help="how far metrics may be from their targets (default: %(default)s)",
    )


def from_args(args: Namespace) -> AutoscalerSettings:
    """What the flags say."""
    return AutoscalerSettings(
        sync_period_seconds=args.horizontal_pod_autoscaler_sync_period,
        downscale_stabilization_seconds=args.horizontal_pod_autoscaler_downscale_stabilization,
        tolerance=args.horizontal_pod_autoscaler_tolerance,
        cpu_initialization_seconds=args.horizontal_pod_autoscaler_cpu_initialization_period,
        initial_readiness_seconds=args.horizontal_pod_autoscaler_initial_readiness_delay,
    )
