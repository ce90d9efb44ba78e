"""Tables of all kinds but pods: columns and cells."""

import pytest

from api import scheme, tables
from api.codec import from_tree
from api.scheme import RESOURCES, by_kind, by_path
from api.types import Deployment, Node, Pod, Scale

NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z
META = {"name": "x", "namespace": "ns", "creationTimestamp": "2023-11-14T20:13:20Z"}
AGE = "120m"


def cells(api_version, kind, tree):
    resource = by_kind(api_version, kind)
    record = from_tree(resource.record, {"metadata": META, **tree})
    (row,) = tables.render(resource, [record], NOW)["rows"]
    return row["cells"]


TEMPLATE = {"spec": {"containers": [{"name": "a", "image": "i:1"}, {"name": "b", "image": "j:2"}]}}
SELECTOR = {
    "matchLabels": {"app": "web"},
    "matchExpressions": [
        {"key": "tier", "operator": "In", "values": ["c", "b"]},
        {"key": "old", "operator": "DoesNotExist"},
        {"key": "any", "operator": "Exists"},
    ],
}
SELECTOR_TEXT = "any,app=web,!old,tier in (b,c)"


def node(conditions, labels=None, **spec):
    return {"metadata": META | {"labels": labels or {}}, "spec": spec, "status": {"conditions": conditions}}


READY = [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}]

