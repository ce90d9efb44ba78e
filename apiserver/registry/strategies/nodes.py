"""Nodes: unlike other kinds their status may be set on creation, by the kubelet that registers."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from api.types import Node
from apiserver.registry.strategy import Strategy


class NodeStrategy(Strategy):
    def prepare_create(self, record: Node) -> Any:
        return record

    def prepare_status(self, new: Node, old: Node) -> Any:
        metadata = replace(new.metadata, owner_references=old.metadata.owner_references)
        return replace(new, spec=old.spec, metadata=metadata)
