"""The default ClusterRoles and Roles of a cluster's components: scheduler, controllers, nodes, proxies, signers.

Source: upstream's bootstrap policy as of Kubernetes 1.36.
"""

from api.rbac.notation import CORE, EVERYTHING, READ, events, on
from api.types import PolicyRule

CERTIFICATES = "certificates.k8s.io"
READ_AND_WRITE_ONE = "get list patch update watch"
CREATE_REQUEST = "create get list watch"


def roles() -> dict[str, list[PolicyRule]]:
    """ClusterRole names to their rules."""
    return {
        "system:auth-delegator": _reviews(),
        "system:heapster": [
            on(CORE, "events namespaces nodes pods", READ),
            on("extensions", "deployments", READ),
        ],
        "system:kube-aggregator": [on(CORE, "endpoints services", READ)],
        "system:kube-controller-manager": _controller_manager(),
        "system:kube-dns": [on(CORE, "endpoints services", "list watch")],
        "system:kube-scheduler": _scheduler(),
        "system:volume-scheduler": [
            on(CORE, "persistentvolumes", READ_AND_WRITE_ONE),
            on("storage.k8s.io", "storageclasses", READ),
            on(CORE, "persistentvolumeclaims", READ_AND_WRITE_ONE),
        ],
        "system:kubelet-api-admin": [
            on(CORE, "nodes", READ),
            on(CORE, "nodes", "proxy"),
            on(
                CORE,
                "nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/stats",
                "*",
            ),
        ],
        "system:node": _node(),
        "system:node-bootstrapper": [on(CERTIFICATES, "certificatesigningrequests", CREATE_REQUEST)],
        "system:node-problem-detector": [
            on(CORE, "nodes", "get"),
            on(CORE, "nodes/status", "patch"),
            events(),
        ],
        "system:node-proxier": [
            on(CORE, "endpoints services", "list watch"),
            on(CORE, "nodes", READ),
            events(),
            on("discovery.k8s.io", "endpointslices", "list watch"),
            on("networking.k8s.io", "servicecidrs", "list watch"),
        ],
        # Ours: upstream leaves enforcing network policies to others.
        "podling:network-policies": [
            on(CORE, "namespaces pods", "list watch"),
            on("networking.k8s.io", "networkpolicies", "list watch"),
        ],
        # Ours: an Ingress' controller is somebody else's, too.
        "podling:ingress": [
            on("networking.k8s.io", "ingressclasses ingresses", "list watch"),
            on("networking.k8s.io", "ingresses/status", "patch"),
            on("gateway.networking.k8s.io", "gatewayclasses gateways httproutes referencegrants", "list watch"),
            on("gateway.networking.k8s.io", "gatewayclasses/status gateways/status httproutes/status", "patch"),
            on(CORE, "namespaces", "list watch"),
            on(CORE, "secrets services", "list watch"),
            on("discovery.k8s.io", "endpointslices", "list watch"),
            events(),
        ],
        # Ours: a volume can be restored only on the node that has its snapshot.
        "podling:snapshot-placement": [on("snapshot.storage.k8s.io", "volumesnapshotcontents", READ)],
        "system:persistent-volume-provisioner": [
            on(CORE, "persistentvolumes", "create delete get list watch"),
            on(CORE, "persistentvolumeclaims", "get list update watch"),
            on("storage.k8s.io", "storageclasses", READ),
            on(CORE, "events", "watch"),
            events(),
        ],
        **_certificate_roles(),
    }


def namespaced_roles() -> dict[tuple[str, str], list[PolicyRule]]:
    """(namespace, Role name) to rules."""
    return {
        ("kube-public", "system:controller:bootstrap-signer"): [
            on(CORE, "configmaps", READ),
            on(CORE, "configmaps", "update", names="cluster-info"),
            events(),
        ],
        ("kube-system", "extension-apiserver-authentication-reader"): [
            on(CORE, "configmaps", READ, names="extension-apiserver-authentication"),
        ],
        ("kube-system", "system::leader-locking-kube-controller-manager"): _leader_lock("kube-controller-manager"),
        ("kube-system", "system::leader-locking-kube-scheduler"): _leader_lock("kube-scheduler"),
        ("kube-system", "system:controller:bootstrap-signer"): [on(CORE, "secrets", READ)],
        ("kube-system", "system:controller:cloud-provider"): [on(CORE, "configmaps", f"create {READ}")],
        ("kube-system", "system:controller:token-cleaner"): [
            on(CORE, "secrets", f"delete {READ}"),
            events(),
        ],
    }


def _leader_lock(component: str) -> list[PolicyRule]:
    return [
        on(CORE, "configmaps", "watch"),
        on(CORE, "configmaps", "get update", names=component),
    ]


