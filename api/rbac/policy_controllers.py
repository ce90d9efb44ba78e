"""The default ClusterRoles of the controllers, each bound to a service account of its own in kube-system.

Source: upstream's bootstrap policy as of Kubernetes 1.36.
"""

from api.rbac.notation import CORE, READ, events, on
from api.types import PolicyRule

SNAPSHOTS = "snapshot.storage.k8s.io"
STORAGE = "storage.k8s.io"
READ_AND_UPDATE = "get list update watch"
POD_CONTROL = "create delete list patch watch"
HISTORY = "create delete get list patch update watch"


def roles() -> dict[str, list[PolicyRule]]:
    """Controller names, which are those of their service accounts, to rules."""
    return {**_workloads(), **_network(), **_nodes(), **_objects(), **_storage(), **_security()}


def _workloads() -> dict[str, list[PolicyRule]]:
    return {
        "cronjob-controller": [
            on("batch", "cronjobs", READ_AND_UPDATE),
            on("batch", "jobs", HISTORY),
            on("batch", "cronjobs/status", "update"),
            on("batch", "cronjobs/finalizers", "update"),
            on(CORE, "pods", "delete list"),
            events(),
        ],
        "daemon-set-controller": [
            on("apps extensions", "daemonsets", READ),
            on("apps extensions", "daemonsets/status", "update"),
            on("apps extensions", "daemonsets/finalizers", "update"),
            on(CORE, "nodes", "list watch"),
            on(CORE, "pods", POD_CONTROL),
            on(CORE, "pods/binding", "create"),
            on("apps", "controllerrevisions", HISTORY),
            events(),
        ],
        "deployment-controller": [
            on("apps extensions", "deployments", READ_AND_UPDATE),
            on("apps extensions", "deployments/status", "update"),
            on("apps extensions", "deployments/finalizers", "update"),
            on("apps extensions", "replicasets", HISTORY),
            on(CORE, "pods", READ_AND_UPDATE),
            events(),
        ],
        "disruption-controller": [
            on("apps extensions", "deployments", READ),
            on("apps extensions", "replicasets", READ),
            on(CORE, "replicationcontrollers", READ),
            on("policy", "poddisruptionbudgets", READ),
            on("apps", "statefulsets", READ),
            on("policy", "poddisruptionbudgets/status", "update"),
            on(CORE, "pods/status", "patch update"),
            on("*", "*/scale", "get"),
            events(),
        ],
        "horizontal-pod-autoscaler": [
            on("autoscaling", "horizontalpodautoscalers", READ),
            on("autoscaling", "horizontalpodautoscalers/status", "update"),
            on("*", "*/scale", "get update"),
            on(CORE, "pods", "list"),
            on("metrics.k8s.io", "pods", "list"),
            on("custom.metrics.k8s.io", "*", "get list"),
            on("external.metrics.k8s.io", "*", "get list"),
            events(),
        ],
        "job-controller": [
            on("batch", "jobs", f"patch {READ_AND_UPDATE}"),
            on("batch", "jobs/status", "update"),
            on("batch", "jobs/finalizers", "update"),
            on(CORE, "pods", POD_CONTROL),
            events(),
        ],
        "replicaset-controller": _replicas("apps extensions", "replicasets"),
        "replication-controller": _replicas(CORE, "replicationcontrollers"),
        "statefulset-controller": [
            on(CORE, "pods", "list watch"),
            on("apps", "statefulsets", READ),
            on("apps", "statefulsets/status", "update"),
            on("apps", "statefulsets/finalizers", "update"),
            on(CORE, "pods", "create delete get patch update"),
            on("apps", "controllerrevisions", HISTORY),
            on(CORE, "persistentvolumeclaims", f"create {READ}"),
            on(CORE, "persistentvolumeclaims", "delete update"),
            on(CORE, "pods/finalizers", "update"),
            events(),
        ],
        "ttl-after-finished-controller": [on("batch", "jobs", f"delete {READ}"), events()],
    }


def _replicas(groups: str, resource: str) -> list[PolicyRule]:
    return [
        on(groups, resource, READ_AND_UPDATE),
        on(groups, f"{resource}/status", "update"),
        on(groups, f"{resource}/finalizers", "update"),
        on(CORE, "pods", POD_CONTROL),
        events(),
    ]


