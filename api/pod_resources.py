"""What a pod as a whole requests and may use, exactly, in billionths of each resource's unit.

Source: upstream's resource helpers (k8s.io/component-helpers/resource PodRequests, PodLimits): containers run side by
side, plain init containers one after another beside the sidecars started before them; resources of the pod as a whole
stand for those of its containers; overhead is added, to limits only where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Final

from api import quantity
from api.types import Pod, PodSpec, ResourceRequirements

NANO: Final = 10**9
Amounts = dict[str, int]


@lru_cache(4096)
def nanos(text: str) -> int:
    """A quantity in billionths: "500m" is 500,000,000. Quantities are never finer than that."""
    value = quantity.parse(text)
    return value.numerator * (NANO // value.denominator)


def amounts(quantities: Mapping[str, str]) -> Amounts:
    return {name: nanos(text) for name, text in quantities.items()}


def requests(pod: Pod) -> Amounts:
    """What a node must have left for the pod; the largest moment of its start counts."""
    total = _total(pod, lambda resources: resources.requests)
    add(total, amounts(pod.spec.overhead))
    return total


def limits(pod: Pod) -> Amounts:
    """The sum of what its containers may use; those without a limit add nothing."""
    total = _total(pod, lambda resources: resources.limits)
    add(total, {name: value for name, value in amounts(pod.spec.overhead).items() if name in total})
    return total


def add(total: Amounts, more: Mapping[str, int]) -> None:
    """Add `more` into `total`."""
    for name, value in more.items():
        total[name] = total.get(name, 0) + value


def text(value: int, like: str) -> str:
    """A number of billionths as a quantity, in the notation of another: like "1Gi" in powers of 1024."""
    return quantity.format(Fraction(value, NANO), "BinarySI" if like.endswith("i") else "DecimalSI")


def of_containers(spec: PodSpec, side: Callable[[ResourceRequirements], Mapping[str, str]]) -> Amounts:
    """One side (requests or limits) of all containers together, whatever is stated for the pod as a whole."""
    total: Amounts = {}
    for container in spec.containers:
        add(total, amounts(side(container.resources)))
    sidecars: Amounts = {}
    starting: Amounts = {}
    for container in spec.init_containers:
        needed = amounts(side(container.resources))
        if container.restart_policy == "Always":
            add(total, needed)
            add(sidecars, needed)
            needed = dict(sidecars)
        else:
            add(needed, sidecars)
        _raise_to(starting, needed)
    _raise_to(total, starting)
    return total


def _total(pod: Pod, side: Callable[[ResourceRequirements], Mapping[str, str]]) -> Amounts:
    total = of_containers(pod.spec, side)
    if pod.spec.resources is not None:
        total.update(amounts(side(pod.spec.resources)))
    return total


def _raise_to(total: Amounts, floor: Mapping[str, int]) -> None:
    for name, value in floor.items():
        total[name] = max(total.get(name, 0), value)
