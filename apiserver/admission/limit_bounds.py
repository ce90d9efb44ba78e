"""Whether a pod or a claim stays within a limit range. Pure. Source and words: upstream's LimitRanger plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from api import pod_resources
from api.pod_resources import NANO, Amounts, nanos
from api.quota.amounts import text
from api.types import LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod


def pod_problems(pod: Pod, limit_range: LimitRange) -> list[str]:
    """What upstream has to say against the pod, one sentence each."""
    problems: list[str] = []
    for item in limit_range.spec.limits:
        if item.type == "Container":
            for container in (*pod.spec.containers, *pod.spec.init_containers):
                resources = container.resources
                asked = pod_resources.amounts(resources.requests)
                problems += _problems(item, asked, pod_resources.amounts(resources.limits))
        elif item.type == "Pod":
            problems += _problems(item, pod_resources.requests(pod), pod_resources.limits(pod))
    return problems


def claim_problems(claim: PersistentVolumeClaim, limit_range: LimitRange) -> list[str]:
    """The same for a claim: only what it requests counts."""
    asked = pod_resources.amounts(claim.spec.resources.requests)
    problems: list[str] = []
    for item in limit_range.spec.limits:
        if item.type == "PersistentVolumeClaim":
            for name, bound in item.min.items():
                problems += _too_little(item.type, name, bound, asked, {})
            for name, bound in item.max.items():
                problems += _too_large_request(item.type, name, bound, asked)
    return problems


def _problems(item: LimitRangeItem, asked: Amounts, limits: Amounts) -> Iterator[str]:
    for name, bound in item.min.items():
        yield from _too_little(item.type, name, bound, asked, limits)
    for name, bound in item.max.items():
        yield from _too_much(item.type, name, bound, asked, limits)
    for name, bound in item.max_limit_request_ratio.items():
        yield from _too_loose(item.type, name, bound, asked, limits)


def _too_little(kind: str, name: str, bound: str, asked: Amounts, limits: Mapping[str, int]) -> Iterator[str]:
    says = f"minimum {name} usage per {kind} is {bound}"
    if name not in asked:
        yield f"{says}.  No request is specified"
    elif asked[name] < nanos(bound):
        yield f"{says}, but request is {text(name, asked[name])}"
    elif limits.get(name, asked[name]) < nanos(bound):
        yield f"{says}, but limit is {text(name, limits[name])}"


def _too_much(kind: str, name: str, bound: str, asked: Amounts, limits: Amounts) -> Iterator[str]:
    says = f"maximum {name} usage per {kind} is {bound}"
    if name not in limits:
        yield f"{says}.  No limit is specified"
    elif limits[name] > nanos(bound):
        yield f"{says}, but limit is {text(name, limits[name])}"
    elif asked.get(name, 0) > nanos(bound):
        yield f"{says}, but request is {text(name, asked[name])}"


def _too_large_request(kind: str, name: str, bound: str, asked: Amounts) -> Iterator[str]:
    says = f"maximum {name} usage per {kind} is {bound}"
    if name not in asked:
        yield f"{says}.  No request is specified"
    elif asked[name] > nanos(bound):
        yield f"{says}, but request is {text(name, asked[name])}"


def _too_loose(kind: str, name: str, bound: str, asked: Amounts, limits: Amounts) -> Iterator[str]:
    says = f"{name} max limit to request ratio per {kind} is {bound}"
    if not asked.get(name):
        yield f"{says}, but no request is specified or request is 0"
    elif not limits.get(name):
        yield f"{says}, but no limit is specified or limit is 0"
    elif limits[name] * NANO > nanos(bound) * asked[name]:
        yield f"{says}, but provided ratio is {limits[name] / asked[name]:f}"
