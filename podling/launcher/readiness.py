"""When a cluster is up: every node Ready and untainted, pods can be created, DNS answers on every node."""

from __future__ import annotations

import subprocess
from typing import Any

from podling.launcher import health
from podling.launcher.plan import CLUSTER_DNS, CLUSTER_DOMAIN, KUBELET_STATUS_PORT, Cluster, HollowGroup, Node, Port
from podling.launcher.rest import Admin

NOT_READY_TAINT = "node.kubernetes.io/not-ready"
DNS_SECONDS = 2
NOT_HOLLOW = "node.kubernetes.io/instance-type!=hollow"

KUBE_DNS: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "kube-dns",
        "namespace": "kube-system",
        "labels": {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"},
    },
    "spec": {
        "clusterIP": CLUSTER_DNS,
        "ports": [
            {"name": "dns", "port": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
        ],
    },
}


def missing(cluster: Cluster, admin: Admin) -> list[str]:
    """What the cluster still waits for, in a person's words; empty when it is up. Raises rest.Unavailable."""
    code, nodes = admin.get(f"/api/v1/nodes?labelSelector={NOT_HOLLOW}")
    if code != 200:
        return ["the API server"]
    ready = {node["metadata"]["name"] for node in nodes["items"] if node_is_ready(node)}
    waiting = [f"node {node.name}" for node in cluster.nodes if node.name not in ready]
    if waiting:
        return waiting
    code, _ = admin.get("/api/v1/namespaces/default/serviceaccounts/default")
    if code != 200:
        return ["the default service account"]
    waiting = [group.name for group in cluster.hollow_groups if not hollow_nodes_are_ready(cluster, group)]
    if waiting:
        return [f"the nodes of {name}" for name in waiting]
    waiting = [f"DNS on {node.name}" for node in cluster.nodes if not dns_answers(node)]
    return waiting or ([] if ingress_is_ready(cluster) else ["the ingress"])


def node_is_ready(node: dict[str, Any]) -> bool:
    """Ready, and open to pods."""
    conditions = {condition["type"]: condition["status"] for condition in node.get("status", {}).get("conditions", [])}
    taints = {taint["key"] for taint in node.get("spec", {}).get("taints", [])}
    return conditions.get("Ready") == "True" and NOT_READY_TAINT not in taints


def hollow_nodes_are_ready(cluster: Cluster, group: HollowGroup) -> bool:
    """Whether all of a group are, by their process's word: it sees its Node objects, and they are many."""
    return health.readyz((group.status_ip, KUBELET_STATUS_PORT), health.admin_tls(cluster)) == "ok"


def ingress_is_ready(cluster: Cluster) -> bool:
    """Whether the proxy has what the Ingresses say; so, too, when there is to be no ingress."""
    status = ("127.0.0.1", cluster.port(Port.INGRESS_STATUS))
    return not cluster.ingress or health.readyz(status, health.admin_tls(cluster)) == "ok"


def dns_answers(node: Node) -> bool:
    """Whether a look-up made inside the node, as its pods make it, is answered."""
    name = f"kubernetes.default.svc.{CLUSTER_DOMAIN}"
    command = ["nsenter", f"--net=/run/netns/{node.netns}", "busybox", "nslookup", name, CLUSTER_DNS]
    try:
        return subprocess.run(command, capture_output=True, timeout=DNS_SECONDS, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def ensure_kube_dns(admin: Admin) -> None:
    """Make the Service by which people find the cluster's DNS. Raises RuntimeError when it is refused."""
    code, answer = admin.post("/api/v1/namespaces/kube-system/services", KUBE_DNS)
    # 422: its address is taken, which is so when it exists already.
    if code not in (200, 201, 409, 422):
        raise RuntimeError(f"the kube-dns Service was refused: {answer.get('message', code)}")
