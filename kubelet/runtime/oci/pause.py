"""The first process of a process namespace that a pod's containers share (`shareProcessNamespace`).

It does nothing but be there and reap: whoever loses its parent becomes its child, and a shell that waits for its jobs
takes note of every child that ends. It is a container like the others, with no rights at all.
"""

from __future__ import annotations

from ..base import ContainerSpec, SecurityContext

IMAGE = "busybox"
_NAME = "POD"
_ID = 65535
_COMMAND = ["sh", "-c", "while :; do sleep 2147483647 & wait; done"]


def pause_spec(sandbox_id: str) -> ContainerSpec:
    """The container that holds a sandbox's process namespace."""
    security = SecurityContext(uid=_ID, gid=_ID, drop_capabilities=["ALL"], readonly_root=True, no_new_privileges=True)
    return ContainerSpec(sandbox_id=sandbox_id, name=_NAME, image=IMAGE, command=_COMMAND, security=security)
