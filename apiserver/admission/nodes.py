"""TaintNodesByCondition: a new node takes no pods until it has been found ready (upstream plugin)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from api.scheme import Resource
from api.types import Node, Taint
from apiserver.admission.chain import CREATE, Plugin, Request

NOT_READY: Final = "node.kubernetes.io/not-ready"
_EFFECT: Final = "NoSchedule"


class TaintNodesByCondition(Plugin):
    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        return operation == CREATE and resource.group_resource == "nodes" and not subresource

    async def create(self, request: Request) -> Node:
        node: Node = request.new
        taints = node.spec.taints
        if any(taint.key == NOT_READY and taint.effect == _EFFECT for taint in taints):
            return node
        added = Taint(key=NOT_READY, effect=_EFFECT)
        return replace(node, spec=replace(node.spec, taints=[*taints, added]))
