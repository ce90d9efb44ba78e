"""The default ClusterRoles meant for people: cluster-admin, admin, edit, view and what everybody may do.

Source: upstream's bootstrap policy as of Kubernetes 1.36.
"""

from api.rbac.notation import CORE, EVERYTHING, READ, WRITE, at, on
from api.types import PolicyRule

AGGREGATED = ("view", "edit", "admin")
"""ClusterRoles made of others; each comes after those it takes rules from."""

AGGREGATE_TO = {
    "edit": "admin",
    "gateway.networking.k8s.io:aggregate-to-edit": "edit",
    "gateway.networking.k8s.io:aggregate-to-view": "view",
    "snapshot.storage.k8s.io:aggregate-to-edit": "edit",
    "snapshot.storage.k8s.io:aggregate-to-view": "view",
    "view": "edit",
    "system:aggregate-to-admin": "admin",
    "system:aggregate-to-edit": "edit",
    "system:aggregate-to-view": "view",
    "system:aggregated-metrics-reader": "view",
}
"""ClusterRoles to the aggregated role they are part of."""

WORKLOADS = "daemonsets deployments deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale"
LEGACY_WORKLOADS = (
    "daemonsets deployments deployments/scale ingresses networkpolicies replicasets replicasets/scale "
    "replicationcontrollers/scale"
)
GATEWAY_KINDS = "gatewayclasses gateways httproutes referencegrants"
DISCOVERY_URLS = "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/"


def roles() -> dict[str, list[PolicyRule]]:
    """ClusterRole names to their rules; aggregated roles are left out."""
    return {
        "cluster-admin": [on("*", "*", "*"), at("*", "*")],
        # Those of upstream's Gateway API.
        "gateway.networking.k8s.io:aggregate-to-edit": [on("gateway.networking.k8s.io", GATEWAY_KINDS, WRITE)],
        "gateway.networking.k8s.io:aggregate-to-view": [
            on(
                "gateway.networking.k8s.io",
                f"{GATEWAY_KINDS} gatewayclasses/status gateways/status httproutes/status",
                READ,
            )
        ],
        # Ours: whoever may write claims may snapshot them.
        "snapshot.storage.k8s.io:aggregate-to-edit": [on("snapshot.storage.k8s.io", "volumesnapshots", WRITE)],
        "snapshot.storage.k8s.io:aggregate-to-view": [
            on("snapshot.storage.k8s.io", "volumesnapshotclasses volumesnapshots volumesnapshots/status", READ)
        ],
        "system:aggregate-to-admin": [
            on("authorization.k8s.io", "localsubjectaccessreviews", "create"),
            on("rbac.authorization.k8s.io", "rolebindings roles", EVERYTHING),
        ],
        "system:aggregate-to-edit": _edit(),
        "system:aggregate-to-view": _view(),
        # That of upstream's metrics server.
        "system:aggregated-metrics-reader": [on("metrics.k8s.io", "nodes pods", READ)],
        "system:basic-user": [
            on("authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews", "create"),
            on("authentication.k8s.io", "selfsubjectreviews", "create"),
        ],
        "system:discovery": [at(DISCOVERY_URLS)],
        "system:public-info-viewer": [at("/healthz /livez /readyz /version /version/")],
        "system:monitoring": [
            at("/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*"),
        ],
        "system:service-account-issuer-discovery": [
            at("/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/"),
        ],
    }


def _edit() -> list[PolicyRule]:
    streams = "pods/attach pods/exec pods/portforward pods/proxy"
    return [
        on(CORE, f"{streams} secrets services/proxy", READ),
        on(CORE, "serviceaccounts", "impersonate"),
        on(CORE, f"pods {streams}", WRITE),
        on(CORE, "pods/eviction", "create"),
        on(
            CORE,
            "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale "
            "secrets serviceaccounts services services/proxy",
            WRITE,
        ),
        on(CORE, "serviceaccounts/token", "create"),
        on("apps", f"{WORKLOADS} deployments/rollback", WRITE),
        on("autoscaling", "horizontalpodautoscalers", WRITE),
        on("batch", "cronjobs jobs", WRITE),
        on("extensions", f"{LEGACY_WORKLOADS} deployments/rollback", WRITE),
        on("policy", "poddisruptionbudgets", WRITE),
        on("networking.k8s.io", "ingresses networkpolicies", WRITE),
        on("coordination.k8s.io", "leases", EVERYTHING),
        on("resource.k8s.io", "resourceclaims resourceclaimtemplates", WRITE),
    ]


def _view() -> list[PolicyRule]:
    return [
        on(
            CORE,
            "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods "
            "replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status",
            READ,
        ),
        on(
            CORE,
            "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status "
            "resourcequotas resourcequotas/status",
            READ,
        ),
        on(CORE, "namespaces", READ),
        on("discovery.k8s.io", "endpointslices", READ),
        on(
            "apps",
            f"{WORKLOADS} controllerrevisions daemonsets/status deployments/status replicasets/status "
            "statefulsets/status",
            READ,
        ),
        on("autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status", READ),
        on("batch", "cronjobs cronjobs/status jobs jobs/status", READ),
        on(
            "extensions",
            f"{LEGACY_WORKLOADS} daemonsets/status deployments/status ingresses/status replicasets/status",
            READ,
        ),
        on("policy", "poddisruptionbudgets poddisruptionbudgets/status", READ),
        on("networking.k8s.io", "ingresses ingresses/status networkpolicies", READ),
        on("resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates", READ),
    ]
