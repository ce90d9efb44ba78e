"""What runs, as data: each process's command line, where it runs and how to ask whether it is well. Pure."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from podling.launcher.plan import (
    CLUSTER_DNS,
    CLUSTER_DOMAIN,
    DEFAULT_ETCD,
    DNS_PORT,
    HOLLOW_ZONES,
    KUBE_PROXY_STATUS_PORT,
    KUBELET_PORT,
    KUBELET_STATUS_PORT,
    Cluster,
    HollowGroup,
    Node,
    Port,
)

# With leases renewed every 3 s a node is NotReady 12 s after its death; upstream's 10 s and 40 s suit
# machines that are far away, ours are next door.
LEASE_RENEW_SECONDS = 3
NODE_MONITOR_GRACE_SECONDS = 12
# Upstream looks each 15 s, for clusters of thousands of autoscalers; a learner is waiting.
AUTOSCALER_SYNC_SECONDS = 5
# Together hollow nodes renew at most so many leases a second; a small number of them each 10 s, as upstream's.
HOLLOW_RENEWALS_PER_SECOND = 100
HOLLOW_RENEW_SECONDS = 10.0
# A hollow node is taken for dead when it missed so many renewals.
HOLLOW_MISSED_RENEWALS = 3
# They stand for machines of their own: the control plane is not to wait for what those would do meanwhile.
# By its cgroup's share: niceness counts only within one.
HOLLOW_CPU_SHARES = 128
# Collecting garbage is a third of etcd's work when it is given thousands of objects a second; memory it may have then.
ETCD_OF_THOUSANDS = (("GOGC", "200"),)

# In the cluster's directory: the scheduler's configuration, for who wants another than upstream's default profile.
SCHEDULER_CONFIG = "scheduler.yaml"


@dataclass(frozen=True, slots=True)
class Process:
    """A process to keep running.

    netns: name of the network namespace to run in, "" for the host's. cgroup: path to run in.
    status: host and port of its status server; None when health is only "it runs".
    address: what it serves, for people. inherits: descriptors of ours it gets, under the same numbers.
    environment: variables it gets beside ours. socket: a Unix socket it listens on; it must not be there before.
    cpu_shares: how much of the CPU it gets when all want to run; others get 1024, as 0 does.
    """

    name: str
    argv: tuple[str, ...]
    cgroup: str
    address: str
    status: tuple[str, int] | None = None
    node: str = ""
    netns: str = ""
    inherits: tuple[int, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    socket: Path | None = None
    cpu_shares: int = 0


def control_plane(cluster: Cluster) -> list[Process]:
    """etcd (unless it is an external one), API server, scheduler, controllers."""
    ours = [] if cluster.etcd_endpoints else [_etcd(cluster)]
    return [*ours, _apiserver(cluster), _scheduler(cluster), _controllers(cluster)]


def ingress(cluster: Cluster) -> list[Process]:
    """The ingress' control process and its proxy, side by side: neither ends with the other."""
    return [_ingress(cluster), _ingress_proxy(cluster)] if cluster.ingress else []


def on_node(cluster: Cluster, node: Node, dns_sockets: tuple[int, ...] = (), machine_netns: str = "") -> list[Process]:
    """A node's kubelet and kube-proxy. dns_sockets: descriptors of the node's DNS sockets, kept open by us.

    machine_netns: the machine's network namespace, as a path; images are pulled from there.
    """
    return [_kubelet(cluster, node, machine_netns), _kube_proxy(cluster, node, dns_sockets)]


def hollow(cluster: Cluster) -> list[Process]:
    """The processes that are hollow nodes."""
    return [_hollow(cluster, group) for group in cluster.hollow_groups]


def _etcd(cluster: Cluster) -> Process:
    client = f"https://127.0.0.1:{cluster.port(Port.ETCD_CLIENT)}"
    # Whoever reaches the peer port can propose writes: it needs a certificate as the clients' does.
    peer = f"https://127.0.0.1:{cluster.port(Port.ETCD_PEER)}"
    pki = cluster.pki / "etcd"
    flags = {
        "name": "podling",
        "data-dir": cluster.dir / "etcd",
        # On TCP with certificates, for whoever administers it; the API server has a shorter way.
        "listen-client-urls": f"{client},unix://{_etcd_socket(cluster).name}",
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"podling={peer}",
        "cert-file": pki / "server.crt",
        "key-file": pki / "server.key",
        "trusted-ca-file": pki / "ca.crt",
        "client-cert-auth": "true",
        "peer-cert-file": pki / "server.crt",
        "peer-key-file": pki / "server.key",
        "peer-trusted-ca-file": pki / "ca.crt",
        "peer-client-cert-auth": "true",
        # One member elects itself: there is no network to be patient with.
        "heartbeat-interval": 50,
        "election-timeout": 250,
        "quota-backend-bytes": 4 * 1024**3,
        "logger": "zap",
        "log-level": "warn",
    }
    argv = (cluster.etcd or DEFAULT_ETCD, *(f"--{name}={value}" for name, value in flags.items()))
    environment = ETCD_OF_THOUSANDS if cluster.hollow_node_count else ()
    cgroup, socket = f"{cluster.cgroup}/etcd", _etcd_socket(cluster)
    return Process("etcd", argv, cgroup, client, environment=environment, socket=socket)