CELLS = [
    ("v1", "Namespace", {"status": {"phase": "Active"}}, ["x", "Active", AGE]),
    ("v1", "ConfigMap", {"data": {"a": "1"}, "binaryData": {"b": "AA=="}}, ["x", 2, AGE]),
    ("v1", "Secret", {"type": "Opaque", "data": {"a": "AA=="}}, ["x", "Opaque", 1, AGE]),
    ("v1", "ServiceAccount", {}, ["x", AGE]),
    ("coordination.k8s.io/v1", "Lease", {"spec": {"holderIdentity": "me"}}, ["x", "me", AGE]),
    ("coordination.k8s.io/v1", "Lease", {}, ["x", "", AGE]),
    ("apps/v1", "Deployment", {
        "spec": {"replicas": 3, "selector": SELECTOR, "template": TEMPLATE},
        "status": {"readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2},
    }, ["x", "2/3", 1, 2, AGE, "a,b", "i:1,j:2", SELECTOR_TEXT]),
    ("apps/v1", "ReplicaSet", {
        "spec": {"replicas": 3, "selector": {"matchLabels": {"b": "2", "a": "1"}}, "template": TEMPLATE},
        "status": {"replicas": 3, "readyReplicas": 1},
    }, ["x", 3, 3, 1, AGE, "a,b", "i:1,j:2", "a=1,b=2"]),
    ("v1", "Node", node(READY), ["x", "Ready", "<none>", AGE, "", "<none>", "<none>"] + ["<unknown>"] * 3),
    ("v1", "Node", node([{"type": "Ready", "status": "Unknown"}], unschedulable=True),
     ["x", "NotReady,SchedulingDisabled", "<none>", AGE, "", "<none>", "<none>"] + ["<unknown>"] * 3),
    ("v1", "Node", node([], {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "edge"}),
     ["x", "Unknown", "edge,worker", AGE, "", "<none>", "<none>"] + ["<unknown>"] * 3),
    ("v1", "Node", {"status": {
        "conditions": READY,
        "addresses": [{"type": "Hostname", "address": "x"}, {"type": "InternalIP", "address": "10.0.0.1"},
                      {"type": "InternalIP", "address": "fd00::1"}, {"type": "ExternalIP", "address": "1.2.3.4"}],
        "nodeInfo": {"kubeletVersion": "v1.36.0", "osImage": "Debian", "kernelVersion": "6.1",
                     "containerRuntimeVersion": "runc://1.1.5"},
    }}, ["x", "Ready", "<none>", AGE, "v1.36.0", "10.0.0.1", "1.2.3.4", "Debian", "6.1", "runc://1.1.5"]),
    ("v1", "Service", {"spec": {
        "type": "ClusterIP", "clusterIPs": ["10.96.0.9"], "selector": {"b": "2", "a": "1"},
        "ports": [{"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}],
    }}, ["x", "ClusterIP", "10.96.0.9", "<none>", "80/TCP,53/UDP", AGE, "a=1,b=2"]),
    ("v1", "Service", {"spec": {
        "type": "NodePort", "clusterIPs": ["10.96.0.9"], "externalIPs": ["1.1.1.1", "2.2.2.2"],
        "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30080}],
    }}, ["x", "NodePort", "10.96.0.9", "1.1.1.1,2.2.2.2", "80:30080/TCP", AGE, "<none>"]),
    ("v1", "Service", {"spec": {"type": "ClusterIP", "clusterIPs": ["None"]}},
     ["x", "ClusterIP", "None", "<none>", "<none>", AGE, "<none>"]),
    ("v1", "Service", {"spec": {"type": "LoadBalancer"}},
     ["x", "LoadBalancer", "<none>", "<pending>", "<none>", AGE, "<none>"]),
    ("v1", "Service", {
        "spec": {"type": "LoadBalancer", "externalIPs": ["9.9.9.9"]},
        "status": {"loadBalancer": {"ingress": [{"ip": "5.5.5.5"}, {"hostname": "lb"}, {"ip": "4.4.4.4"}]}},
    }, ["x", "LoadBalancer", "<none>", "4.4.4.4,5.5.5.5,lb,9.9.9.9", "<none>", AGE, "<none>"]),
    ("v1", "Service", {"spec": {"type": "ExternalName", "externalName": "example.org"}},
     ["x", "ExternalName", "<none>", "example.org", "<none>", AGE, "<none>"]),
    ("v1", "Endpoints", {}, ["x", "<none>", AGE]),
    ("v1", "Endpoints", {"subsets": [{"addresses": [{"ip": "1.1.1.1"}, {"ip": "::1"}], "ports": [{"port": 80}]}]},
     ["x", "1.1.1.1:80,[::1]:80", AGE]),
    ("v1", "Endpoints", {"subsets": [{"addresses": [{"ip": "1.1.1.1"}, {"ip": "1.1.1.2"}],
                                      "ports": [{"port": 80}, {"port": 81}, {"port": 82}]}]},
     ["x", "1.1.1.1:80,1.1.1.2:80,1.1.1.1:81 + 3 more...", AGE]),
    ("v1", "Endpoints", {"subsets": [{"addresses": [{"ip": "1.1.1.1"}]}]}, ["x", "1.1.1.1", AGE]),
    ("discovery.k8s.io/v1", "EndpointSlice", {"addressType": "IPv4"}, ["x", "IPv4", "<unset>", "<unset>", AGE]),
    ("discovery.k8s.io/v1", "EndpointSlice", {
        "addressType": "IPv4", "ports": [{"port": 80}, {"name": "y"}, {}],
        "endpoints": [{"addresses": ["1.1.1.1", "1.1.1.2"]}, {"addresses": ["1.1.1.3"]}, {"addresses": ["1.1.1.4"]}],
    }, ["x", "IPv4", "80,y,*", "1.1.1.1,1.1.1.2,1.1.1.3 + 1 more...", AGE]),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", {
        "roleRef": {"kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "User", "name": "u"}, {"kind": "Group", "name": "g"}, {"kind": "User", "name": "v"},
                     {"kind": "ServiceAccount", "name": "s", "namespace": "ns"}],
    }, ["x", "ClusterRole/view", AGE, "u, v", "g", "ns/s"]),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", {"roleRef": {"kind": "Role", "name": "r"}},
     ["x", "Role/r", AGE, "", "", ""]),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", {}, ["x", META["creationTimestamp"]]),
    ("rbac.authorization.k8s.io/v1", "Role", {}, ["x", META["creationTimestamp"]]),
    ("v1", "PodTemplate", {"template": TEMPLATE | {"metadata": {"labels": {"a": "1"}}}},
     ["x", "a,b", "i:1,j:2", "a=1"]),
    ("v1", "Event", {
        "involvedObject": {"kind": "Pod", "name": "web", "fieldPath": "spec.containers{c}"}, "type": "Warning",
        "reason": "BackOff", "message": "Back-off restarting\n", "count": 4,
        "firstTimestamp": "2023-11-14T22:03:20Z", "lastTimestamp": "2023-11-14T22:12:20Z",
        "source": {"component": "kubelet", "host": "node-1"},
    }, ["60s", "Warning", "BackOff", "pod/web", "spec.containers{c}", "kubelet, node-1", "Back-off restarting", "10m",
        4, "x"]),
    ("v1", "Event", {
        "involvedObject": {"kind": "Pod"}, "eventTime": "2023-11-14T22:12:50.000000Z",
        "reportingComponent": "scheduler", "reportingInstance": "s-1",
    }, ["30s", "", "", "pod", "", "scheduler, s-1", "", "30s", 1, "x"]),
    ("v1", "Event", {
        "involvedObject": {"kind": "Node", "name": "n"}, "eventTime": "2023-11-14T22:12:50.000000Z",
        "series": {"count": 7, "lastObservedTime": "2023-11-14T22:13:10.000000Z"},
    }, ["10s", "", "", "node/n", "", "", "", "30s", 7, "x"]),
    ("v1", "Event", {}, ["<unknown>", "", "", "", "", "", "", "<unknown>", 1, "x"]),
    ("events.k8s.io/v1", "Event", {
        "regarding": {"kind": "Pod", "name": "web"}, "note": "pulled", "deprecatedCount": 2,
        "deprecatedFirstTimestamp": "2023-11-14T22:03:20Z", "deprecatedLastTimestamp": "2023-11-14T22:12:20Z",
        "deprecatedSource": {"component": "kubelet"},
    }, ["60s", "", "", "pod/web", "", "kubelet", "pulled", "10m", 2, "x"]),
]  # fmt: skip


