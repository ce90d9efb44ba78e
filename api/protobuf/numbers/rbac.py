"""Field numbers of rbac/v1."""

from __future__ import annotations

PACKAGE = "rbac/v1"

MESSAGES: dict[str, str] = {
    "AggregationRule": "clusterRoleSelectors=1",
    "ClusterRole": "metadata=1 aggregationRule=3 rules=2",
    "ClusterRoleBinding": "metadata=1 roleRef=3 subjects=2",
    "PolicyRule": "apiGroups=2 nonResourceURLs=5 resourceNames=4 resources=3 verbs=1",
    "Role": "metadata=1 rules=2",
    "RoleBinding": "metadata=1 roleRef=3 subjects=2",
    "RoleRef": "name=3 apiGroup=1 kind=2",
    "Subject": "name=3 apiGroup=2 kind=1 namespace=4",
}
