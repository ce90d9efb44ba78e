"""What every new pod gets besides its service account: eviction tolerations (upstream plugin)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from api.scheme import Resource
from api.types import Pod, Toleration
from apiserver.admission.chain import CREATE, Plugin, Request

TOLERATION_SECONDS: Final = 300
_TAINTS: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


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


def _tolerates(pod: Pod, taint: str) -> bool:
    return any(
        toleration.key in ("", taint) and toleration.effect in ("", "NoExecute") for toleration in pod.spec.tolerations
    )
