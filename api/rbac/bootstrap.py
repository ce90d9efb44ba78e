"""Puts the default roles and bindings together: what a new cluster starts with.

The rules themselves are in the policy_* modules. The API server creates what is missing at every start, as
upstream's rbac/bootstrap-roles post-start hook does.
"""

from collections.abc import Iterable

import msgspec

from api.rbac import policy_components, policy_controllers, policy_users
from api.rbac.aggregation import aggregate
from api.types import (
    AggregationRule,
    ClusterRole,
    ClusterRoleBinding,
    LabelSelector,
    ObjectMeta,
    Role,
    RoleBinding,
    RoleRef,
    Subject,
)

Default = ClusterRole | ClusterRoleBinding | Role | RoleBinding

GROUP = "rbac.authorization.k8s.io"
SYSTEM_NAMESPACE = "kube-system"
CONTROLLER_MANAGER = "system:kube-controller-manager"
SCHEDULER = "system:kube-scheduler"

_USERS = {
    CONTROLLER_MANAGER: CONTROLLER_MANAGER,
    SCHEDULER: SCHEDULER,
    "podling:ingress": "system:podling-ingress",
    "podling:network-policies": "system:kube-proxy",
    "podling:snapshot-placement": SCHEDULER,
    "system:node-proxier": "system:kube-proxy",
    "system:volume-scheduler": SCHEDULER,
}
"""ClusterRoles to the user that has them."""

_GROUPS = {
    "cluster-admin": ["system:masters"],
    "system:basic-user": ["system:authenticated"],
    "system:discovery": ["system:authenticated"],
    "system:monitoring": ["system:monitoring"],
    "system:public-info-viewer": ["system:authenticated", "system:unauthenticated"],
    "system:service-account-issuer-discovery": ["system:serviceaccounts"],
}
"""ClusterRoles to the groups that have them."""

_LEADERS = {
    "system::leader-locking-kube-controller-manager": "kube-controller-manager",
    "system::leader-locking-kube-scheduler": "kube-scheduler",
}
"""Roles in kube-system for leader election, to the component."""


def bootstrap() -> list[Default]:
    """All default ClusterRoles, Roles and bindings; namespaced ones are in kube-system and kube-public.

    admin, edit and view carry the rules aggregation gives them, so that they hold before any controller runs.
    """
    return [*_cluster_roles(), *_cluster_role_bindings(), *_roles(), *_role_bindings()]


def _cluster_roles() -> list[ClusterRole]:
    rules = {
        **policy_users.roles(),
        **policy_components.roles(),
        **{f"system:controller:{name}": value for name, value in policy_controllers.roles().items()},
    }
    roles = {name: ClusterRole(metadata=_cluster_role_meta(name), rules=granted) for name, granted in rules.items()}
    for name in policy_users.AGGREGATED:
        selector = LabelSelector(match_labels={_aggregation_label(name): "true"})
        role = ClusterRole(
            metadata=_cluster_role_meta(name),
            aggregation_rule=AggregationRule(cluster_role_selectors=[selector]),
        )
        roles[name] = msgspec.structs.replace(role, rules=aggregate(role, roles.values()))
    return [roles[name] for name in sorted(roles)]


def _cluster_role_bindings() -> list[ClusterRoleBinding]:
    subjects = {name: [_user(user)] for name, user in _USERS.items()}
    subjects |= {name: [_group(group) for group in groups] for name, groups in _GROUPS.items()}
    subjects["system:kube-dns"] = [_service_account("kube-dns")]
    # Upstream binds system:node to nobody and keeps the binding for clusters without the node authorizer.
    subjects["system:node"] = []
    for controller in policy_controllers.roles():
        # All controllers run in one process under one certificate, hence the user beside the service account.
        subjects[f"system:controller:{controller}"] = [_service_account(controller), _user(CONTROLLER_MANAGER)]
    return [
        ClusterRoleBinding(metadata=_meta(name), role_ref=_role_ref("ClusterRole", name), subjects=holders)
        for name, holders in sorted(subjects.items())
    ]


def _roles() -> list[Role]:
    return [
        Role(metadata=_meta(name, namespace), rules=rules)
        for (namespace, name), rules in sorted(policy_components.namespaced_roles().items())
    ]


def _role_bindings() -> list[RoleBinding]:
    bindings = [
        _role_binding("kube-public", "system:controller:bootstrap-signer", [_service_account("bootstrap-signer")]),
        _role_binding(
            SYSTEM_NAMESPACE,
            "system::extension-apiserver-authentication-reader",
            [_user(CONTROLLER_MANAGER), _user(SCHEDULER)],
            role="extension-apiserver-authentication-reader",
        ),
    ]
    for role, component in _LEADERS.items():
        holders = [_user(f"system:{component}"), _service_account(component)]
        bindings.append(_role_binding(SYSTEM_NAMESPACE, role, holders))
    for controller in ("bootstrap-signer", "cloud-provider", "token-cleaner"):
        name = f"system:controller:{controller}"
        bindings.append(_role_binding(SYSTEM_NAMESPACE, name, [_service_account(controller)]))
    return bindings


def _role_binding(namespace: str, name: str, subjects: Iterable[Subject], *, role: str = "") -> RoleBinding:
    return RoleBinding(
        metadata=_meta(name, namespace), role_ref=_role_ref("Role", role or name), subjects=list(subjects)
    )


def _role_ref(kind: str, name: str) -> RoleRef:
    return RoleRef(api_group=GROUP, kind=kind, name=name)


def _aggregation_label(role: str) -> str:
    return f"{GROUP}/aggregate-to-{role}"


def _cluster_role_meta(name: str) -> ObjectMeta:
    into = policy_users.AGGREGATE_TO.get(name)
    return _meta(name, labels={_aggregation_label(into): "true"} if into else {})


def _meta(name: str, namespace: str = "", *, labels: dict[str, str] | None = None) -> ObjectMeta:
    return ObjectMeta(
        name=name,
        namespace=namespace,
        labels={"kubernetes.io/bootstrapping": "rbac-defaults", **(labels or {})},
        annotations={"rbac.authorization.kubernetes.io/autoupdate": "true"},
    )


def _user(name: str) -> Subject:
    return Subject(kind="User", api_group=GROUP, name=name)


def _group(name: str) -> Subject:
    return Subject(kind="Group", api_group=GROUP, name=name)


def _service_account(name: str) -> Subject:
    return Subject(kind="ServiceAccount", name=name, namespace=SYSTEM_NAMESPACE)
