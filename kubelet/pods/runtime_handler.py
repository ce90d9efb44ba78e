"""Which runtime a pod is to be run with: the handler of its RuntimeClass, if this node has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from api.errors import NotFound, StatusError
from api.types import Pod, RuntimeClass
from cluster.client import Client
from kubelet.node.status import RUNTIME_HANDLERS
from kubelet.runtime.base import RuntimeFailure

CheckHandler = Callable[[Pod], Awaitable[None]]


def handler_check(client: Client) -> CheckHandler:
    """What is asked before a pod's sandbox is made. Raises `RuntimeFailure` when the node cannot run such pods."""

    async def check(pod: Pod) -> None:
        name = pod.spec.runtime_class_name
        if not name:
            return
        try:
            runtime_class = await client.get(RuntimeClass, name)
        except NotFound:
            raise RuntimeFailure(f'RuntimeClass "{name}" not found') from None
        except StatusError as error:
            raise RuntimeFailure(f'cannot look up RuntimeClass "{name}": {error.message}') from error
        if runtime_class.handler not in RUNTIME_HANDLERS:
            raise RuntimeFailure(f'no runtime for "{runtime_class.handler}" is configured')

    return check
