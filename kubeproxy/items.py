"""The vocabulary of desired nftables state: named things inside our one table, each with a text as its value.

Neighbours: `kubeproxy.translate` says which items a service needs; `kubeproxy.ruleset` adds them up and finds what
changed; `kubeproxy.base_table` declares the containers they live in.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

TABLE = "podling"
STAND_IN_TABLE = "podling-stand-in"  # serves while the other is replaced
AFFINITY_PREFIX = "affinity/"


class Container(StrEnum):
    """The table's maps and sets; what their keys are is declared in `kubeproxy.base_table`."""

    SERVICE_PORTS = "service-ports"
    EXTERNAL_CLUSTER_PORTS = "external-cluster-ports"
    TCP_ENDPOINTS = "tcp-endpoints"
    UDP_ENDPOINTS = "udp-endpoints"
    SCTP_ENDPOINTS = "sctp-endpoints"
    IDLE_PORTS = "idle-ports"
    NODE_PORTS = "node-ports"
    NODE_CLUSTER_PORTS = "node-cluster-ports"
    NODE_TCP_ENDPOINTS = "node-tcp-endpoints"
    NODE_UDP_ENDPOINTS = "node-udp-endpoints"
    NODE_SCTP_ENDPOINTS = "node-sctp-endpoints"
    IDLE_NODE_PORTS = "idle-node-ports"
    NODE_ADDRESSES = "node-addresses"
    LOCAL_PODS = "local-pods"
    SERVICE_NETWORKS = "service-networks"
    HAIRPINS = "hairpins"


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a map or set; its value is the map's data, `""` in a set."""

    container: Container
    key: str


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain; its value is its rules, one a line."""

    name: str


@dataclass(frozen=True, slots=True)
class AffinitySet:
    """The clients bound to one endpoint; its value is the declaration. The kernel fills and ages it."""

    name: str


Item = Element | Chain | AffinitySet
