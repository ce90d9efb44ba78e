"""What a kubelet is told at its start: flags parsed into one frozen record.

Neighbours: `kubelet.__main__` parses, `kubelet.run` wires. Defaults are upstream's where upstream has the flag.
"""

from __future__ import annotations

import argparse
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

from api import quantity
from cluster import connection, daemon
from cluster.command_line import Parser
from cluster.connection import Connection
from cluster.daemon import DaemonConfig, parse_address
from kubelet.eviction import flags as eviction_flags
from kubelet.eviction.thresholds import Policy
from kubelet.pulling import flags as image_flags
from kubelet.pulling.flags import ImageConfig


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """Who this node is and how big.

    second_ip, second_pod_cidr: of the other IP family in a dual-stack cluster, else "".
    cpu_millis, memory_bytes: capacity; None means the machine's. labels, taints: given at registration.
    """

    name: str
    ip: str
    pod_cidr: str
    listen: tuple[str, int]
    cpu_millis: int | None = None
    memory_bytes: int | None = None
    max_pods: int = 110
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[tuple[str, str, str], ...] = ()
    eviction_hard: dict[str, str] = field(default_factory=dict)
    second_ip: str = ""
    second_pod_cidr: str = ""


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often the node speaks of itself, in seconds (upstream: 10, 40, 10, 300)."""

    lease_renew: float = 10.0
    lease_duration: int = 40
    status_check: float = 10.0
    status_report: float = 300.0


@dataclass(frozen=True, slots=True)
class LogLimits:
    """Size and number of a container's log files, the live one included."""

    max_bytes: int = 10 * 2**20
    max_files: int = 5
    check_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class DnsConfig:
    """Cluster DNS servers and domain, and the host's own resolver file for `dnsPolicy: Default`."""

    servers: tuple[str, ...]
    domain: str
    host_file: Path


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a kubelet is told."""

    daemon: DaemonConfig
    connection: Connection
    node: NodeConfig
    intervals: Intervals
    logs: LogLimits
    dns: DnsConfig
    data_dir: Path
    run_dir: Path
    image_store: Path
    cgroup_root: str
    seccomp_dir: Path
    allowed_unsafe_sysctls: tuple[str, ...] = ()
    eviction: Policy = field(default_factory=Policy)
    manifests: Path | None = None
    images: ImageConfig = field(default_factory=ImageConfig)


def parser() -> argparse.ArgumentParser:
    """The command line of `python -m kubelet`."""
    flags = Parser("kubelet", "Runs the pods that are bound to this node.")
    connection.add_flags(flags)
    daemon.add_flags(flags)
    _add_node_flags(flags.add_argument_group("node"))
    _add_place_flags(flags.add_argument_group("places"))
    _add_pod_flags(flags.add_argument_group("pods"))
    image_flags.add_flags(flags.add_argument_group("images"))
    return flags


def _add_node_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--node-name", default=socket.gethostname().lower(), help="default: the host's name")
    addresses = "the node's InternalIP; two, of both IP families, for dual-stack"
    group.add_argument("--node-ip", required=True, type=_node_addresses, metavar="IP[,IP]", help=addresses)
    networks = "the addresses of this node's pods; two, of both IP families, for dual-stack"
    group.add_argument("--pod-cidr", default=("", ""), type=_networks, metavar="CIDR[,CIDR]", help=networks)
    group.add_argument(
        "--listen",
        type=parse_address,
        metavar="HOST:PORT",
        help="where the node's gRPC server listens (default: NODE-IP:10250)",
    )
    group.add_argument("--node-cpu", type=_cpu, metavar="CPUS", help="capacity, as 2 or 1500m (default: the machine's)")
    group.add_argument("--node-memory", type=_size, metavar="SIZE", help="capacity, as 4Gi (default: the machine's)")
    group.add_argument("--max-pods", type=int, default=110, metavar="PODS", help="how many (default: %(default)s)")
    group.add_argument("--node-labels", default={}, type=_labels, metavar="K=V,...", help="labels to register with")
    group.add_argument(
        "--register-with-taints",
        default=(),
        type=_taints,
        metavar="KEY=VALUE:EFFECT,...",
        help="taints to register with",
    )
    eviction_flags.add_flags(group)
    _add_seconds(group, "--lease-renew-seconds", 10.0, "how often the node says that it lives")
    _add_seconds(group, "--lease-duration-seconds", 40, "how long its word holds")
    _add_seconds(group, "--status-check-seconds", 10.0, "how often the status is computed")
    _add_seconds(group, "--status-report-seconds", 300.0, "how often it is written although nothing changed")


def _add_seconds(group: argparse._ArgumentGroup, flag: str, default: float, what: str) -> None:
    help = f"{what} (default: %(default)s)"
    group.add_argument(flag, type=type(default), default=default, metavar="SECONDS", help=help)


def _add_place_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--data-dir", required=True, type=Path, metavar="DIR", help="pods, containers, logs, volumes")
    group.add_argument(
        "--run-dir", required=True, type=Path, metavar="DIR", help="sockets, namespaces, secrets in memory"
    )
    _add_place(group, "--image-store", Path("/var/lib/podling/images"), "images, as `podling image` keeps them")
    group.add_argument(
        "--cgroup-root",
        default="/",
        metavar="PATH",
        help="the cgroup under which kubepods is made (default: %(default)s)",
    )
    seccomp = "seccomp profiles of type Localhost (default: DATA-DIR/seccomp)"
    group.add_argument("--seccomp-dir", type=Path, metavar="DIR", help=seccomp)
    _add_place(group, "--resolv-conf", Path("/etc/resolv.conf"), "the resolver file behind dnsPolicy Default")


def _add_place(group: argparse._ArgumentGroup, flag: str, default: Path, what: str) -> None:
    group.add_argument(flag, type=Path, default=default, metavar="PATH", help=f"{what} (default: %(default)s)")


def _add_pod_flags(group: argparse._ArgumentGroup) -> None:
    manifests = "manifests of pods that this node runs by itself: a folder, made if need be, or a file"
    group.add_argument("--pod-manifest-path", type=Path, metavar="PATH", help=manifests)
    servers = "the name servers of pods with dnsPolicy ClusterFirst (default: the host's)"
    group.add_argument("--cluster-dns", default=(), type=_addresses, metavar="IP,...", help=servers)
    domain = "the cluster's DNS domain (default: %(default)s)"
    group.add_argument("--cluster-domain", default="cluster.local", metavar="DOMAIN", help=domain)
    size = "when a container's log is rotated, as 10Mi (default: %(default)s)"
    group.add_argument("--container-log-max-size", type=_size, default="10Mi", metavar="SIZE", help=size)
    files = "a container's log files, the live one included (default: %(default)s)"
    group.add_argument("--container-log-max-files", type=int, default=5, metavar="FILES", help=files)
    _add_seconds(group, "--container-log-monitor-seconds", 10.0, "how often the logs' sizes are looked at")
    sysctls = "sysctls that pods may set besides the safe ones, * at the end for any"
    group.add_argument("--allowed-unsafe-sysctls", default=(), type=_words, metavar="PATTERN,...", help=sysctls)


def from_args(args: argparse.Namespace) -> Config:
    """The config that `parser` parsed."""
    node = NodeConfig(
        name=args.node_name,
        ip=args.node_ip[0],
        pod_cidr=args.pod_cidr[0],
        listen=args.listen or (args.node_ip[0], 10250),
        cpu_millis=args.node_cpu,
        memory_bytes=args.node_memory,
        max_pods=args.max_pods,
        labels=args.node_labels,
        taints=args.register_with_taints,
        eviction_hard=args.eviction_hard,
        second_ip=args.node_ip[1],
        second_pod_cidr=args.pod_cidr[1],
    )
    intervals = Intervals(
        args.lease_renew_seconds, args.lease_duration_seconds, args.status_check_seconds, args.status_report_seconds
    )
    data_dir = args.data_dir.absolute()
    return Config(
        daemon=daemon.from_args(args),
        connection=connection.from_args(args),
        node=node,
        intervals=intervals,
        logs=LogLimits(args.container_log_max_size, args.container_log_max_files, args.container_log_monitor_seconds),
        dns=DnsConfig(args.cluster_dns, args.cluster_domain, args.resolv_conf),
        data_dir=data_dir,
        run_dir=args.run_dir.absolute(),
        image_store=args.image_store.absolute(),
        cgroup_root=args.cgroup_root,
        seccomp_dir=(args.seccomp_dir or data_dir / "seccomp").absolute(),
        allowed_unsafe_sysctls=args.allowed_unsafe_sysctls,
        eviction=eviction_flags.from_args(args),
        manifests=args.pod_manifest_path.absolute() if args.pod_manifest_path is not None else None,
        images=image_flags.from_args(args),
    )


def shown(config: Config) -> dict[str, object]:
    """What /configz tells: upstream's names for what this kubelet was told, without paths of keys."""
    return {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "staticPodPath": str(config.manifests or ""),
        "maxPods": config.node.max_pods,
        "podCIDR": config.node.pod_cidr,
        "clusterDomain": config.dns.domain,
        "clusterDNS": list(config.dns.servers),
        "evictionHard": config.node.eviction_hard,
        "evictionPressureTransitionPeriod": f"{config.eviction.transition_seconds:g}s",
        "containerLogMaxSize": str(config.logs.max_bytes),
        "containerLogMaxFiles": config.logs.max_files,
        "allowedUnsafeSysctls": list(config.allowed_unsafe_sysctls),
        "nodeLeaseDurationSeconds": config.intervals.lease_duration,
    }


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _address(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(_address(word) for word in _words(text))


def _node_addresses(text: str) -> tuple[str, str]:
    return _by_family([ipaddress.ip_address(word) for word in _words(text)], text)


def _networks(text: str) -> tuple[str, str]:
    """No network at all is one that is still to come."""
    return _by_family([ipaddress.ip_network(word) for word in _words(text)], text) if text else ("", "")


def _by_family(
    given: Sequence[IPv4Address | IPv6Address] | Sequence[IPv4Network | IPv6Network], text: str
) -> tuple[str, str]:
    """The primary family's and the other's, "" when there is none. Raises ArgumentTypeError.

    The primary one is IPv4: what tells pods apart on a node (users of their own, host ports) goes by it.
    """
    if not 1 <= len(given) <= 2 or [each.version for each in given] not in ([4], [6], [4, 6]):
        raise argparse.ArgumentTypeError(f"{text!r} is neither one, nor one of IPv4 and then one of IPv6")
    first, *second = map(str, given)
    return first, second[0] if second else ""


def _cpu(text: str) -> int:
    """Thousandths of a CPU."""
    return quantity.milli(text)


def _size(text: str) -> int:
    """Bytes."""
    return quantity.whole(text)


def _labels(text: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in _words(text)]
    return {key: value for key, _, value in pairs}


def _taints(text: str) -> tuple[tuple[str, str, str], ...]:
    """(key, value, effect) of each."""
    found = []
    for word in _words(text):
        rest, colon, effect = word.rpartition(":")
        if not colon or effect not in ("NoSchedule", "PreferNoSchedule", "NoExecute"):
            raise argparse.ArgumentTypeError(f"{word!r} is not KEY=VALUE:EFFECT")
        key, _, value = rest.partition("=")
        found.append((key, value, effect))
    return tuple(found)