def _identity(cluster: Cluster, name: str) -> dict[str, object]:
    return {
        "ca-file": cluster.pki / "ca.crt",
        "cert-file": cluster.pki / f"{name}.crt",
        "key-file": cluster.pki / f"{name}.key",
    }


def _etcd_flags(cluster: Cluster) -> dict[str, object]:
    if cluster.etcd_endpoints:
        flags: dict[str, object] = {"etcd-endpoints": ",".join(cluster.etcd_endpoints)}
        files = {"ca": cluster.etcd_ca_file, "cert": cluster.etcd_cert_file, "key": cluster.etcd_key_file}
        return flags | {f"etcd-{name}-file": path for name, path in files.items() if path}
    return {
        "etcd-endpoints": f"unix://{_etcd_socket(cluster)}",
        # Nobody but our API server writes to this etcd: what it has not written has not happened.
        "etcd-exclusive": "true",
    }


def _etcd_socket(cluster: Cluster) -> Path:
    """Where the API server reaches its etcd. Only root gets into the folder, so nobody need be told who asks.

    Half of what a transaction costs both sides is saved: TLS, and Go's HTTP server, through which etcd serves TLS.
    etcd takes the name as relative to its working directory, and demands that it looks like a host and a port.
    """
    return cluster.run_dir / f"etcd:{cluster.port(Port.ETCD_CLIENT)}"


def _apiserver(cluster: Cluster) -> Process:
    rest, grpc = cluster.port(Port.REST), cluster.port(Port.GRPC)
    status = ("127.0.0.1", cluster.port(Port.APISERVER_STATUS))
    flags = {
        **_etcd_flags(cluster),
        "rest-address": f"127.0.0.1:{rest},{cluster.host_ip}:{rest}",
        "grpc-address": f"127.0.0.1:{grpc},{cluster.host_ip}:{grpc}",
        "advertise-address": cluster.host_ip,
        "service-cidr": ",".join(cluster.service_cidrs),
        **_identity(cluster, "apiserver"),
        "kubelet-client-cert-file": cluster.pki / "apiserver-kubelet-client.crt",
        "kubelet-client-key-file": cluster.pki / "apiserver-kubelet-client.key",
        "service-account-key-file": cluster.pki / "sa.key",
    }
    return _component(cluster, "apiserver", flags, status, address=f"https://{cluster.rest},grpc://{cluster.grpc}")


def _scheduler(cluster: Cluster) -> Process:
    status = ("127.0.0.1", cluster.port(Port.SCHEDULER_STATUS))
    explains = f"127.0.0.1:{cluster.port(Port.SCHEDULER_GRPC)}"
    flags = {"apiserver": cluster.grpc, "grpc-address": explains, **_identity(cluster, "scheduler")}
    profiles = cluster.dir / SCHEDULER_CONFIG
    if profiles.exists():
        flags["config"] = profiles
    return _component(cluster, "scheduler", flags, status, address=f"grpc://{explains}")


def _controllers(cluster: Cluster) -> Process:
    flags = {
        "apiserver": cluster.grpc,
        **_identity(cluster, "controllers"),
        "root-ca-file": cluster.pki / "ca.crt",
        "node-monitor-grace-period": NODE_MONITOR_GRACE_SECONDS,
        "horizontal-pod-autoscaler-sync-period": AUTOSCALER_SYNC_SECONDS,
        "load-balancer-addresses": ",".join(cluster.load_balancer_pools),
        "load-balancer-reserved": cluster.ingress_address,
    }
    return _component(cluster, "controllers", flags, ("127.0.0.1", cluster.port(Port.CONTROLLERS_STATUS)))


def _ingress_sockets(cluster: Cluster) -> dict[str, object]:
    folder = cluster.run_dir / "ingress"
    return {"xds-socket": folder / "xds.sock", "admin-socket": folder / "admin.sock"}


def _ingress(cluster: Cluster) -> Process:
    flags = {
        "apiserver": cluster.grpc,
        **_identity(cluster, "ingress"),
        **_ingress_sockets(cluster),
        "address": cluster.ingress_address,
        "access-log": cluster.dir / "log" / "ingress-access.log",
        "default-cert-file": cluster.pki / "ingress-default.crt",
        "default-key-file": cluster.pki / "ingress-default.key",
    }
    return _component(cluster, "ingress", flags, ("127.0.0.1", cluster.port(Port.INGRESS_STATUS)))


def _ingress_proxy(cluster: Cluster) -> Process:
    flags = (f"--{name}={value}" for name, value in _ingress_sockets(cluster).items())
    address = f"http://{cluster.ingress_address},https://{cluster.ingress_address}"
    argv = (sys.executable, "-m", "ingress.envoy", *flags)
    return Process("ingress-proxy", argv, f"{cluster.cgroup}/ingress-proxy", address)


