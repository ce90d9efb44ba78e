"""The node authorizer: a kubelet may read only what the pods bound to its node refer to.

Semantics are upstream's (documentation "Using Node Authorization"): secrets, config maps and claims by reference,
tokens only of service accounts its pods run as, its own lease, pods only its own (KEP-4601); anything else by the
static rules of the role `system:node`. What a kubelet may *write* about its own node and pods is admission's
(NodeRestriction).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from api import rbac, selectors
from api.errors import BadRequest
from api.types import Container, EphemeralContainer, PersistentVolume, Pod, PodSpec, PolicyRule, Volume
from apiserver.auth import node_groups
from apiserver.auth.objects import NodePods
from apiserver.auth.user import NODES
from apiserver.requests import Attributes, Decision

LEASE_NAMESPACE: Final = "kube-node-lease"
_READS: Final = frozenset({"get", "list", "watch"})
_LEASE_VERBS: Final = frozenset({"get", "create", "update", "patch", "delete"})
_CLAIMS: Final = ("", "persistentvolumeclaims")
_BY_REFERENCE: Final = frozenset({("", "secrets"), ("", "configmaps"), _CLAIMS})
# The mark of a mirror pod: a kubelet made it, so it must not widen what that kubelet may read.
_MIRROR: Final = "kubernetes.io/config.mirror"
_NO_OPINION: Final = Decision(False)
_ALLOWED: Final = Decision(True, "node authorizer")


class NodeAuthorizer:
    """`rules` are those of the bootstrap role system:node."""

    def __init__(self, objects: NodePods, rules: Iterable[PolicyRule]) -> None:
        self._objects = objects
        self._rules = tuple(rules)

    def authorize(self, attributes: Attributes) -> Decision:
        user = attributes.user
        if NODES not in user.groups:
            return _NO_OPINION
        if user.node_group:
            return node_groups.authorize(user.node_group, attributes, self._objects)
        node = user.node_name
        if not node:
            return Decision(False, f'unknown node for user "{user.name}"')
        kind = (attributes.group, attributes.resource)
        if kind in _BY_REFERENCE and (kind, attributes.subresource) != (_CLAIMS, "status"):
            return self._read_by_reference(node, attributes)
        if kind == ("", "serviceaccounts"):
            return self._create_token(node, attributes)
        if kind == ("coordination.k8s.io", "leases"):
            return _own_lease(node, attributes)
        if kind == ("", "pods") and attributes.verb in _READS and not attributes.subresource:
            return self._read_pods(node, attributes)
        if kind == ("", "pods") and (attributes.verb, attributes.subresource) == ("create", "eviction"):
            # Upstream leaves it to NodeRestriction; here an eviction's budget and mark come before admission.
            return self._of_own_pod(node, attributes)
        return self._by_rules(attributes)

    def _by_rules(self, attributes: Attributes) -> Decision:
        question = rbac.Attributes(
            verb=attributes.verb,
            group=attributes.group,
            resource=attributes.resource,
            subresource=attributes.subresource,
            name=attributes.name,
            path=attributes.path,
        )
        return _ALLOWED if rbac.allows(self._rules, question) else _NO_OPINION

    def _read_by_reference(self, node: str, attributes: Attributes) -> Decision:
        if attributes.verb not in _READS or attributes.subresource:
            return Decision(False, "can only read resources of this type")
        if not attributes.name:
            return Decision(False, "No Object name found")
        return self._related(node, attributes, attributes.resource)

    def _read_pods(self, node: str, attributes: Attributes) -> Decision:
        if attributes.verb != "get":
            if _selects_node(attributes.field_selector, node):
                return _ALLOWED
            return Decision(False, "can only list/watch pods with spec.nodeName field selector")
        return self._of_own_pod(node, attributes)

    def _of_own_pod(self, node: str, attributes: Attributes) -> Decision:
        pod = self._objects.pod(attributes.namespace, attributes.name)
        # That there is no such pod may be told.
        if pod is None or pod.spec.node_name == node:
            return _ALLOWED
        return Decision(False, f"no relationship found between node '{node}' and this object")

    def _create_token(self, node: str, attributes: Attributes) -> Decision:
        if attributes.subresource != "token" and attributes.verb == "get":
            return self._related(node, attributes, "serviceaccounts")
        if attributes.verb != "create" or attributes.subresource != "token":
            return Decision(False, "can only create tokens for individual service accounts")
        if not attributes.name:
            return Decision(False, "can only create tokens for individual service accounts")
        return self._related(node, attributes, "serviceaccounts")

    def _related(self, node: str, attributes: Attributes, resource: str) -> Decision:
        wanted = (resource, attributes.name)
        for pod in self._objects.pods_on_node(node):
            metadata = pod.metadata
            if metadata.namespace != attributes.namespace or _MIRROR in metadata.annotations:
                continue
            if wanted in references(pod):
                return _ALLOWED
        if resource == "secrets" and self._is_of_volume(node, attributes.namespace, attributes.name):
            return _ALLOWED
        return Decision(False, f"no relationship found between node '{node}' and this object")

    def _is_of_volume(self, node: str, namespace: str, name: str) -> bool:
        """Whether a secret goes with a volume that a pod of the node has by its claim.

        The volume says whose it is: a claim may name any volume.
        """
        claims = {
            (volume.spec.claim_ref.namespace, volume.spec.claim_ref.name)
            for volume in self._objects.volumes()
            if volume.spec.claim_ref is not None and (namespace, name) in _volume_secrets(volume)
        }
        return bool(claims) and any(
            (pod.metadata.namespace, claim) in claims
            for pod in self._objects.pods_on_node(node)
            if _MIRROR not in pod.metadata.annotations
            for kind, claim in references(pod)
            if kind == "persistentvolumeclaims"
        )


def _volume_secrets(volume: PersistentVolume) -> set[tuple[str, str]]:
    """(namespace, name) of what the node's driver is told in confidence."""
    source = volume.spec.csi
    if source is None:
        return set()
    named = (source.node_stage_secret_ref, source.node_publish_secret_ref, source.node_expand_secret_ref)
    return {(each.namespace, each.name) for each in named if each is not None}


