"""Upstream's protobuf field numbers (k8s.io/api, generated.proto), by package and message.

A line reads `field=number`; `1.4` is field 4 of a message embedded as field 1, whose fields JSON shows as the outer
message's own. Numbers never change; fields that are not here cannot be sent as protobuf.
"""

from __future__ import annotations

from api.protobuf.numbers import (
    apps,
    authentication,
    authorization,
    autoscaling,
    autoscaling_v2,
    batch,
    coordination,
    core,
    core_pods,
    core_volumes,
    discovery,
    events,
    meta,
    networking,
    node,
    policy,
    rbac,
    scheduling,
    storage,
)

_MODULES = (
    apps,
    authentication,
    authorization,
    autoscaling,
    autoscaling_v2,
    batch,
    coordination,
    core,
    core_pods,
    core_volumes,
    discovery,
    events,
    meta,
    networking,
    node,
    policy,
    rbac,
    scheduling,
    storage,
)


def _by_package() -> dict[str, dict[str, str]]:
    numbers: dict[str, dict[str, str]] = {}
    for module in _MODULES:
        numbers.setdefault(module.PACKAGE, {}).update(module.MESSAGES)
    return numbers


NUMBERS = _by_package()
