"""What every new pod gets besides its service account: eviction tolerations and a priority (upstream plugins)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from api import errors
from api.scheme import Resource
from api.types import Pod, Toleration
from apiserver.admission.chain import CREATE, Plugin, Request

TOLERATION_SECONDS: Final = 300
_TAINTS: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_SYSTEM_PRIORITIES: Final = {
    "system-cluster-critical": 2_000_000_000,
    "system-node-critical": 2_000_001_000,
}
_PREEMPTS: Final = "PreemptLowerPriority"


class _NewPods(Plugin):
    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        return operation == CREATE and resource.group_resource == "pods" and not subresource


class DefaultTolerationSeconds(_NewPods):
    """A pod stays five minutes on a node that stopped answering, unless it says otherwise."""

    async def create(self, request: Request) -> Pod:
        pod: Pod = request.new
        added = [
            Toleration(key=taint, operator="Exists", effect="NoExecute", toleration_seconds=TOLERATION_SECONDS)
            for taint in _TAINTS
            if not _tolerates(pod, taint)
        ]
        if not added:
            return pod
        return replace(pod, spec=replace(pod.spec, tolerations=[*pod.spec.tolerations, *added]))


class Priority(_NewPods):
    """The number behind a priority class name. There are the two classes every cluster has."""

    async def create(self, request: Request) -> Pod:
        pod: Pod = request.new
        spec = pod.spec
        priority = 0
        if spec.priority_class_name:
            known = _SYSTEM_PRIORITIES.get(spec.priority_class_name)
            if known is None:
                cause = f"no PriorityClass with name {spec.priority_class_name} was found"
                raise errors.Forbidden("pods", request.name, cause)
            priority = known
        if spec.priority not in (None, priority):
            cause = (
                f"the integer value of priority ({spec.priority}) must not be provided in pod spec; priority "
                f"admission controller computed {priority} from the given PriorityClass name"
            )
            raise errors.Forbidden("pods", request.name, cause)
        policy = spec.preemption_policy or _PREEMPTS
        if spec.priority == priority and spec.preemption_policy == policy:
            return pod
        return replace(pod, spec=replace(spec, priority=priority, preemption_policy=policy))


def _tolerates(pod: Pod, taint: str) -> bool:
    return any(
        toleration.key in ("", taint) and toleration.effect in ("", "NoExecute") for toleration in pod.spec.tolerations
    )
