"""Asking once: exec, httpGet, tcpSocket and grpc (upstream: pkg/probe/*)."""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import dataclass

from api.types import Container, EphemeralContainer, GRPCAction, HTTPGetAction, Probe, TCPSocketAction
from kubelet.containers.expansion import expand
from kubelet.metrics import pods as metrics
from kubelet.probes import http
from kubelet.probes.tracker import Answer, Outcome, timeout_seconds
from kubelet.runtime.base import NotRunning, Runtime, RuntimeFailure

MAX_OUTPUT_BYTES = 10 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """What is probed: a running container, its id and its pod's address."""

    container: Container
    id: str
    pod_ip: str


class Unresolvable(Exception):
    """A port name the container does not have."""


def resolve_port(container: Container | EphemeralContainer, port: int | str) -> int:
    """A port number or the container's port of that name. Raises Unresolvable."""
    if isinstance(port, int):
        return port
    for candidate in container.ports:
        if candidate.name == port:
            return candidate.container_port
    if port.isdecimal():
        return int(port)
    raise Unresolvable(f'couldn\'t find port: "{port}" in container {container.name}')


async def check(runtime: Runtime, probe: Probe, target: Target) -> Outcome:
    """Ask once, for at most the probe's timeout."""
    timeout = timeout_seconds(probe)
    try:
        if probe.exec is not None:
            return await _exec(runtime, probe.exec.command, target, timeout)
        if probe.http_get is not None:
            return await _http(probe.http_get, target, timeout)
        if probe.tcp_socket is not None:
            return await _tcp(probe.tcp_socket, target, timeout)
        if probe.grpc is not None:
            return await _grpc(probe.grpc, target, timeout)
    except Unresolvable as error:
        return Outcome(Answer.ERROR, str(error))
    return Outcome(Answer.ERROR, "missing probe handler")


async def _exec(runtime: Runtime, command: list[str], target: Target, timeout: float) -> Outcome:
    known = {variable.name: variable.value for variable in target.container.env if variable.value_from is None}
    argv = [expand(word, known) for word in command]
    try:
        with metrics.operation("exec_sync"):
            result = await runtime.exec_sync(target.id, argv, timeout)
    except TimeoutError:
        return Outcome(Answer.FAILURE, f'command timed out: "{shlex.join(argv)}" timed out after {timeout:g}s')
    except NotRunning:
        return Outcome(Answer.ERROR, "the container is not running")
    except RuntimeFailure as error:
        return Outcome(Answer.ERROR, str(error))
    output = (result.stdout + result.stderr)[:MAX_OUTPUT_BYTES].decode("utf-8", "replace")
    return Outcome(Answer.SUCCESS if result.exit_code == 0 else Answer.FAILURE, output)


async def _http(action: HTTPGetAction, target: Target, timeout: float) -> Outcome:
    port = resolve_port(target.container, action.port)
    url = http.url_of(action.scheme, action.host or target.pod_ip, port, action.path)
    headers = tuple((header.name, header.value) for header in action.http_headers)
    try:
        response = await http.get(http.Request(url, headers), timeout)
    except http.HttpFailure as error:
        return Outcome(Answer.FAILURE, str(error))
    if response.redirected_to:
        return Outcome(Answer.WARNING, f"Probe terminated redirects, Response body: {_text(response.body)}")
    if 200 <= response.status < 400:
        return Outcome(Answer.SUCCESS, _text(response.body))
    return Outcome(Answer.FAILURE, f"HTTP probe failed with statuscode: {response.status}")


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


async def _tcp(action: TCPSocketAction, target: Target, timeout: float) -> Outcome:
    host, port = action.host or target.pod_ip, resolve_port(target.container, action.port)
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return Outcome(Answer.FAILURE, f"dial tcp {host}:{port}: i/o timeout")
    except OSError as error:
        return Outcome(Answer.FAILURE, f"dial tcp {host}:{port}: {http.dial_text(error)}")
    writer.close()
    return Outcome(Answer.SUCCESS)


async def _grpc(action: GRPCAction, target: Target, timeout: float) -> Outcome:
    # Imported on first use: most pods have no such probe, and the stubs cost memory.
    from kubelet.probes.grpc_health import ask

    return await ask(target.pod_ip, action.port, action.service or "", timeout)
