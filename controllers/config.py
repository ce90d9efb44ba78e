"""The controllers' flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from pathlib import Path

from cluster import connection, daemon
from cluster.command_line import Parser
from cluster.connection import Connection
from cluster.daemon import DaemonConfig
from controllers.horizontal_autoscaler import settings as autoscaler_settings
from controllers.horizontal_autoscaler.settings import AutoscalerSettings

NODE_GRACE_SECONDS = 40.0
TERMINATED_POD_THRESHOLD = 12_500


@dataclass(frozen=True, slots=True)
class ControllersConfig:
    """root_ca_file: the PEM authority given to every namespace.

    node_grace_seconds: how long a node may be silent before it is taken to be lost.
    terminated_pod_threshold: how many finished pods may stay; 0 for any number.
    load_balancer_addresses: what Services of type LoadBalancer get addresses from, at most one of an IP family.
    load_balancer_reserved: those of them that no Service gets.
    autoscaler: how HorizontalPodAutoscalers work.
    """

    daemon: DaemonConfig
    connection: Connection
    root_ca_file: Path
    node_grace_seconds: float
    terminated_pod_threshold: int
    load_balancer_addresses: tuple[IPv4Network | IPv6Network, ...]
    autoscaler: AutoscalerSettings
    load_balancer_reserved: frozenset[str]


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    networks = tuple(map(ip_network, text.split(",")))
    if len({network.version for network in networks}) != len(networks):
        raise ValueError(f"{text} is more than one network of an IP family")
    return networks


def parse(arguments: Sequence[str] | None = None) -> ControllersConfig:
    """The config of a command line (None: this process's)."""
    parser = Parser("controllers", "Makes the cluster what its objects say.")
    connection.add_flags(parser)
    daemon.add_flags(parser)
    group = parser.add_argument_group("controllers")
    group.add_argument(
        "--root-ca-file",
        type=Path,
        metavar="PEM",
        help="the authority that pods know the API server by (default: --ca-file)",
    )
    group.add_argument(
        "--node-monitor-grace-period",
        type=seconds,
        default=NODE_GRACE_SECONDS,
        metavar="SECONDS",
        help="how long a node may be silent before it is taken to be lost (default: %(default)s; 40s and 1m also do)",
    )
    group.add_argument(
        "--terminated-pod-gc-threshold",
        type=int,
        default=TERMINATED_POD_THRESHOLD,
        metavar="PODS",
        help="how many finished pods may stay, 0 for any number (default: %(default)s)",
    )
    group.add_argument(
        "--load-balancer-addresses",
        type=_networks,
        default=(),
        metavar="CIDR[,CIDR]",
        help="what Services of type LoadBalancer get addresses from (default: they get none)",
    )
    group.add_argument(
        "--load-balancer-reserved",
        type=IPv4Address,
        action="append",
        default=[],
        metavar="IP",
        help="an address of those that no Service gets; may be repeated",
    )
    autoscaler_settings.add_flags(parser, seconds)
    args = parser.parse_args(arguments)
    return ControllersConfig(
        daemon.from_args(args),
        connection.from_args(args),
        args.root_ca_file or args.ca_file,
        args.node_monitor_grace_period,
        args.terminated_pod_gc_threshold,
        args.load_balancer_addresses,
        autoscaler_settings.from_args(args),
        frozenset(map(str, args.load_balancer_reserved)),
    )


def seconds(text: str) -> float:
    """A positive duration: a number of seconds, or with `s` or `m`. Raises ValueError, a usage error to argparse."""
    units = {"s": 1.0, "m": 60.0}
    unit = units.get(text[-1:], 1.0)
    value = float(text.rstrip("sm")) * unit
    if not 0 < value < float("inf"):
        raise ValueError(f"{text!r} is not a positive duration")
    return value
