"""Lifecycle hooks: postStart and preStop (upstream: pkg/kubelet/lifecycle/handlers.go)."""

from __future__ import annotations

import asyncio
import shlex

from api.types import Container, EphemeralContainer, HTTPGetAction, LifecycleHandler
from kubelet.probes import http
from kubelet.probes.checks import Unresolvable, resolve_port
from kubelet.runtime.base import Runtime, RuntimeFailure

HTTP_TIMEOUT_SECONDS = 3600.0


class HookFailure(Exception):
    """The hook did not succeed. The text says how."""


async def run_hook(
    runtime: Runtime,
    handler: LifecycleHandler,
    container: Container | EphemeralContainer,
    container_id: str,
    pod_ip: str,
) -> None:
    """Run a hook to its end; the caller bounds its time by cancelling. Raises HookFailure.

    An HTTP hook succeeds with whatever status is answered, as upstream's.
    """
    if handler.exec is not None:
        await _exec(runtime, handler.exec.command, container_id)
    elif handler.http_get is not None:
        await _http(handler.http_get, container, pod_ip)
    elif handler.sleep is not None:
        await asyncio.sleep(handler.sleep.seconds)
    else:
        # tcpSocket: accepted for old objects' sake, never carried out (upstream: the same failure).
        raise HookFailure("invalid handler: a hook is exec, httpGet or sleep")


async def _exec(runtime: Runtime, command: list[str], container_id: str) -> None:
    try:
        result = await runtime.exec_sync(container_id, command, 0)
    except RuntimeFailure as error:
        raise HookFailure(str(error)) from error
    if result.exit_code != 0:
        output = (result.stdout + result.stderr).decode("utf-8", "replace")[:1024]
        text = f"command '{shlex.join(command)}' exited with {result.exit_code}: {output}"
        raise HookFailure(text)


async def _http(action: HTTPGetAction, container: Container | EphemeralContainer, pod_ip: str) -> None:
    try:
        port = resolve_port(container, action.port)
        headers = tuple((header.name, header.value) for header in action.http_headers)

        def request(scheme: str) -> http.Request:
            return http.Request(http.url_of(scheme, action.host or pod_ip, port, action.path), headers)

        try:
            await http.get(request(action.scheme), HTTP_TIMEOUT_SECONDS)
        except http.PlainAnswer:
            # Hooks once were HTTP whatever their scheme said (upstream: the same second try).
            await http.get(request("HTTP"), HTTP_TIMEOUT_SECONDS)
    except (http.HttpFailure, Unresolvable) as error:
        raise HookFailure(str(error)) from error