def _network() -> dict[str, list[PolicyRule]]:
    slices = on("discovery.k8s.io", "endpointslices", "create delete get list update")
    return {
        "endpoint-controller": [
            on(CORE, "pods services", READ),
            on(CORE, "endpoints", "create delete get list update"),
            on(CORE, "endpoints/restricted", "create"),
            events(),
        ],
        "endpointslice-controller": [
            on(CORE, "nodes pods services", READ),
            on(CORE, "services/finalizers", "update"),
            slices,
            events(),
        ],
        "endpointslicemirroring-controller": [
            on(CORE, "endpoints services", READ),
            on(CORE, "services/finalizers", "update"),
            on(CORE, "endpoints/finalizers", "update"),
            slices,
            events(),
        ],
        "route-controller": [
            on(CORE, "nodes", "list watch"),
            on(CORE, "nodes/status", "patch"),
            events(),
        ],
        "service-cidrs-controller": [
            on("networking.k8s.io", "servicecidrs", f"patch {READ_AND_UPDATE}"),
            on("networking.k8s.io", "servicecidrs/finalizers", "patch update"),
            on("networking.k8s.io", "servicecidrs/status", "patch update"),
            on("networking.k8s.io", "ipaddresses", READ),
            events(),
        ],
        "service-controller": [
            on(CORE, "services", READ),
            on(CORE, "services/status", "patch update"),
            on(CORE, "nodes", "list watch"),
            events(),
        ],
    }


def _nodes() -> dict[str, list[PolicyRule]]:
    return {
        "node-controller": [
            on(CORE, "nodes", "delete get list patch update"),
            on(CORE, "nodes/status", "patch update"),
            on(CORE, "pods/status", "patch update"),
            on(CORE, "pods", "delete get list"),
            events(),
        ],
        "pod-garbage-collector": [
            on(CORE, "pods", "delete list watch"),
            on(CORE, "nodes", "get list"),
            on(CORE, "pods/status", "patch"),
        ],
        "device-taint-eviction-controller": [
            on(CORE, "pods", f"delete {READ}"),
            on(CORE, "pods/status", "patch update"),
            on("resource.k8s.io", "resourceclaims", READ),
            on("resource.k8s.io", "resourceslices", READ),
            on("resource.k8s.io", "devicetaintrules", READ),
            on("resource.k8s.io", "deviceclasses", READ),
            events(),
        ],
        "resource-claim-controller": [
            on(CORE, "pods", READ),
            on(CORE, "pods/finalizers", "update"),
            on("resource.k8s.io", "resourceclaims", f"create delete {READ}"),
            on("resource.k8s.io", "resourceclaims resourceclaims/status", "patch update"),
            on(CORE, "pods/status", "patch update"),
            events(),
        ],
        "ttl-controller": [on(CORE, "nodes", "list patch update watch"), events()],
    }


def _objects() -> dict[str, list[PolicyRule]]:
    return {
        "generic-garbage-collector": [on("*", "*", "delete get list patch update watch"), events()],
        "namespace-controller": [
            on(CORE, "namespaces", f"delete {READ}"),
            on(CORE, "namespaces/finalize namespaces/status", "update"),
            on("*", "*", "delete deletecollection get list"),
        ],
        "resourcequota-controller": [
            on("*", "*", "list watch"),
            on(CORE, "resourcequotas/status", "update"),
            events(),
        ],
        "storage-version-migrator-controller": [
            on("storagemigration.k8s.io", "storageversionmigrations", READ_AND_UPDATE),
            on("storagemigration.k8s.io", "storageversionmigrations/status", "update"),
            on("*", "*", "get list patch"),
            events(),
        ],
        "validatingadmissionpolicy-status-controller": [
            on("admissionregistration.k8s.io", "validatingadmissionpolicies", READ),
            on("admissionregistration.k8s.io", "validatingadmissionpolicies/status", "get patch update"),
            events(),
        ],
    }


