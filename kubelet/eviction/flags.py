"""The flags of eviction, named as upstream's."""

from __future__ import annotations

import argparse
import re

from api import quantity
from kubelet.eviction.thresholds import SIGNALS, TRANSITION_SECONDS, Policy, policy

DEFAULT_HARD = (
    "memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<15%,imagefs.inodesFree<5%"
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def add_flags(group: argparse._ArgumentGroup) -> None:
    """Add them; `from_args` reads them."""
    group.add_argument(
        "--eviction-hard",
        default=DEFAULT_HARD,
        type=thresholds,
        metavar="SIGNAL<VALUE,...",
        help="when pods are ended at once, for want of what the node has (default: %(default)s)",
    )
    group.add_argument(
        "--eviction-soft",
        default={},
        type=thresholds,
        metavar="SIGNAL<VALUE,...",
        help="when pods are ended after a grace period (default: never)",
    )
    group.add_argument(
        "--eviction-soft-grace-period",
        default={},
        type=_graces,
        metavar="SIGNAL=DURATION,...",
        help="how long a soft threshold may be crossed, as memory.available=1m30s",
    )
    group.add_argument(
        "--eviction-max-pod-grace-period",
        default=0,
        type=int,
        metavar="SECONDS",
        help="the most a pod gets to end at a soft threshold (default: %(default)s)",
    )
    group.add_argument(
        "--eviction-minimum-reclaim",
        default={},
        type=_reclaims,
        metavar="SIGNAL=VALUE,...",
        help="how far beyond its threshold a signal has to come back (default: 0)",
    )
    group.add_argument(
        "--eviction-pressure-transition-period",
        default=TRANSITION_SECONDS,
        type=seconds,
        metavar="DURATION",
        help="how long a pressure condition outlasts its cause (default: 5m)",
    )


def from_args(args: argparse.Namespace) -> Policy:
    """The policy. Raises argparse.ArgumentTypeError when the flags contradict each other."""
    try:
        found = policy(
            args.eviction_hard, args.eviction_soft, args.eviction_soft_grace_period, args.eviction_minimum_reclaim
        )
        return Policy(tuple(found), args.eviction_pressure_transition_period, args.eviction_max_pod_grace_period)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def thresholds(text: str) -> dict[str, str]:
    """Signal → amount (`100Mi`) or share (`10%`); an empty text is none."""
    return _pairs(text, "<")


def _graces(text: str) -> dict[str, float]:
    return {signal: seconds(value) for signal, value in _words(text, "=").items()}


def _reclaims(text: str) -> dict[str, str]:
    return _pairs(text, "=")


def _pairs(text: str, separator: str) -> dict[str, str]:
    return {signal: _value(value) for signal, value in _words(text, separator).items()}


def _words(text: str, separator: str) -> dict[str, str]:
    found = {}
    for word in filter(None, (word.strip() for word in text.split(","))):
        signal, present, value = word.partition(separator)
        if not present or signal not in SIGNALS:
            known = ", ".join(SIGNALS)
            raise argparse.ArgumentTypeError(f"{word!r} is not SIGNAL{separator}VALUE with a signal of {known}")
        found[signal] = value
    return found


def _value(text: str) -> str:
    """A quantity, or a percentage, checked. Raises argparse.ArgumentTypeError."""
    try:
        if text.endswith("%"):
            float(text[:-1])
        else:
            quantity.whole(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a quantity nor a percentage") from error
    return text


def seconds(text: str) -> float:
    """A duration as Go writes them: `1m30s`, `5m`, `0s`. Raises argparse.ArgumentTypeError."""
    parts: list[tuple[str, str]] = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