def _kubelet(cluster: Cluster, node: Node, machine_netns: str) -> Process:
    flags = {
        "apiserver": f"{cluster.host_ip}:{cluster.port(Port.GRPC)}",
        **_identity(cluster, f"kubelet-{node.name}"),
        "node-name": node.name,
        **_addresses(node),
        "data-dir": cluster.dir / "nodes" / node.name,
        "run-dir": cluster.run_dir / node.name,
        "pod-manifest-path": cluster.dir / "nodes" / node.name / "manifests",
        "cgroup-root": f"{cluster.cgroup}/{node.name}",
        "image-store": cluster.image_store,
        # The store is the machine's, and so are the registries it is filled from: 127.0.0.1 is the machine.
        "image-pull-netns": machine_netns,
        "cluster-dns": CLUSTER_DNS,
        "cluster-domain": CLUSTER_DOMAIN,
        "listen": f"{node.ip}:{KUBELET_PORT}",
        "node-cpu": cluster.node_cpu,
        "node-memory": cluster.node_memory,
        "lease-renew-seconds": LEASE_RENEW_SECONDS,
        "lease-duration-seconds": NODE_MONITOR_GRACE_SECONDS,
    }
    return _component(
        cluster, "kubelet", flags, (node.ip, KUBELET_STATUS_PORT), node=node, address=f"grpc://{node.ip}:{KUBELET_PORT}"
    )


def _hollow(cluster: Cluster, group: HollowGroup) -> Process:
    renew = max(HOLLOW_RENEW_SECONDS, cluster.hollow_node_count / HOLLOW_RENEWALS_PER_SECOND)
    status = f"{group.status_ip}:{KUBELET_STATUS_PORT}"
    flags = {
        "apiserver": cluster.grpc,
        **_identity(cluster, f"kubelet-{group.name}"),
        "group": group.name,
        "count": group.count,
        "first": group.first,
        "node-cpu": cluster.hollow_node_cpu,
        "node-memory": cluster.hollow_node_memory,
        "zones": ",".join(HOLLOW_ZONES),
        "lease-renew-seconds": renew,
        "lease-duration-seconds": math.ceil(renew * HOLLOW_MISSED_RENEWALS),
        "data-dir": cluster.dir / "nodes" / group.name,
        "run-dir": cluster.run_dir / group.name,
        "status-address": status,
        # Every pod's steps, of thousands of nodes, in one log: nobody reads that.
        "log-level": "warning",
    }
    argv = (sys.executable, "-m", "kubelet.hollow", *(f"--{name}={_text(value)}" for name, value in flags.items()))
    return Process(
        f"kubelet-{group.name}",
        argv,
        f"{cluster.cgroup}/{group.name}",
        f"https://{status}",
        (group.status_ip, KUBELET_STATUS_PORT),
        f"{group.name}-1..{group.count}",
        cpu_shares=HOLLOW_CPU_SHARES,
    )


def _addresses(node: Node) -> dict[str, object]:
    """A node's own addresses and its pods' networks, of each family it has."""
    families = {"node-ip": (node.ip, node.ip_v6), "pod-cidr": (node.pod_cidr, node.pod_cidr_v6)}
    return {flag: ",".join(filter(None, values)) for flag, values in families.items()}


def _kube_proxy(cluster: Cluster, node: Node, dns_sockets: tuple[int, ...]) -> Process:
    flags: dict[str, object] = {
        "apiserver": f"{cluster.host_ip}:{cluster.port(Port.GRPC)}",
        **_identity(cluster, f"kube-proxy-{node.name}"),
        "node-name": node.name,
        **_addresses(node),
        "load-balancer-addresses": ",".join(cluster.load_balancer_pools),
        "cluster-dns": CLUSTER_DNS,
        "cluster-domain": CLUSTER_DOMAIN,
    }
    if cluster.dual_stack:
        flags["service-cidr"] = ",".join(cluster.service_cidrs)
    if dns_sockets:
        flags["dns-sockets"] = ",".join(map(str, dns_sockets))
    status, address = (node.ip, KUBE_PROXY_STATUS_PORT), f"dns://{CLUSTER_DNS}:{DNS_PORT}"
    process = _component(cluster, "kubeproxy", flags, status, node=node, address=address)
    return replace(process, inherits=dns_sockets)


def _component(
    cluster: Cluster,
    module: str,
    flags: dict[str, object],
    status: tuple[str, int],
    *,
    node: Node | None = None,
    address: str = "",
) -> Process:
    host, port = status
    every = {**flags, "status-address": f"{host}:{port}"}
    argv = (sys.executable, "-m", module, *(f"--{name}={_text(value)}" for name, value in every.items()))
    kind = "kube-proxy" if module == "kubeproxy" else module
    address = address or f"https://{host}:{port}"
    if node is None:
        return Process(kind, argv, f"{cluster.cgroup}/{kind}", address, status)
    return Process(
        f"{kind}-{node.name}", argv, f"{cluster.cgroup}/{node.name}/system", address, status, node.name, node.netns
    )


def _text(value: object) -> str:
    return str(value) if not isinstance(value, Path) else value.as_posix()
