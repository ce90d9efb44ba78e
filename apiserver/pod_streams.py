"""Logs, exec, attach and port-forward: authorize, find the pod's node, join the caller to its kubelet.

Both front doors call this; the messages are those of proto/streams.proto. Checks and wording follow
upstream's pod registry (LogLocation, ExecLocation). Neighbour below: `apiserver.kubelets`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from api import errors
from api.types import Pod
from apiserver.auth.user import User
from apiserver.handler import Handler
from apiserver.kubelets import Kubelets
from apiserver.registry.registry import Registry
from apiserver.requests import Attributes
from cluster.pb import streams_pb2 as pb


class PodStreams:
    """Every method authorizes on call of the first `__anext__` and raises `api.errors.StatusError`.

    `verb` is what the door's request maps to: "get" for a GET that is upgraded, "create" otherwise.
    """

    def __init__(self, handler: Handler, pods: Registry, kubelets: Kubelets) -> None:
        self._handler = handler
        self._pods = pods
        self._kubelets = kubelets

    async def logs(self, user: User, request: pb.LogsRequest) -> AsyncGenerator[bytes, None]:
        """The log of one container, in pieces as the kubelet sends them; nothing for a pod without a node."""
        pod = await self._pod(user, "get", "log", request.namespace, request.pod)
        container = _container(pod, request.container)
        if not pod.spec.node_name:
            return
        forwarded = pb.LogsRequest()
        forwarded.CopyFrom(request)
        forwarded.container = container
        async with aclosing(self._kubelets.logs(pod.spec.node_name, forwarded)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def exec(
        self, user: User, start: pb.StreamStart, inputs: AsyncIterator[pb.StreamInput], verb: str = "create"
    ) -> AsyncGenerator[pb.StreamOutput, None]:
        """Run `start.command`; `inputs` are the messages after `start`. The last output is `exit`."""
        pod = await self._running(user, verb, "exec", start)
        if not start.command:
            raise errors.BadRequest("you must specify at least 1 command for the container")
        node_name, filled = pod.spec.node_name, _filled(pod, start)
        async with aclosing(self._kubelets.exec(node_name, filled, inputs)) as outputs:
            async for output in outputs:
                yield output

    async def attach(
        self, user: User, start: pb.StreamStart, inputs: AsyncIterator[pb.StreamInput], verb: str = "create"
    ) -> AsyncGenerator[pb.StreamOutput, None]:
        """Join the container's own process."""
        pod = await self._running(user, verb, "attach", start)
        node_name, filled = pod.spec.node_name, _filled(pod, start)
        async with aclosing(self._kubelets.attach(node_name, filled, inputs)) as outputs:
            async for output in outputs:
                yield output

    async def port_forward(
        self,
        user: User,
        start: pb.PortForwardStart,
        inputs: AsyncIterator[pb.PortForwardMessage],
        verb: str = "create",
    ) -> AsyncGenerator[pb.PortForwardMessage, None]:
        """One connection to a port inside the pod; `inputs` are the messages after `start`."""
        pod = await self._pod(user, verb, "portforward", start.namespace, start.pod)
        _require_node(pod)
        async with aclosing(self._kubelets.port_forward(pod.spec.node_name, start, inputs)) as messages:
            async for message in messages:
                yield message

    async def check(self, user: User, verb: str, subresource: str, namespace: str, name: str) -> Pod:
        """Authorize and return the pod, for a door that must refuse before it upgrades a connection."""
        return await self._pod(user, verb, subresource, namespace, name)

    async def _pod(self, user: User, verb: str, subresource: str, namespace: str, name: str) -> Pod:
        self._handler.authorize(Attributes(user, verb, "", "v1", "pods", subresource, namespace=namespace, name=name))
        stored = await self._pods.get(namespace, name)
        pod: Pod = stored.record
        return pod

    async def _running(self, user: User, verb: str, subresource: str, start: pb.StreamStart) -> Pod:
        pod = await self._pod(user, verb, subresource, start.namespace, start.pod)
        if subresource == "exec" and pod.status.phase in ("Succeeded", "Failed"):
            raise errors.BadRequest(
                f"cannot exec into a container in a completed pod; current phase is {pod.status.phase}"
            )
        _require_node(pod)
        return pod


def _require_node(pod: Pod) -> None:
    if not pod.spec.node_name:
        raise errors.BadRequest(f"pod {pod.metadata.name} does not have a host assigned")


def _filled(pod: Pod, start: pb.StreamStart) -> pb.StreamStart:
    filled = pb.StreamStart()
    filled.CopyFrom(start)
    filled.container = _container(pod, start.container)
    return filled


def _container(pod: Pod, wanted: str) -> str:
    """The container meant; "" stands for the default one (annotation, then the only one)."""
    spec = pod.spec
    regular = [container.name for container in spec.containers]
    if not wanted:
        wanted = pod.metadata.annotations.get("kubectl.kubernetes.io/default-container", "")
        if wanted not in regular:
            if len(regular) == 1:
                return regular[0]
            wanted = ""
    if not wanted:
        message = (
            f"a container name must be specified for pod {pod.metadata.name}, choose one of: [{' '.join(regular)}]"
        )
        if spec.init_containers:
            names = " ".join(container.name for container in spec.init_containers)
            message += f" or one of the init containers: [{names}]"
        raise errors.BadRequest(message)
    known = {*regular, *(c.name for c in spec.init_containers), *(c.name for c in spec.ephemeral_containers)}
    if wanted not in known:
        raise errors.BadRequest(f"container {wanted} is not valid for pod {pod.metadata.name}")
    return wanted