def _storage() -> dict[str, list[PolicyRule]]:
    classes = on(STORAGE, "storageclasses", READ)
    return {
        "attachdetach-controller": [
            on(CORE, "persistentvolumeclaims persistentvolumes", "list watch"),
            on(CORE, "nodes", READ),
            on(CORE, "nodes/status", "patch update"),
            on(CORE, "pods", "list watch"),
            events(),
            on(STORAGE, "volumeattachments", f"create delete {READ}"),
            on(STORAGE, "csidrivers", READ),
            on(STORAGE, "csinodes", READ),
        ],
        "ephemeral-volume-controller": [
            on(CORE, "pods", READ),
            on(CORE, "pods/finalizers", "update"),
            on(CORE, "persistentvolumeclaims", f"create {READ}"),
            events(),
        ],
        "expand-controller": [
            on(CORE, "persistentvolumes", f"patch {READ_AND_UPDATE}"),
            on(CORE, "persistentvolumeclaims/status", "patch update"),
            on(CORE, "persistentvolumeclaims", READ),
            events(),
            on(CORE, "services", "get"),
        ],
        "persistent-volume-binder": [
            on(CORE, "persistentvolumes", f"create delete {READ_AND_UPDATE}"),
            on(CORE, "persistentvolumes/status", "update"),
            on(CORE, "persistentvolumeclaims", READ_AND_UPDATE),
            on(CORE, "persistentvolumeclaims/status", "update"),
            on(CORE, "pods", f"create delete {READ}"),
            classes,
            on(CORE, "nodes", "list watch"),
            events(),
            on(CORE, "events", "watch"),
            on(CORE, "services", "get"),
        ],
        "pv-protection-controller": [on(CORE, "persistentvolumes", READ_AND_UPDATE), events()],
        "pvc-protection-controller": [
            on(CORE, "persistentvolumeclaims", READ_AND_UPDATE),
            on(CORE, "pods", READ),
            events(),
        ],
        "selinux-warning-controller": [
            on(CORE, "persistentvolumeclaims persistentvolumes pods", READ),
            on(STORAGE, "csidrivers", READ),
            events(),
        ],
        # Ours: upstream's comes with the custom resources.
        "snapshot-controller": [
            on(SNAPSHOTS, "volumesnapshotclasses", READ),
            on(SNAPSHOTS, "volumesnapshots", f"patch {READ_AND_UPDATE}"),
            on(SNAPSHOTS, "volumesnapshotcontents", f"create delete patch {READ_AND_UPDATE}"),
            on(SNAPSHOTS, "volumesnapshotcontents/status volumesnapshots/status", "patch update"),
            on(CORE, "persistentvolumeclaims", READ_AND_UPDATE),
            on(CORE, "nodes persistentvolumes", READ),
            events(),
        ],
        "volumeattributesclass-protection-controller": [
            on(CORE, "persistentvolumeclaims persistentvolumes", READ),
            on(STORAGE, "volumeattributesclasses", READ_AND_UPDATE),
            events(),
        ],
    }


def _security() -> dict[str, list[PolicyRule]]:
    signers = "kube-apiserver-client kube-apiserver-client-kubelet kubelet-serving legacy-unknown"
    certificates = "certificates.k8s.io"
    return {
        "certificate-controller": [
            on(certificates, "certificatesigningrequests", f"delete {READ}"),
            on(
                certificates,
                "certificatesigningrequests/approval certificatesigningrequests/status",
                "update",
            ),
            on(certificates, "signers", "approve", names="kubernetes.io/kube-apiserver-client-kubelet"),
            on(
                certificates,
                "signers",
                "sign",
                names=" ".join(f"kubernetes.io/{signer}" for signer in signers.split()),
            ),
            on("authorization.k8s.io", "subjectaccessreviews", "create"),
            events(),
        ],
        "clusterrole-aggregation-controller": [
            on("rbac.authorization.k8s.io", "clusterroles", f"escalate patch {READ_AND_UPDATE}"),
        ],
        "legacy-service-account-token-cleaner": [
            on(CORE, "configmaps", "get", names="kube-apiserver-legacy-service-account-token-tracking"),
            on(CORE, "secrets", "delete patch"),
        ],
        "root-ca-cert-publisher": [on(CORE, "configmaps", "create update"), events()],
        "service-account-controller": [on(CORE, "serviceaccounts", "create"), events()],
    }
