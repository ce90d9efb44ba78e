"""Defaults of Namespaces, Nodes and Secrets."""

from __future__ import annotations

import base64

from msgspec.structs import replace

from api.defaults.fill import fill, put
from api.types import Namespace, Node, Secret

NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"


def namespace(namespace: Namespace) -> Namespace:
    """A namespace can be selected by its name; the label is not the author's to choose."""
    metadata = namespace.metadata
    if metadata.name and metadata.labels.get(NAMESPACE_NAME_LABEL) != metadata.name:
        labels = {**metadata.labels, NAMESPACE_NAME_LABEL: metadata.name}
        namespace = replace(namespace, metadata=replace(metadata, labels=labels))
    return put(namespace, status=fill(namespace.status, phase="Active"))


def node(node: Node) -> Node:
    """A node that says only what it has can give all of it."""
    status = node.status
    if status.capacity and not status.allocatable:
        return replace(node, status=replace(status, allocatable=dict(status.capacity)))
    return node


def secret(secret: Secret) -> Secret:
    """`stringData` is for writing only: it becomes `data`, winning over the same keys there."""
    if secret.string_data:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in secret.string_data.items()}
        secret = replace(secret, data={**secret.data, **encoded}, string_data={})
    return fill(secret, type="Opaque")