def _reviews() -> list[PolicyRule]:
    """What it takes to let the API server authenticate and authorize one's own callers."""
    return [
        on("authentication.k8s.io", "tokenreviews", "create"),
        on("authorization.k8s.io", "subjectaccessreviews", "create"),
    ]


def _certificate_roles() -> dict[str, list[PolicyRule]]:
    def approve(signer: str) -> list[PolicyRule]:
        return [on(CERTIFICATES, "signers", "approve", names=f"kubernetes.io/{signer}")]

    prefix = "system:certificates.k8s.io"
    return {
        f"{prefix}:certificatesigningrequests:nodeclient": [
            on(CERTIFICATES, "certificatesigningrequests/nodeclient", "create"),
        ],
        f"{prefix}:certificatesigningrequests:selfnodeclient": [
            on(CERTIFICATES, "certificatesigningrequests/selfnodeclient", "create"),
        ],
        f"{prefix}:kube-apiserver-client-approver": approve("kube-apiserver-client"),
        f"{prefix}:kube-apiserver-client-kubelet-approver": approve("kube-apiserver-client-kubelet"),
        f"{prefix}:kubelet-serving-approver": approve("kubelet-serving"),
        f"{prefix}:legacy-unknown-approver": approve("legacy-unknown"),
    }


def _controller_manager() -> list[PolicyRule]:
    return [
        events(),
        on("coordination.k8s.io", "leases", "create"),
        on("coordination.k8s.io", "leases", "get update", names="kube-controller-manager"),
        on("coordination.k8s.io", "leasecandidates", EVERYTHING),
        on(CORE, "secrets serviceaccounts", "create"),
        on(CORE, "secrets", "delete"),
        on(CORE, "configmaps namespaces secrets serviceaccounts", "get"),
        on(CORE, "secrets serviceaccounts", "update"),
        *_reviews(),
        on("*", "*", "list watch"),
        on(CORE, "serviceaccounts/token", "create"),
    ]


def _scheduler() -> list[PolicyRule]:
    return [
        events(),
        on("coordination.k8s.io", "leases", "create"),
        on("coordination.k8s.io", "leases", "get list update watch", names="kube-scheduler"),
        on("coordination.k8s.io", "leasecandidates", EVERYTHING),
        on(CORE, "nodes", READ),
        on(CORE, "pods", f"delete {READ}"),
        on(CORE, "bindings pods/binding", "create"),
        on(CORE, "pods/status", "patch update"),
        on(CORE, "replicationcontrollers services", READ),
        on("apps extensions", "replicasets", READ),
        on("apps", "statefulsets", READ),
        on("policy", "poddisruptionbudgets", READ),
        on(CORE, "persistentvolumeclaims persistentvolumes", READ),
        *_reviews(),
        on("storage.k8s.io", "csinodes", READ),
        on("storage.k8s.io", "volumeattachments", READ),
        on(CORE, "namespaces", READ),
        on("storage.k8s.io", "csidrivers", READ),
        on("storage.k8s.io", "csistoragecapacities", READ),
        on("resource.k8s.io", "deviceclasses", READ),
        on("resource.k8s.io", "resourceclaims", READ_AND_WRITE_ONE),
        on("resource.k8s.io", "resourceclaims/status", READ_AND_WRITE_ONE),
        on(CORE, "pods/finalizers", READ_AND_WRITE_ONE),
        on("resource.k8s.io", "resourceslices", READ),
    ]


def _node() -> list[PolicyRule]:
    """Bound to nobody: the node authorizer decides for kubelets; kept for clusters that bind it."""
    return [
        on("authentication.k8s.io", "tokenreviews", "create"),
        on("authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews", "create"),
        on(CORE, "services", READ),
        on(CORE, "nodes", f"create {READ}"),
        on(CORE, "nodes/status", "patch update"),
        on(CORE, "nodes", "patch update"),
        on(CORE, "events", "create patch update"),
        on(CORE, "pods", READ),
        on(CORE, "pods", "create delete"),
        on(CORE, "pods/status", "patch update"),
        on(CORE, "pods/eviction", "create"),
        on(CORE, "configmaps secrets", READ),
        on(CORE, "persistentvolumeclaims persistentvolumes", "get"),
        on(CORE, "endpoints", "get"),
        on(CERTIFICATES, "certificatesigningrequests", CREATE_REQUEST),
        on("coordination.k8s.io", "leases", "create delete get patch update"),
        on("storage.k8s.io", "volumeattachments", "get"),
        on(CORE, "serviceaccounts/token", "create"),
        on(CORE, "persistentvolumeclaims/status", "get patch update"),
        on("storage.k8s.io", "csidrivers", READ),
        on("storage.k8s.io", "csinodes", "create delete get patch update"),
        on("node.k8s.io", "runtimeclasses", READ),
        on("resource.k8s.io", "resourceclaims", "get"),
        on("resource.k8s.io", "resourceslices", "deletecollection"),
    ]
