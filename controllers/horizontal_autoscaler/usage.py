"""What pods use of one resource, from the resource metrics API; and what they asked for. Pure.

Source: upstream's pod autoscaler: its metrics client and replica calculator. Amounts are in thousandths.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from api import quantity, timestamps
from api.types import Container, Pod, PodMetrics
from controllers.horizontal_autoscaler.settings import AutoscalerSettings
from controllers.pods import condition


class MetricError(Exception):
    """A metric gives no number of replicas; the message is upstream's."""


@dataclass(frozen=True, slots=True)
class PodUse:
    """An amount, averaged over the window of seconds that ended at `time`."""

    amount: int
    time: float
    window_seconds: float


@dataclass(frozen=True, slots=True)
class Groups:
    """What pods count for. ready: how many are; the others by name.

    unready: they have just begun. missing: nobody measured them. ignored: they are going, or have failed.
    """

    ready: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


def measured(metrics: Sequence[PodMetrics], resource: str, container: str) -> dict[str, PodUse]:
    """By pod: what it uses, or what one container does. Raises MetricError."""
    if not metrics:
        raise MetricError("no metrics returned from resource metrics API")
    uses: dict[str, PodUse] = {}
    for pod in metrics:
        amounts = [each.usage.get(resource) for each in pod.containers if container in ("", each.name)]
        if container and not amounts:
            where = f"{pod.metadata.namespace}/{pod.metadata.name}"
            raise MetricError(
                f"failed to get container metrics: container {container} not present in metrics for pod {where}"
            )
        known = [quantity.milli(amount) for amount in amounts if amount is not None]
        if len(known) == len(amounts) and known:
            time = timestamps.parse_or(pod.timestamp, 0.0)
            uses[pod.metadata.name] = PodUse(sum(known), time, seconds_of(pod.window))
    return uses


def requested(pods: Iterable[Pod], resource: str, container: str) -> dict[str, int]:
    """By pod: what it asks for, or what one container does. Raises MetricError."""
    return {pod.metadata.name: _requested(pod, resource, container) for pod in pods}


def _requested(pod: Pod, resource: str, container: str) -> int:
    whole = pod.spec.resources
    if not container and whole is not None and resource in whole.requests:
        return quantity.milli(whole.requests[resource])
    total = 0
    for each in _running_containers(pod):
        if container not in ("", each.name):
            continue
        amount = each.resources.requests.get(resource)
        if amount is None:
            raise MetricError(f"missing request for {resource} in container {each.name} of Pod {pod.metadata.name}")
        total += quantity.milli(amount)
    return total


def _running_containers(pod: Pod) -> list[Container]:
    return [*pod.spec.containers, *(each for each in pod.spec.init_containers if each.restart_policy == "Always")]


def group(
    pods: Iterable[Pod], uses: Mapping[str, PodUse], resource: str, settings: AutoscalerSettings, now: float
) -> Groups:
    """Sort pods out by how their use, or the lack of it, is to be understood."""
    ready = 0
    unready, missing, ignored = set(), set(), set()
    for pod in pods:
        name = pod.metadata.name
        if pod.metadata.deletion_timestamp is not None or pod.status.phase == "Failed":
            ignored.add(name)
        elif pod.status.phase == "Pending":
            unready.add(name)
        elif name not in uses:
            missing.add(name)
        elif resource == "cpu" and _has_just_begun(pod, uses[name], settings, now):
            unready.add(name)
        else:
            ready += 1
    return Groups(ready, frozenset(unready), frozenset(missing), frozenset(ignored))


def _has_just_begun(pod: Pod, use: PodUse, settings: AutoscalerSettings, now: float) -> bool:
    """The CPU a pod uses is that of its start rather than that of its work."""
    ready = condition(pod, "Ready")
    if ready is None or pod.status.start_time is None:
        return True
    started = timestamps.parse(pod.status.start_time)
    changed = timestamps.parse_or(ready.last_transition_time, 0.0)
    if started + settings.cpu_initialization_seconds > now:
        return ready.status == "False" or use.time < changed + use.window_seconds
    return ready.status == "False" and started + settings.initial_readiness_seconds > changed


def seconds_of(window: str) -> float:
    """The seconds of a Go duration such as "1m15.5s"; 0 for what is none."""
    minutes, separator, rest = window.rpartition("m")
    try:
        return float(minutes or 0) * 60 * bool(separator) + float(rest.removesuffix("s") or 0)
    except ValueError:
        return 0.0
