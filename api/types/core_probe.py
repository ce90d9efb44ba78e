"""Probes and lifecycle hooks of a container (core/v1)."""

from __future__ import annotations

from typing import Annotated

from api.types.record import STOP_SIGNALS, Field, Record, always
from api.types.scalars import Int32, Int64, IntOrString

PACKAGE = "core/v1"


class ExecAction(Record, frozen=True, kw_only=True):
    """A command run inside the container."""

    command: Annotated[list[str], Field(list_type="atomic")] = []


class GRPCAction(Record, frozen=True, kw_only=True):
    """A call of the gRPC health service."""

    port: Annotated[Int32, Field(required=True)] = always(0)
    service: Annotated[str | None, Field(default="")] = always(None)


class HTTPHeader(Record, frozen=True, kw_only=True):
    """A header sent with an HTTP probe."""

    name: Annotated[str, Field(required=True)] = always("")
    value: Annotated[str, Field(required=True)] = always("")


class HTTPGetAction(Record, frozen=True, kw_only=True):
    """An HTTP GET; any status from 200 to 399 is success."""

    host: str = ""
    http_headers: Annotated[list[HTTPHeader], Field(list_type="atomic")] = []
    path: str = ""
    port: Annotated[IntOrString, Field(required=True)] = always(0)
    scheme: Annotated[str, Field(enum=("HTTP", "HTTPS"))] = ""


class SleepAction(Record, frozen=True, kw_only=True):
    """Waiting."""

    seconds: Annotated[Int64, Field(required=True)] = always(0)


class TCPSocketAction(Record, frozen=True, kw_only=True):
    """Opening a TCP connection."""

    host: str = ""
    port: Annotated[IntOrString, Field(required=True)] = always(0)


class LifecycleHandler(Record, frozen=True, kw_only=True):
    """What a hook does; exactly one action is set."""

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    sleep: SleepAction | None = None
    tcp_socket: TCPSocketAction | None = None


class Lifecycle(Record, frozen=True, kw_only=True):
    """What a container does right after its start and before its end."""

    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: Annotated[str | None, Field(enum=STOP_SIGNALS)] = None


class Probe(Record, frozen=True, kw_only=True):
    """A check repeated while the container runs; exactly one action is set."""

    exec: ExecAction | None = None
    failure_threshold: Int32 = 0
    grpc: GRPCAction | None = None
    http_get: HTTPGetAction | None = None
    initial_delay_seconds: Int32 = 0
    period_seconds: Int32 = 0
    success_threshold: Int32 = 0
    tcp_socket: TCPSocketAction | None = None
    termination_grace_period_seconds: Int64 | None = None
    timeout_seconds: Int32 = 0
