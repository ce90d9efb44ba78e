"""NodeRestriction: a kubelet writes about its own node and the pods bound to it, and nothing else (upstream plugin).

What it may read is the node authorizer's matter (`apiserver.auth.node`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from api import errors
from api.scheme import Resource
from api.types import Node, PersistentVolumeClaim, Pod, TokenRequest
from apiserver.admission.chain import CREATE, DELETE, UPDATE, Plugin, Request
from apiserver.admission.service_accounts import MIRROR
from apiserver.auth.node import references
from apiserver.auth.user import NODES
from apiserver.node_groups import group_of
from apiserver.storage.reader import Reader

LEASE_NAMESPACE: Final = "kube-node-lease"
_RESTRICTED: Final = "node-restriction.kubernetes.io"
# The labels below kubernetes.io and k8s.io that a kubelet may set on its node (upstream kubelet labels).
_KUBELET_LABELS: Final = frozenset(
    {
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/instance-type",
        "beta.kubernetes.io/os",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.kubernetes.io/region",
        "failure-domain.kubernetes.io/zone",
        "kubernetes.io/arch",
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "node.kubernetes.io/instance-type",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    }
)
_KUBELET_LABEL_DOMAINS: Final = ("kubelet.kubernetes.io", "node.kubernetes.io")


class NodeRestriction(Plugin):
    """`pods` reads pods."""

    def __init__(self, pods: Reader) -> None:
        self._pods = pods
        self._rules: Mapping[tuple[str, str], Callable[[str, Request], None]] = {
            ("pods", ""): self._pod,
            ("pods", "status"): self._pod_status,
            ("nodes", ""): self._node,
            ("nodes", "status"): self._node,
            ("serviceaccounts", "token"): self._token,
            ("leases.coordination.k8s.io", ""): self._lease,
            ("csinodes.storage.k8s.io", ""): self._csi_node,
            ("persistentvolumeclaims", "status"): self._claim_status,
        }

    def handles(self, operation: str, resource: Resource, subresource: str) -> bool:
        return (resource.group_resource, subresource) in self._rules

    async def create(self, request: Request) -> Any:
        if NODES in request.user.groups and request.subresource == "token":
            # The pod was bound a moment ago: the decision needs the latest knowledge.
            await self._pods.fresh(None)
        self._check(request)
        return request.new

    def update(self, request: Request) -> Any:
        self._check(request)
        return request.new

    def delete(self, request: Request) -> None:
        self._check(request)

    def _check(self, request: Request) -> None:
        if NODES not in request.user.groups:
            return
        node = request.user.node_name or _member(request)
        if not node:
            raise _forbidden(request, f'could not determine node from user "{request.user.name}"')
        self._rules[request.resource.group_resource, request.subresource](node, request)

    def _pod(self, node: str, request: Request) -> None:
        if request.operation == CREATE:
            _check_mirror_pod(node, request)
        elif request.operation == DELETE:
            if request.old.spec.node_name != node:
                raise _forbidden(request, f'node "{node}" can only delete pods with spec.nodeName set to itself')
        else:
            raise _forbidden(
                request,
                f'unexpected operation "{request.operation}", node "{node}" can only create and delete mirror pods',
            )

    def _pod_status(self, node: str, request: Request) -> None:
        old: Pod = request.old
        if old.spec.node_name != node:
            message = f'node "{node}" can only update pod status for pods with spec.nodeName set to itself'
            raise _forbidden(request, message)
        if request.new.metadata.labels != old.metadata.labels:
            raise _forbidden(request, f'node "{node}" cannot update labels through pod status')

    def _node(self, node: str, request: Request) -> None:
        if request.name != node:
            raise _forbidden(request, f'node "{node}" is not allowed to modify node "{request.name}"')
        if request.operation == CREATE:
            _check_labels(node, request, {}, request.new.metadata.labels)
        elif request.operation == UPDATE:
            _check_node_update(node, request)

    def _token(self, node: str, request: Request) -> None:
        wanted: TokenRequest = request.new
        reference = wanted.spec.bound_object_ref
        if reference is None or reference.kind != "Pod" or not reference.name:
            raise _forbidden(request, "node requested token not bound to a pod")
        if not reference.uid:
            raise _forbidden(request, "node requested token with a pod binding without a uid")
        found = self._pods.cache.get(request.namespace, reference.name)
        if found is None:
            raise errors.NotFound("pods", reference.name)
        if found.uid != reference.uid:
            message = (
                f"the UID in the bound object reference ({reference.uid}) does not match the UID in record "
                f"({found.uid}). The object might have been deleted and then recreated"
            )
            raise errors.Conflict("pods", reference.name, message)
        if found.record.spec.node_name != node:
            raise _forbidden(request, "node requested token bound to a pod scheduled on a different node")

    def _csi_node(self, node: str, request: Request) -> None:
        if request.name != node:
            raise _forbidden(request, "can only access CSINode with the same name as the requesting node")

    def _claim_status(self, node: str, request: Request) -> None:
        """What a kubelet knows of a claim is how large its file system has become."""
        if _without_size(request.new) != _without_size(request.old):
            message = f'node "{node}" is not allowed to update fields other than status.capacity and status.conditions'
            raise _forbidden(request, message)

    def _lease(self, node: str, request: Request) -> None:
        if request.namespace != LEASE_NAMESPACE:
            raise _forbidden(request, f'can only access leases in the "{LEASE_NAMESPACE}" system namespace')
        if request.name != node:
            raise _forbidden(request, "can only access node lease with the same name as the requesting node")


def _member(request: Request) -> str:
    """The node of the user's group that a request is about; "" when it is about no such node, or no group asks."""
    group = request.user.node_group
    if not group:
        return ""
    kind = request.resource.group_resource
    if kind == "pods" and request.operation != CREATE:
        node = request.old.spec.node_name
    elif kind == "pods" or request.subresource == "token":
        return ""  # mirror pods and tokens are for kubelets
    else:
        node = request.name
    return node if group_of(node) == group else ""


