"""Published ports on this machine's 127.0.0.1, as nftables rules: the node has them on its own address (hostPort).

The table is a cluster's own and is replaced as a whole from the Pods there are, whenever a command of `podling run`
changes them; `down` removes it.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from podling.errors import CommandError
from podling.launcher.network import published_table

NFT_SECONDS = 30


@dataclass(frozen=True, order=True)
class Published:
    """A port of this machine and the node's address and port it leads to. `protocol`: tcp or udp."""

    protocol: str
    port: int
    node_ip: str


def ruleset(cluster_id: str, bridge: str, published: Iterable[Published]) -> str:
    """nft's text that replaces the table."""
    table = published_table(cluster_id)
    rules = "\n".join(
        f"    ip daddr 127.0.0.0/8 {each.protocol} dport {each.port} dnat to {each.node_ip}:{each.port}"
        for each in sorted(set(published))
    )
    clear = f"add table ip {table}\ndelete table ip {table}\n"
    if not rules:
        return clear
    # Answers to 127.0.0.1 come in by the bridge; nothing else may reach this machine's loopback that way.
    return f"""{clear}table ip {table} {{
  chain output {{
    type nat hook output priority -100; policy accept;
{rules}
  }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    oifname "{bridge}" ip saddr 127.0.0.0/8 masquerade
  }}
  chain input {{
    type filter hook input priority -10; policy accept;
    iifname "{bridge}" ip daddr 127.0.0.0/8 ct state {{ new, invalid, untracked }} drop
  }}
}}
"""


def apply(cluster_id: str, bridge: str, published: Iterable[Published]) -> None:
    """Make the table that of these ports. Raises CommandError."""
    wanted = list(published)
    if not wanted and not _exists(cluster_id):
        return
    try:
        # Without it answers to 127.0.0.1 are dropped; with it, and without the table, loopback would be open to pods.
        Path(f"/proc/sys/net/ipv4/conf/{bridge}/route_localnet").write_text("1" if wanted else "0")
        done = subprocess.run(
            ["nft", "-f", "-"],
            input=ruleset(cluster_id, bridge, wanted),
            capture_output=True,
            text=True,
            timeout=NFT_SECONDS,
        )
    except OSError as error:
        raise CommandError(f"cannot publish ports on this machine: {error}") from None
    if done.returncode:
        raise CommandError(f"cannot publish ports on this machine: {done.stderr.strip()}")


def check_free(port: int, protocol: str) -> None:
    """Raise CommandError when somebody of this machine has the port."""
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(f"port {port}/{protocol} of this machine is taken: {error.strerror}") from None


def _exists(cluster_id: str) -> bool:
    command = ["nft", "list", "table", "ip", published_table(cluster_id)]
    return subprocess.run(command, capture_output=True, timeout=NFT_SECONDS).returncode == 0
