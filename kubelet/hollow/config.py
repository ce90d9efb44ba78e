"""What a process of hollow nodes is told at its start: flags parsed into one frozen record."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from api import quantity
from cluster import connection, daemon
from cluster.command_line import Parser
from cluster.connection import Connection
from cluster.daemon import DaemonConfig
from kubelet.config import Intervals

# Addresses nobody else has here: those for benchmarks (RFC 2544) and those of carriers' own networks (RFC 6598).
NODE_ADDRESSES = IPv4Network("198.18.0.0/15")
POD_ADDRESSES = IPv4Network("100.64.0.0/10")
ADDRESSES_PER_NODE = 256


@dataclass(frozen=True, slots=True)
class Shape:
    """How big each node is, and the zones they are spread over, in turn."""

    cpu_millis: int
    memory_bytes: int
    max_pods: int
    zones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a process of hollow nodes is told.

    group: nodes are named GROUP-1 to GROUP-count; its certificate speaks for those. first: the number of the first of
    them among all hollow nodes of the cluster, counted from 0: it gives them their addresses.
    """

    daemon: DaemonConfig
    connection: Connection
    group: str
    count: int
    first: int
    shape: Shape
    intervals: Intervals
    data_dir: Path
    run_dir: Path

    def address(self, index: int) -> IPv4Address:
        """The InternalIP of the group's node `index`, counted from 0. Nothing answers there."""
        return NODE_ADDRESSES[self.first + index + 1]

    def pod_addresses(self, index: int) -> IPv4Network:
        """The addresses of that node's pods."""
        first = POD_ADDRESSES[(self.first + index) * ADDRESSES_PER_NODE]
        return IPv4Network((first, 24))

    def zone(self, index: int) -> str:
        zones = self.shape.zones
        return zones[(self.first + index) % len(zones)] if zones else ""


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m kubelet.hollow`."""
    flags = Parser("kubelet.hollow", "Is many nodes at once; their pods have no processes.")
    connection.add_flags(flags)
    daemon.add_flags(flags)
    group = flags.add_argument_group("nodes")
    group.add_argument("--group", required=True, metavar="NAME", help="nodes are named NAME-1, NAME-2, ...")
    group.add_argument("--count", required=True, type=_count, metavar="NODES", help="how many")
    group.add_argument("--first", type=int, default=0, metavar="NUMBER", help="hollow nodes of groups before this one")
    group.add_argument("--node-cpu", default="32", type=quantity.milli, metavar="CPUS", help="(default: %(default)s)")
    size = "(default: %(default)s)"
    group.add_argument("--node-memory", default="256Gi", type=quantity.whole, metavar="SIZE", help=size)
    group.add_argument("--max-pods", type=int, default=110, metavar="PODS", help="(default: %(default)s)")
    zones = "zones the nodes are spread over, in turn"
    group.add_argument("--zones", default=(), type=_words, metavar="ZONE,...", help=zones)
    renew = "how often each node says that it lives (default: %(default)s)"
    group.add_argument("--lease-renew-seconds", type=float, default=10.0, metavar="SECONDS", help=renew)
    duration = "how long its word holds (default: %(default)s)"
    group.add_argument("--lease-duration-seconds", type=int, default=40, metavar="SECONDS", help=duration)
    report = "how often a status is written although nothing changed (default: %(default)s)"
    group.add_argument("--status-report-seconds", type=float, default=300.0, metavar="SECONDS", help=report)
    group.add_argument("--data-dir", required=True, type=Path, metavar="DIR", help="what was allocated to resized pods")
    group.add_argument("--run-dir", required=True, type=Path, metavar="DIR", help="sockets and the like")
    return flags


def from_args(args: argparse.Namespace) -> Config:
    """The config that `parser` parsed."""
    return Config(
        daemon=daemon.from_args(args),
        connection=connection.from_args(args),
        group=args.group,
        count=args.count,
        first=args.first,
        shape=Shape(args.node_cpu, args.node_memory, args.max_pods, args.zones),
        intervals=Intervals(
            lease_renew=args.lease_renew_seconds,
            lease_duration=args.lease_duration_seconds,
            status_report=args.status_report_seconds,
        ),
        data_dir=args.data_dir.absolute(),
        run_dir=args.run_dir.absolute(),
    )


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= POD_ADDRESSES.num_addresses // ADDRESSES_PER_NODE:
        raise argparse.ArgumentTypeError(f"{text} nodes have no addresses")
    return value


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
