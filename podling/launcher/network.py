"""The cluster's wiring on this machine: a bridge, and for each node a namespace joined to it by a veth.

Nothing is remembered: everything is named after the cluster's id, to be found and removed after any crash.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from podling.launcher.plan import Cluster, Node

IP_SECONDS = 30
_IPV6_SETTINGS = Path("/proc/sys/net/ipv6/conf")


class NetworkFailure(Exception):
    """The kernel refused a change to the network; the text says which."""


def create_bridge(cluster: Cluster) -> None:
    """Make the bridge with the host's address, if it is not there."""
    if (Path("/sys/class/net") / cluster.bridge).exists():
        return
    _ip_batch(
        # Left to itself a bridge has the lowest address of its ports: a node that goes would take it along, and the
        # others would send to it until their ARP entries lapse.
        f"link add {cluster.bridge} address {bridge_mac(cluster.id)} type bridge forward_delay 0",
        f"addr add {cluster.host_ip}/24 dev {cluster.bridge}",
        f"link set {cluster.bridge} up",
        # Whichever node answers for a load balancer's address is asked for it.
        f"route add {cluster.load_balancer_addresses} dev {cluster.bridge} src {cluster.host_ip}",
        # Nodes and pods reach it by their default route, which is the host.
        *([f"addr add {cluster.ingress_address}/32 dev {cluster.bridge}"] if cluster.ingress else []),
    )
    if cluster.dual_stack:
        # A host may be set to have IPv6 on no new link.
        (_IPV6_SETTINGS / cluster.bridge / "disable_ipv6").write_text("0")
        _ip_batch(
            f"addr add {cluster.host_ip_v6}/64 dev {cluster.bridge} nodad",
            f"route add {cluster.load_balancer_addresses_v6} dev {cluster.bridge} src {cluster.host_ip_v6}",
        )


def bridge_mac(cluster_id: str) -> str:
    """The bridge's hardware address: locally administered, the same whenever the cluster is up."""
    return f"02:70:6c:{cluster_id[0:2]}:{cluster_id[2:4]}:{cluster_id[4:6]}"


def node_mac(ip: str) -> str:
    """A node's hardware address, from its IPv4 one (as CNI's plug-ins had it).

    A node back from a power failure is found at once by neighbours who knew it before: their entries still hold.
    """
    return ":".join(("0a", "58", *(f"{int(part):02x}" for part in ip.split("."))))


def create_node(cluster: Cluster, node: Node) -> None:
    """Make a node's namespace, join it to the bridge and route its pods from the host."""
    _ip("netns", "add", node.netns)
    if cluster.dual_stack:
        _enable_ipv6(node)
    _ip_batch(
        f"link add {node.veth} type veth peer name eth0 address {node_mac(node.ip)} netns {node.netns}",
        f"link set {node.veth} master {cluster.bridge} up",
    )
    _ip_batch(
        "link set lo up",
        f"addr add {node.ip}/24 dev eth0",
        "link set eth0 up",
        f"route add default via {cluster.host_ip}",
        netns=node.netns,
    )
    _ip("route", "replace", node.pod_cidr, "via", node.ip, "dev", cluster.bridge)
    if cluster.dual_stack:
        _ip_batch(
            f"addr add {node.ip_v6}/64 dev eth0 nodad",
            f"route add default via {cluster.host_ip_v6}",
            netns=node.netns,
        )
        _ip("route", "replace", node.pod_cidr_v6, "via", node.ip_v6, "dev", cluster.bridge)


def _enable_ipv6(node: Node) -> None:
    """Have links to come take their addresses at once, instead of asking around for a second who else has them."""
    settings = ("disable_ipv6=0", "accept_dad=0", "accept_ra=0")
    arguments = [f"net.ipv6.conf.default.{setting}" for setting in settings]
    _run(["nsenter", f"--net={netns_path(node)}", "busybox", "sysctl", "-w", *arguments])


def cut_node(node: Node) -> None:
    """Pull a node's plug: nothing reaches it, nothing leaves it."""
    _ip("link", "set", node.veth, "down")


def remove_node(node: Node) -> None:
    """Remove a node's link and namespace, whatever of them there is."""
    _remove_link(node.veth)
    _remove_namespace(node.netns)


def published_table(cluster_id: str) -> str:
    """The nftables table of the ports that `podling run -p` publishes on this machine."""
    return f"podling_published_{cluster_id}"


def remove_all(cluster_id: str) -> None:
    """Remove every link, namespace and published port of a cluster."""
    # There is one only if `podling run -p` made it; then nft is there, too.
    if shutil.which("nft"):
        command = ["nft", "delete", "table", "ip", published_table(cluster_id)]
        subprocess.run(command, capture_output=True, timeout=IP_SECONDS, check=False)
    links = json.loads(_ip("-json", "link", "show").stdout or "[]")
    for link in links:
        if link["ifname"].startswith(f"pl-{cluster_id}"):
            _remove_link(link["ifname"])
    namespaces = Path("/run/netns")
    for namespace in sorted(namespaces.glob(f"podling-{cluster_id}-*")) if namespaces.is_dir() else []:
        _remove_namespace(namespace.name)


def host_networks() -> list[str]:
    """The destinations this machine has routes to, as CIDRs."""
    routes = json.loads(_ip("-json", "-4", "route", "show", "table", "all").stdout or "[]")
    return [route["dst"] for route in routes if route.get("dst", "default") != "default"]


def netns_path(node: Node) -> Path:
    return Path("/run/netns") / node.netns


def _remove_link(name: str) -> None:
    if (Path("/sys/class/net") / name).exists():
        _ip("link", "del", name)


def _remove_namespace(name: str) -> None:
    if (Path("/run/netns") / name).exists():
        _ip("netns", "del", name)


def _ip_batch(*commands: str, netns: str = "") -> None:
    flags = ("-n", netns) if netns else ()
    _ip(*flags, "-batch", "-", stdin="\n".join(commands))


def _ip(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return _run(["ip", *arguments], stdin)


def _run(command: list[str], stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=IP_SECONDS, check=False)
    if result.returncode:
        what = f"{command[0]} {stdin.replace(chr(10), '; ')}" if stdin else " ".join(command)
        raise NetworkFailure(f"{what}: {result.stderr.strip()}")
    return result
