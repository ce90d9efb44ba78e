"""Probes and lifecycle hooks of a container (core/v1)."""

from __future__ import annotations

from typing import Annotated

from api.types.record import STOP_SIGNALS, Field, Record, always
from api.types.scalars import Int32, Int64, IntOrString

PACKAGE = "core/v1"


class ExecAction(Record, frozen=True, kw_only=True):
    """ExecAction of core/v1."""

    command: Annotated[list[str], Field(list_type="atomic")] = []


class GRPCAction(Record, frozen=True, kw_only=True):
    """GRPCAction of core/v1."""

    port: Annotated[Int32, Field(required=True)] = always(0)
    service: Annotated[str | None, Field(default="")] = always(None)


class HTTPHeader(Record, frozen=True, kw_only=True):
    """HTTPHeader of core/v1."""

    name: Annotated[str, Field(required=True)] = always("")
    value: Annotated[str, Field(required=True)] = always("")


class HTTPGetAction(Record, frozen=True, kw_only=True):
    """HTTPGetAction of core/v1."""

    host: str = ""
    http_headers: Annotated[list[HTTPHeader], Field(list_type="atomic")] = []
    path: str = ""
    port: Annotated[IntOrString, Field(required=True)] = always(0)
    scheme: Annotated[str, Field(enum=("HTTP", "HTTPS"))] = ""


class SleepAction(Record, frozen=True, kw_only=True):
    """SleepAction of core/v1."""

    seconds: Annotated[Int64, Field(required=True)] = always(0)


class TCPSocketAction(Record, frozen=True, kw_only=True):
    """TCPSocketAction of core/v1."""

    host: str = ""
    port: Annotated[IntOrString, Field(required=True)] = always(0)


class LifecycleHandler(Record, frozen=True, kw_only=True):
    """LifecycleHandler of core/v1."""

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    sleep: SleepAction | None = None
    tcp_socket: TCPSocketAction | None = None


class Lifecycle(Record, frozen=True, kw_only=True):
    """Lifecycle of core/v1."""

    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: Annotated[str | None, Field(enum=STOP_SIGNALS)] = None


class Probe(Record, frozen=True, kw_only=True):
    """Probe of core/v1."""

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
