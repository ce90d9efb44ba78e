"""One watch of pods and one of nodes for a whole process, handed to the node each event is about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from api.types import Node, Pod
from cluster.client import Client
from cluster.informer import Informer

PodHandler = Callable[[Pod | None, Pod | None], None]
NodeHandler = Callable[[Node | None, Node | None], None]


class SharedPods:
    """The pods of a group's nodes."""

    def __init__(self, client: Client, group: str) -> None:
        selector = f"spec.nodeName={group}-*"
        by_node = {"node": lambda pod: [pod.spec.node_name]}
        self.informer: Informer[Pod] = Informer(client, Pod, field_selector=selector, indexes=by_node)
        self._handlers: dict[str, PodHandler] = {}
        self.informer.add_handler(self._changed)

    def of(self, node: str) -> NodePods:
        """The pods bound to one node."""
        return NodePods(self, node)

    def on_node(self, node: str, handler: PodHandler) -> None:
        self._handlers[node] = handler
        for pod in self.informer.by_index("node", node):
            handler(None, pod)

    def _changed(self, old: Pod | None, new: Pod | None) -> None:
        changed = new or old
        # The node of a pod never changes, but a pod of the same name may take its place.
        if old is not None and new is not None and old.spec.node_name != new.spec.node_name:
            self._tell(old.spec.node_name, old, None)
            self._tell(new.spec.node_name, None, new)
        elif changed is not None:
            self._tell(changed.spec.node_name, old, new)

    def _tell(self, node: str, old: Pod | None, new: Pod | None) -> None:
        handler = self._handlers.get(node)
        if handler is not None:
            handler(old, new)


class NodePods:
    """`kubelet.pods.services.PodSource` of one node."""

    def __init__(self, shared: SharedPods, node: str) -> None:
        self._shared = shared
        self._node = node

    @property
    def synced(self) -> asyncio.Event:
        return self._shared.informer.synced

    def add_handler(self, handler: PodHandler) -> None:
        """One at most."""
        self._shared.on_node(self._node, handler)

    def items(self) -> list[Pod]:
        return self._shared.informer.by_index("node", self._node)


def shared_nodes(client: Client, group: str) -> Informer[Node]:
    """The group's Node objects."""
    return Informer(client, Node, field_selector=f"metadata.name={group}-*")
