"""Groups of nodes by name: group `G` has the nodes named `G-<word>`. Pure.

`spec.nodeName=G-*` (pods) and `metadata.name=G-*` (nodes) select a group in lists and watches: no name has a `*`.
What the identity of a group may do is `apiserver.auth.node_groups`' matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# The field by which a resource's objects belong to a node.
NODE_FIELDS: Final[Mapping[str, str]] = {"pods": "spec.nodeName", "nodes": "metadata.name"}
_ANY: Final = "-*"


def group_of(node: str) -> str:
    """The group a node's name puts it in; "" when it has no part before a hyphen."""
    return node.rpartition("-")[0]


def selector_value(group: str) -> str:
    """What a field selector names to select the group."""
    return group + _ANY


def selected_group(value: str) -> str:
    """The group that a field selector's value stands for; "" when it is a plain name."""
    return value.removesuffix(_ANY) if value.endswith(_ANY) else ""
