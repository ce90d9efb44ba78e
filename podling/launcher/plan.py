"""What a cluster is made of, decided once and kept in DIR/cluster.json: names, ports, addresses, sizes.

Pure: no I/O. `network index` n gives a cluster its own /16 and its own ports, so that clusters run side by side.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

RUN_ROOT = Path("/run/podling")
STATE_ROOT = Path("/var/lib/podling")
DEFAULT_IMAGE_STORE = STATE_ROOT / "images"

MAX_NODES = 250
# Hollow nodes have no processes of their own: so many are one process, whose memory and one core they share.
MAX_HOLLOW_NODES = 10_000
HOLLOW_NODES_PER_PROCESS = 2_500
HOLLOW_ZONES = ("zone-1", "zone-2", "zone-3")
NETWORK_INDEXES = range(120)
SERVICE_CIDR = "10.96.0.0/16"
# In dual-stack clusters, beside the first: of the same unique local addresses (RFC 4193) as nodes and pods.
SERVICE_CIDR_V6 = "fd70:6f64:ffff::/112"
KUBERNETES_SERVICE_IP = "10.96.0.1"
CLUSTER_DNS = "10.96.0.10"
DNS_PORT = 53
CLUSTER_DOMAIN = "cluster.local"

KUBELET_PORT = 10250
KUBELET_STATUS_PORT = 10248
KUBE_PROXY_STATUS_PORT = 10256

# The etcd binary when none is named: the one on PATH.
DEFAULT_ETCD = "etcd"

_FIRST_PORT = 6443
_PORTS_PER_CLUSTER = 10


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """An emulated node. ip_v6, pod_cidr_v6: "" unless the cluster is dual-stack."""

    name: str
    ip: str
    pod_cidr: str
    netns: str
    veth: str
    ip_v6: str = ""
    pod_cidr_v6: str = ""


class HollowGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Hollow nodes of one process: NAME-1 to NAME-count. first: hollow nodes of the groups before it."""

    name: str
    count: int
    first: int
    status_ip: str


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster as DIR/cluster.json describes it.

    node_cpu: cores per node. node_memory: bytes per node. hollow_*: the same of simulated nodes (docs/hollow-nodes.md).
    ingress: whether HTTP is let in by Ingresses (docs/ingress.md).
    dual_stack: whether nodes, pods and Services have IPv6 addresses as well (docs/dual-stack.md).
    etcd: the binary of our own; "" for the one on PATH.
    etcd_endpoints: of an external etcd; empty when we run our own.
    """

    id: str
    directory: str
    network_index: int
    node_count: int
    node_cpu: float
    node_memory: int
    image_store: str
    grpc: str
    rest: str
    hollow_node_count: int = 0
    hollow_node_cpu: float = 32.0
    hollow_node_memory: int = 256 * 1024**3
    ingress: bool = False
    dual_stack: bool = False
    etcd: str = ""
    etcd_endpoints: list[str] = []
    etcd_ca_file: str = ""
    etcd_cert_file: str = ""
    etcd_key_file: str = ""

    @property
    def dir(self) -> Path:
        return Path(self.directory)

    @property
    def pki(self) -> Path:
        return self.dir / "pki"

    @property
    def run_dir(self) -> Path:
        return run_dir(self.id)

    @property
    def cgroup(self) -> str:
        return cgroup(self.id)

    @property
    def network(self) -> str:
        return network(self.network_index)

    @property
    def host_ip(self) -> str:
        return f"10.{128 + self.network_index}.0.1"

    @property
    def host_ip_v6(self) -> str:
        """The host's end in a dual-stack cluster."""
        return f"{self._prefix_v6}::1"

    @property
    def service_cidrs(self) -> list[str]:
        """Where cluster IPs come from, the primary family's first."""
        return [SERVICE_CIDR, SERVICE_CIDR_V6] if self.dual_stack else [SERVICE_CIDR]

    @property
    def _prefix_v6(self) -> str:
        """The cluster's own /48: subnet 0 is the bridge's, the others the nodes' pods'."""
        return f"fd70:6f64:{self.network_index + 1:x}"

    @property
    def load_balancer_addresses(self) -> str:
        """What Services of type LoadBalancer get addresses from: the network after the last node's pods."""
        return f"10.{128 + self.network_index}.255.0/24"

    @property
    def load_balancer_addresses_v6(self) -> str:
        """The same of a dual-stack cluster's other family."""
        return f"{self._prefix_v6}:ff00::/112"

    @property
    def load_balancer_pools(self) -> list[str]:
        """Both, or the one there is."""
        return [self.load_balancer_addresses, *([self.load_balancer_addresses_v6] if self.dual_stack else [])]

    @property
    def ingress_address(self) -> str:
        """Where Ingresses are reached: the last of the load balancers' addresses, which no Service gets."""
        return f"10.{128 + self.network_index}.255.254"

    @property
    def bridge(self) -> str:
        return f"pl-{self.id}"

    def port(self, offset: int) -> int:
        return first_port(self.network_index) + offset

    @property
    def nodes(self) -> list[Node]:
        return [self.node(number) for number in range(1, self.node_count + 1)]

    def node(self, number: int) -> Node:
        """Node `number`, counted from 1."""
        prefix = f"10.{128 + self.network_index}"
        return Node(
            name=f"node-{number}",
            ip=f"{prefix}.0.{number + 1}",
            pod_cidr=f"{prefix}.{number}.0/24",
            netns=f"podling-{self.id}-node-{number}",
            veth=f"pl-{self.id}-{number}",
            ip_v6=f"{self._prefix_v6}::{number + 1:x}" if self.dual_stack else "",
            pod_cidr_v6=f"{self._prefix_v6}:{number:x}::/64" if self.dual_stack else "",
        )

    @property
    def hollow_groups(self) -> list[HollowGroup]:
        """The processes of hollow nodes; all but the last are full."""
        step = HOLLOW_NODES_PER_PROCESS
        return [
            HollowGroup(
                name=f"hollow-{number}",
                count=min(step, self.hollow_node_count - first),
                first=first,
                # The host's loopback is a whole /8: each cluster and group has an address of its own there.
                status_ip=f"127.64.{self.network_index}.{number}",
            )
            for number, first in enumerate(range(0, self.hollow_node_count, step), start=1)
        ]


class Port:
    """Offsets of the control plane's ports from a cluster's first."""

    REST = 0
    GRPC = 1
    ETCD_CLIENT = 2
    ETCD_PEER = 3
    APISERVER_STATUS = 4
    SCHEDULER_STATUS = 5
    CONTROLLERS_STATUS = 6
    SCHEDULER_GRPC = 7
    INGRESS_STATUS = 8


def run_dir(cluster_id: str) -> Path:
    """Where a cluster's sockets, pinned namespaces and runtime state are."""
    return RUN_ROOT / cluster_id


def cgroup(cluster_id: str) -> str:
    """The cgroup every process of a cluster is in or below."""
    return f"/podling/{cluster_id}"


def network(network_index: int) -> str:
    """The addresses of a cluster's host end, nodes and pods."""
    return f"10.{128 + network_index}.0.0/16"


def first_port(network_index: int) -> int:
    return _FIRST_PORT + _PORTS_PER_CLUSTER * network_index


def cluster_id(directory: Path) -> str:
    """Short, stable name of a cluster: of its directory's resolved path. Interface names hold 15 characters."""
    return hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:6]
