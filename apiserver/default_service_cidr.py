"""The ServiceCIDR `kubernetes`: which network this cluster's Service addresses are taken from, for clients to read.

Made at every start when absent, and said to be ready (upstream: controlplane/controller/defaultservicecidr). It tells,
it does not rule: addresses come from the flag's network whatever becomes of the object.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Final

from msgspec.structs import replace

from api.timestamps import now_text
from api.types import Condition, ObjectMeta, ServiceCIDR, ServiceCIDRSpec
from apiserver.auth.user import LOOPBACK
from apiserver.bootstrap import create_if_absent
from apiserver.registry.objects import ObjectRegistry
from apiserver.requests import WriteOptions
from apiserver.stored import Stored

NAME: Final = "kubernetes"
FINALIZER: Final = "networking.k8s.io/service-cidr-finalizer"
READY: Final = "Ready"
_OPTIONS: Final = WriteOptions()


async def ensure(registry: ObjectRegistry, network: ipaddress.IPv4Network | ipaddress.IPv6Network, now: float) -> None:
    """Create it when absent, and have it ready. Raises `StatusError`."""
    found = registry.reader.cache.get("", NAME)
    if found is None:
        await create_if_absent(registry, default(network))
    if found is not None and ready(found.record, now) is found.record:
        return

    def produce(current: Stored) -> tuple[Any, tuple[str, ...]]:
        return ready(current.record, now), ()

    await registry.write(LOOPBACK, "", NAME, "status", registry.strategy.views()["status"], produce, _OPTIONS)


def default(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> ServiceCIDR:
    return ServiceCIDR(
        metadata=ObjectMeta(name=NAME, finalizers=[FINALIZER]), spec=ServiceCIDRSpec(cidrs=[str(network)])
    )


def ready(present: ServiceCIDR, now: float) -> ServiceCIDR:
    """The object with the condition Ready; itself if it has one, whatever that says."""
    if any(condition.type == READY for condition in present.status.conditions):
        return present
    condition = Condition(
        type=READY,
        status="True",
        message="Kubernetes default Service CIDR is ready",
        last_transition_time=now_text(now),
    )
    return replace(present, status=replace(present.status, conditions=[*present.status.conditions, condition]))