@pytest.mark.parametrize(("api_version", "kind", "tree", "expected"), CELLS)
def test_cells(api_version, kind, tree, expected):
    assert cells(api_version, kind, tree) == expected


COLUMNS = {
    ("", "v1", "pods"): "Name Ready Status Restarts Age | IP, Node, Nominated Node, Readiness Gates",
    ("", "v1", "nodes"): "Name Status Roles Age Version | Internal-IP, External-IP, OS-Image, Kernel-Version, "
    "Container-Runtime",
    ("", "v1", "services"): "Name Type Cluster-IP External-IP Port(s) Age | Selector",
    ("apps", "v1", "deployments"): "Name Ready Up-to-date Available Age | Containers, Images, Selector",
    ("apps", "v1", "replicasets"): "Name Desired Current Ready Age | Containers, Images, Selector",
    ("", "v1", "secrets"): "Name Type Data Age | ",
    ("", "v1", "serviceaccounts"): "Name Age | ",
    ("discovery.k8s.io", "v1", "endpointslices"): "Name AddressType Ports Endpoints Age | ",
    ("rbac.authorization.k8s.io", "v1", "rolebindings"): "Name Role Age | Users, Groups, ServiceAccounts",
}


@pytest.mark.parametrize(("path", "expected"), COLUMNS.items())
def test_columns(path, expected):
    columns = tables.render(by_path(*path), [], NOW)["columnDefinitions"]
    narrow = " ".join(column["name"] for column in columns if column["priority"] == 0)
    wide = ", ".join(column["name"] for column in columns if column["priority"] == 1)
    assert f"{narrow} | {wide}" == expected


def test_event_and_default_columns():
    events = tables.render(by_path("", "v1", "events"), [], NOW)["columnDefinitions"]
    assert [column["name"] for column in events] == ["Last Seen", "Type", "Reason", "Object", "Subobject", "Source",
                                                     "Message", "First Seen", "Count", "Name"]  # fmt: skip
    roles = tables.render(by_path("rbac.authorization.k8s.io", "v1", "roles"), [], NOW)["columnDefinitions"]
    assert [(column["name"], column["type"]) for column in roles] == [("Name", "string"), ("Created At", "date")]


@pytest.mark.parametrize("resource", [resource for resource in RESOURCES if resource.persistent],
                         ids=lambda resource: resource.group_resource)  # fmt: skip
def test_every_kind_has_a_cell_for_every_column(resource):
    table = tables.render(resource, [resource.record()], NOW)
    assert len(table["rows"][0]["cells"]) == len(table["columnDefinitions"])
    assert all(set(column) == {"name", "type", "format", "description", "priority"} for column in
               table["columnDefinitions"])  # fmt: skip


def test_what_rows_carry():
    record = from_tree(Node, {"metadata": META, "spec": {"podCIDR": "10.0.0.0/24"}})

    def row_object(include):
        return tables.render(scheme.of(Node), [record], NOW, include_object=include)["rows"][0]["object"]

    metadata = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": META}
    assert row_object("Metadata") == metadata
    assert row_object("None") is None
    assert row_object("Object")["spec"] == {"podCIDR": "10.0.0.0/24"}
    assert row_object("Object")["kind"] == "Node"


def test_the_table_itself():
    table = tables.render(scheme.of(Pod), [], NOW, list_meta={"resourceVersion": "7", "continue": "abc"})
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert table["metadata"] == {"resourceVersion": "7", "continue": "abc"}
    assert table["rows"] == []


def test_later_tables_of_a_watch_have_no_columns():
    assert tables.render(scheme.of(Pod), [], NOW, with_columns=False)["columnDefinitions"] is None


def test_a_scale_is_shown_as_scale():
    scale = from_tree(Scale, {"metadata": META, "spec": {"replicas": 3}, "status": {"replicas": 2}})
    table = tables.render(scheme.of(Deployment), [scale], NOW)
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Desired", "Available", "Age"]
    assert table["rows"][0]["cells"] == ["x", 3, 2, AGE]
