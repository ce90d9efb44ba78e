"""The cluster's identities on disk: DIR/pki and DIR/kubeconfig (the table is in ARCHITECTURE.md, Identities)."""

from __future__ import annotations

import datetime
from pathlib import Path

from cluster import pki
from podling.launcher import kubeconfig
from podling.launcher.errors import LauncherError
from podling.launcher.plan import KUBERNETES_SERVICE_IP, Cluster, Node

LOOPBACK = ("localhost", "127.0.0.1")
KUBERNETES_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    KUBERNETES_SERVICE_IP,
)

# name -> (common name, organizations): identities that call the API server from the host.
_CLIENTS = {
    "admin": ("kubernetes-admin", ("system:masters",)),
    "scheduler": ("system:kube-scheduler", ()),
    "controllers": ("system:kube-controller-manager", ()),
    "apiserver-kubelet-client": ("kube-apiserver-kubelet-client", ("system:masters",)),
}


def ensure(cluster: Cluster, now: datetime.datetime) -> None:
    """Make what is missing, broken or about to lapse; the rest is kept, so that running it again changes no identity.

    Raises LauncherError when what only its owner can put back is broken: an authority, or the token key.
    """
    directory = cluster.pki
    authority = _authority(directory, "ca", "podling-ca", now)
    for name, (common_name, organizations) in _CLIENTS.items():
        _leaf(authority, directory, name, common_name, now, organizations, LOOPBACK)
    sans = (*LOOPBACK, cluster.host_ip, *KUBERNETES_NAMES)
    _leaf(authority, directory, "apiserver", "kube-apiserver", now, (), sans)
    _token_key(directory)
    etcd = directory / "etcd"
    etcd_authority = _authority(etcd, "ca", "podling-etcd-ca", now)
    _leaf(etcd_authority, etcd, "server", "etcd", now, (), LOOPBACK)
    _leaf(etcd_authority, etcd, "client", "kube-apiserver", now, (), ())
    if cluster.ingress:
        _leaf(authority, directory, "ingress", "system:podling-ingress", now, (), LOOPBACK)
        # What hosts without a certificate of their own are served with; it is no identity anybody has rights as.
        _leaf(authority, directory, "ingress-default", "podling-ingress-default", now, (), (cluster.ingress_address,))
    for node in cluster.nodes:
        ensure_node(cluster, authority, node, now)
    for group in cluster.hollow_groups:
        name, user = f"kubelet-{group.name}", f"system:node-group:{group.name}"
        _leaf(authority, directory, name, user, now, ("system:nodes",), (*LOOPBACK, group.status_ip))
    kubeconfig.write(cluster)


def ensure_node(cluster: Cluster, authority: pki.Pair, node: Node, now: datetime.datetime) -> None:
    """The certificates of a node's kubelet and kube-proxy."""
    sans = (*LOOPBACK, node.name, node.ip)
    _leaf(authority, cluster.pki, f"kubelet-{node.name}", f"system:node:{node.name}", now, ("system:nodes",), sans)
    _leaf(authority, cluster.pki, f"kube-proxy-{node.name}", "system:kube-proxy", now, (), sans)


def _authority(directory: Path, name: str, common_name: str, now: datetime.datetime) -> pki.Pair:
    if not (directory / f"{name}.crt").exists():
        return pki.create_authority(directory, name, common_name, now)
    try:
        return pki.load(directory, name)
    except (FileNotFoundError, ValueError) as error:
        raise _broken(error, f"remove {directory} to have every certificate made anew") from None


def _token_key(directory: Path) -> None:
    if not (directory / "sa.key").exists():
        pki.create_signing_key(directory, "sa")
    try:
        pki.load_key(directory / "sa.key")
    except ValueError as error:
        raise _broken(error, "remove it to have one made anew: tokens signed so far then end") from None


def _broken(error: Exception, else_do: str) -> LauncherError:
    what = f"{error.filename} is not there" if isinstance(error, FileNotFoundError) else str(error)
    return LauncherError(f"{what}: put it back from a copy, or {else_do}")


def _leaf(
    authority: pki.Pair,
    directory: Path,
    name: str,
    common_name: str,
    now: datetime.datetime,
    organizations: tuple[str, ...],
    sans: tuple[str, ...],
) -> None:
    if not pki.is_usable(authority, directory, name, now, sans):
        pki.issue(authority, directory, name, common_name, now, organizations=organizations, sans=sans)