def _without_size(claim: PersistentVolumeClaim) -> PersistentVolumeClaim:
    status = replace(claim.status, capacity={}, conditions=[], allocated_resources={}, allocated_resource_statuses={})
    metadata = replace(claim.metadata, resource_version="", managed_fields=[])
    return replace(claim, status=status, metadata=metadata)


def _check_mirror_pod(node: str, request: Request) -> None:
    pod: Pod = request.new
    if MIRROR not in pod.metadata.annotations:
        message = f'pod does not have "{MIRROR}" annotation, node "{node}" can only create mirror pods'
        raise _forbidden(request, message)
    if pod.spec.node_name != node:
        raise _forbidden(request, f'node "{node}" can only create pods with spec.nodeName set to itself')
    if pod.spec.service_account_name:
        raise _forbidden(request, f'node "{node}" can not create pods that reference a service account')
    # Whatever a pod refers to, its kubelet may read: so it must not say itself what its pods refer to.
    referred = {resource for resource, _ in references(pod)} - {"serviceaccounts"}
    if any(volume.projected is not None for volume in pod.spec.volumes):
        referred.add("projected volumes")
    if pod.spec.resource_claims:
        referred.add("resourceclaims")
    if referred:
        message = f'node "{node}" can not create pods that reference {", ".join(sorted(referred))}'
        raise _forbidden(request, message)
    owners = pod.metadata.owner_references
    if len(owners) != 1 or (owners[0].api_version, owners[0].kind, owners[0].name) != ("v1", "Node", node):
        message = f'pod must have exactly one owner reference, to node "{node}" itself'
        raise _forbidden(request, message)


def _check_node_update(node: str, request: Request) -> None:
    new: Node = request.new
    old: Node = request.old
    if new.spec.taints != old.spec.taints:
        raise _forbidden(request, f'node "{node}" is not allowed to modify taints')
    if new.metadata.owner_references != old.metadata.owner_references:
        raise _forbidden(request, f'node "{node}" is not allowed to modify ownerReferences')
    _check_labels(node, request, old.metadata.labels, new.metadata.labels)


def _check_labels(node: str, request: Request, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    changed = {label for label in {*old, *new} if old.get(label) != new.get(label)}
    wrong = sorted(label for label in changed if not _may_set(label))
    if wrong:
        raise _forbidden(request, f'node "{node}" is not allowed to modify labels: {", ".join(wrong)}')


def _may_set(label: str) -> bool:
    domain, separator, _ = label.rpartition("/")
    if not separator:
        return True
    if domain == _RESTRICTED or domain.endswith("." + _RESTRICTED):
        return False
    if label in _KUBELET_LABELS:
        return True
    if any(domain == own or domain.endswith("." + own) for own in _KUBELET_LABEL_DOMAINS):
        return True
    return not any(domain == own or domain.endswith("." + own) for own in ("kubernetes.io", "k8s.io"))


def _forbidden(request: Request, message: str) -> errors.Forbidden:
    return errors.Forbidden(request.resource.group_resource, request.name, message)
