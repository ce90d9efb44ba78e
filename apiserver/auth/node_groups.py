"""Node groups: one identity for the nodes of one process, as hollow nodes are.

A certificate `O=system:nodes, CN=system:node-group:G` speaks for the nodes named `G-<word>`, and no other. It may do
less than a kubelet: register and report those nodes, renew their leases, follow and report the pods bound to them. It
reads no secret, config map, claim or token, whatever its pods refer to: hollow containers have no use for them. What it
may write is held to its own nodes by NodeRestriction, as a kubelet's writes are. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api import selectors
from api.errors import BadRequest
from apiserver.auth.objects import NodePods
from apiserver.node_groups import NODE_FIELDS, group_of, selector_value
from apiserver.requests import Attributes, Decision

LEASE_NAMESPACE: Final = "kube-node-lease"

_WRITES: Final = frozenset({"update", "patch"})
# (group, resource, subresource) → verbs on objects whose node admission checks, or the name does.
_BY_ADMISSION: Final[Mapping[tuple[str, str, str], frozenset[str]]] = {
    ("", "nodes", ""): frozenset({"create", "update", "patch"}),
    ("", "nodes", "status"): _WRITES,
    ("", "pods", ""): frozenset({"delete"}),
    ("", "pods", "status"): _WRITES,
    ("", "events", ""): frozenset({"create", "update", "patch"}),
}
_ALLOWED: Final = Decision(True, "node authorizer")


def authorize(group: str, attributes: Attributes, objects: NodePods) -> Decision:
    """Whether the identity of `group` may do this."""
    kind = (attributes.group, attributes.resource, attributes.subresource)
    if kind == ("coordination.k8s.io", "leases", ""):
        return _lease(group, attributes)
    if kind in (("", "pods", ""), ("", "nodes", "")) and attributes.verb in ("get", "list", "watch"):
        return _read(group, attributes, objects)
    if attributes.verb in _BY_ADMISSION.get(kind, ()):
        return _ALLOWED
    return Decision(False, f"the identity of node group {group!r} has no such right")


def _lease(group: str, attributes: Attributes) -> Decision:
    if attributes.namespace != LEASE_NAMESPACE:
        return Decision(False, f'can only access leases in the "{LEASE_NAMESPACE}" system namespace')
    # A create carries no name in its path; NodeRestriction checks the one in the body.
    if attributes.verb == "create":
        return _ALLOWED
    if attributes.verb not in ("get", "update", "patch"):
        return Decision(False, "can only get, create, update, or patch a node lease")
    return _ALLOWED if group_of(attributes.name) == group else _not_ours(group)


def _read(group: str, attributes: Attributes, objects: NodePods) -> Decision:
    field, value = NODE_FIELDS[attributes.resource], selector_value(group)
    if attributes.verb != "get":
        if _selects(attributes.field_selector, field, value):
            return _ALLOWED
        return Decision(False, f"can only list/watch {attributes.resource} with field selector {field}={value}")
    if attributes.resource == "nodes":
        return _ALLOWED if group_of(attributes.name) == group else _not_ours(group)
    pod = objects.pod(attributes.namespace, attributes.name)
    # That there is no such pod may be told.
    return _ALLOWED if pod is None or group_of(pod.spec.node_name) == group else _not_ours(group)


def _selects(field_selector: str, field: str, value: str) -> bool:
    try:
        requirements = selectors.fields(field_selector).requirements
    except BadRequest:
        return False
    return any((each.field, each.operator, each.value) == (field, "=", value) for each in requirements)


def _not_ours(group: str) -> Decision:
    return Decision(False, f"no relationship found between node group {group!r} and this object")
