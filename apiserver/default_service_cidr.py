"""The ServiceCIDR `kubernetes`: which network this cluster's Service addresses are taken from, for clients to read.

Made at every start when absent, and said to be ready (upstream: controlplane/controller/defaultservicecidr). It tells,
it does not rule: addresses come from the flag's network whatever becomes of the object. Further ServiceCIDRs do rule
(`apiserver.registry.allocation`); `controllers.service_cidrs` says when they are ready.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from msgspec.structs import replace

from api.timestamps import now_text
from api.types import Condition, ObjectMeta, ServiceCIDR, ServiceCIDRSpec
from apiserver.auth.user import LOOPBACK
from apiserver.bootstrap import create_if_absent
from apiserver.registry.allocation import Network
from apiserver.registry.objects import ObjectRegistry
from apiserver.requests import WriteOptions
from apiserver.stored import Stored

NAME: Final = "kubernetes"
FINALIZER: Final = "networking.k8s.io/service-cidr-finalizer"
READY: Final = "Ready"
_OPTIONS: Final = WriteOptions()


async def ensure(registry: ObjectRegistry, networks: Sequence[Network], now: float) -> None:
    """Create it when absent, and have it ready. Raises `StatusError`.

    networks: one, or two of both IP families; a second one joins an object that had the first alone.
    """
    found = registry.reader.cache.get("", NAME)
    if found is None:
        await create_if_absent(registry, default(networks))
    elif joined(found.record, networks) is not found.record:
        await _write(registry, "", lambda record: joined(record, networks))
    if found is None or ready(found.record, now) is not found.record:
        await _write(registry, "status", lambda record: ready(record, now))


async def _write(registry: ObjectRegistry, subresource: str, change: Callable[[ServiceCIDR], ServiceCIDR]) -> None:
    def produce(current: Stored) -> tuple[Any, tuple[str, ...]]:
        return change(current.record), ()

    view = registry.strategy.views()[subresource]
    await registry.write(LOOPBACK, "", NAME, subresource, view, produce, _OPTIONS)


def default(networks: Sequence[Network]) -> ServiceCIDR:
    return ServiceCIDR(
        metadata=ObjectMeta(name=NAME, finalizers=[FINALIZER]), spec=ServiceCIDRSpec(cidrs=list(map(str, networks)))
    )


def joined(present: ServiceCIDR, networks: Sequence[Network]) -> ServiceCIDR:
    """The object with the second network, if it has the first alone; else itself."""
    wanted = list(map(str, networks))
    if len(wanted) < 2 or present.spec.cidrs != wanted[:1]:
        return present
    return replace(present, spec=replace(present.spec, cidrs=wanted))


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
