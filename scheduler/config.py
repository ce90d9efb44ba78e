"""The scheduler's flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster import connection, daemon
from cluster.command_line import Parser
from cluster.connection import Connection
from cluster.daemon import DaemonConfig

DEFAULT_SCHEDULER_NAME = "default-scheduler"


@dataclass(frozen=True, slots=True)
class SchedulerConfig:
    """The flags.

    scheduler_name: without a file, the pods to schedule are those whose spec.schedulerName this is.
    file: a KubeSchedulerConfiguration with profiles. grpc_address: where placements are explained; None for nowhere.
    """

    daemon: DaemonConfig
    connection: Connection
    scheduler_name: str
    file: Path | None = None
    grpc_address: tuple[str, int] | None = None


def parse(arguments: Sequence[str] | None = None) -> SchedulerConfig:
    """The config of a command line (None: this process's)."""
    parser = Parser("scheduler", "Finds a node for each pod and binds it there.")
    connection.add_flags(parser)
    daemon.add_flags(parser)
    parser.add_argument(
        "--scheduler-name",
        default=DEFAULT_SCHEDULER_NAME,
        metavar="NAME",
        help="schedule the pods whose spec.schedulerName is NAME (default: %(default)s)",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="a KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1): profiles, plugins, their arguments",
    )
    parser.add_argument(
        "--grpc-address",
        type=daemon.parse_address,
        metavar="HOST:PORT",
        help="where placements are explained over gRPC (default: nowhere)",
    )
    args = parser.parse_args(arguments)
    return SchedulerConfig(
        daemon.from_args(args), connection.from_args(args), args.scheduler_name, args.config, args.grpc_address
    )
