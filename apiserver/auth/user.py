"""Who is asking: the outcome of authentication, the input of authorization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ALL_AUTHENTICATED = "system:authenticated"
ALL_UNAUTHENTICATED = "system:unauthenticated"
ANONYMOUS = "system:anonymous"
MASTERS = "system:masters"
NODES = "system:nodes"
NODE_PREFIX = "system:node:"
NODE_GROUP_PREFIX = "system:node-group:"
SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class User:
    """An authenticated identity; `groups` holds the virtual ones (system:authenticated, ...) as well."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # Worked out once: every decision is looked up by its user.
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.name, self.uid, self.groups)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def node_name(self) -> str:
        """The node this user is the kubelet of, or "" (upstream: the default node identifier)."""
        if NODES in self.groups and self.name.startswith(NODE_PREFIX):
            return self.name.removeprefix(NODE_PREFIX)
        return ""

    @property
    def node_group(self) -> str:
        """The node group this user acts for, or "" (`apiserver.auth.node_groups`)."""
        if NODES in self.groups and self.name.startswith(NODE_GROUP_PREFIX):
            return self.name.removeprefix(NODE_GROUP_PREFIX)
        return ""


# The API server's own work (bootstrap objects, allocations): never refused.
LOOPBACK = User("system:apiserver", groups=(MASTERS, ALL_AUTHENTICATED))