def _own_lease(node: str, attributes: Attributes) -> Decision:
    if attributes.verb not in _LEASE_VERBS:
        return Decision(False, "can only get, create, update, patch, or delete a node lease")
    if attributes.namespace != LEASE_NAMESPACE:
        return Decision(False, f'can only access leases in the "{LEASE_NAMESPACE}" system namespace')
    # A create carries no name in its path; NodeRestriction checks the one in the body.
    if attributes.verb != "create" and attributes.name != node:
        return Decision(False, "can only access node lease with the same name as the requesting node")
    return _ALLOWED


def _selects_node(field_selector: str, node: str) -> bool:
    """Whether a selector lets only pods of this node through."""
    try:
        requirements = selectors.fields(field_selector).requirements
    except BadRequest:
        return False
    return any((each.field, each.operator, each.value) == ("spec.nodeName", "=", node) for each in requirements)


def references(pod: Pod) -> set[tuple[str, str]]:
    """(resource, name) of everything in the pod's namespace its kubelet needs to read for it."""
    found = {("serviceaccounts", pod.spec.service_account_name or "default")}
    found.update(("secrets", reference.name) for reference in pod.spec.image_pull_secrets)
    found.update(_container_references(pod.spec))
    for volume in pod.spec.volumes:
        found.update(_volume_references(volume))
        if volume.ephemeral is not None:
            found.add(("persistentvolumeclaims", f"{pod.metadata.name}-{volume.name}"))
    return found


def _container_references(spec: PodSpec) -> Iterator[tuple[str, str]]:
    containers: list[Container | EphemeralContainer] = [*spec.init_containers, *spec.containers]
    containers.extend(spec.ephemeral_containers)
    for container in containers:
        for source in container.env_from:
            if source.config_map_ref is not None:
                yield "configmaps", source.config_map_ref.name
            if source.secret_ref is not None:
                yield "secrets", source.secret_ref.name
        for variable in container.env:
            origin = variable.value_from
            if origin is None:
                continue
            if origin.config_map_key_ref is not None:
                yield "configmaps", origin.config_map_key_ref.name
            if origin.secret_key_ref is not None:
                yield "secrets", origin.secret_key_ref.name


def _volume_references(volume: Volume) -> Iterator[tuple[str, str]]:
    if volume.config_map is not None:
        yield "configmaps", volume.config_map.name
    if volume.secret is not None:
        yield "secrets", volume.secret.secret_name
    if volume.persistent_volume_claim is not None:
        yield "persistentvolumeclaims", volume.persistent_volume_claim.claim_name
    if volume.csi is not None and volume.csi.node_publish_secret_ref is not None:
        yield "secrets", volume.csi.node_publish_secret_ref.name
    if volume.projected is None:
        return
    for source in volume.projected.sources:
        if source.config_map is not None:
            yield "configmaps", source.config_map.name
        if source.secret is not None:
            yield "secrets", source.secret.name
