"""Descriptions, compared whole with what kubectl 1.32 prints of the same objects."""

from textwrap import dedent

import pytest

from api.codec import from_tree
from api.scheme import by_kind
from podling.describe import Related, describe
from podling.describe.page import Page, align

NOW = 1_795_410_000.0  # 2026-11-23T05:00:00Z
THEN = "2026-11-20T00:00:00Z"


def record(tree):
    return from_tree(by_kind(tree["apiVersion"], tree["kind"]).record, tree)


def metadata(name, **more):
    return {"name": name, "namespace": "default", "uid": f"u-{name}", "creationTimestamp": THEN, **more}


def described(tree, **related):
    return describe(record(tree), Related(**{key: tuple(map(record, value)) for key, value in related.items()}), NOW)


def text(wanted):
    """A golden text; a bar ends lines that end in spaces."""
    return dedent(wanted).lstrip("\n").replace("|\n", "\n")


POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": metadata(
        "web-1",
        labels={"b": "c", "app": "web"},
        annotations={"multi": "l1\nl2\n", "kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"},
        ownerReferences=[
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "r", "controller": True}
        ],
    ),
    "spec": {
        "priority": 0,
        "serviceAccountName": "default",
        "nodeName": "node-1",
        "nodeSelector": {"disk": "ssd"},
        "initContainers": [{"name": "i", "image": "busybox", "command": ["sh", "-c", "true\nfalse"]}],
        "containers": [
            {
                "name": "c",
                "image": "img:1",
                "args": ["sleep"],
                "ports": [
                    {"containerPort": 80, "protocol": "TCP"},
                    {"containerPort": 81, "hostPort": 82, "protocol": "UDP"},
                ],
                "resources": {"limits": {"cpu": "1", "memory": "64Mi"}, "requests": {"cpu": "100m"}},
                "livenessProbe": {
                    "httpGet": {"path": "/healthz", "port": 80, "scheme": "HTTP"},
                    "timeoutSeconds": 1,
                    "periodSeconds": 10,
                    "successThreshold": 1,
                    "failureThreshold": 3,
                },
                "envFrom": [{"secretRef": {"name": "s", "optional": True}, "prefix": "P_"}],
                "env": [
                    {"name": "A", "value": "1"},
                    {"name": "N", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
                    {"name": "L", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                    {"name": "K", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}},
                ],
                "volumeMounts": [
                    {"name": "v", "mountPath": "/z", "subPath": "q"},
                    {"name": "t", "mountPath": "/a", "readOnly": True},
                ],
            },
            {"name": "d", "image": "img:2"},
        ],
        "volumes": [
            {"name": "v", "emptyDir": {}},
            {
                "name": "t",
                "projected": {
                    "sources": [
                        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                        {"downwardAPI": {"items": []}},
                    ]
                },
            },
        ],
        "tolerations": [
            {"key": "n", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"operator": "Exists"},
            {"key": "k", "value": "v"},
        ],
    },
    "status": {
        "phase": "Running",
        "hostIP": "10.0.0.2",
        "podIP": "10.1.0.3",
        "podIPs": [{"ip": "10.1.0.3"}],
        "startTime": THEN,
        "qosClass": "Burstable",
        "conditions": [{"type": "PodReadyToStartContainers", "status": "True"}, {"type": "Ready", "status": "False"}],
        "initContainerStatuses": [
            {
                "name": "i",
                "imageID": "sha",
                "containerID": "runc://0",
                "ready": True,
                "state": {"terminated": {"reason": "Completed", "startedAt": THEN, "finishedAt": THEN}},
            }
        ],
        "containerStatuses": [
            {
                "name": "c",
                "imageID": "sha256:1",
                "containerID": "runc://1",
                "ready": True,
                "restartCount": 2,
                "state": {"running": {"startedAt": THEN}},
                "lastState": {
                    "terminated": {
                        "exitCode": 137,
                        "signal": 9,
                        "reason": "OOMKilled",
                        "startedAt": THEN,
                        "finishedAt": THEN,
                    }
                },
            },
            {"name": "d", "state": {"waiting": {"reason": "ContainerCreating"}}},
        ],
    },
}


def event(name, **more):
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": metadata(name),
        "type": "Normal",
        "reason": "Did",
        "message": "did it\n",
        "source": {"component": "kubelet"},
        **more,
    }


EVENTS = [
    event("late", type="Warning", reason="BackOff", count=4, firstTimestamp=THEN, lastTimestamp="2026-11-21T00:00:00Z"),
    event("early", count=1, firstTimestamp=THEN, lastTimestamp=THEN),
]


def test_pod():
    assert described(POD, events=EVENTS) == text("""
        Name:             web-1
        Namespace:        default
        Priority:         0
        Service Account:  default
        Node:             node-1/10.0.0.2
        Start Time:       Fri, 20 Nov 2026 00:00:00 +0000
        Labels:           app=web
                          b=c
        Annotations:      a: b
                          multi:
                            l1
                            l2
        Status:           Running
        IP:               10.1.0.3
        IPs:
          IP:           10.1.0.3
        Controlled By:  ReplicaSet/web
        Init Containers:
          i:
            Container ID:  runc://0
            Image:         busybox
            Image ID:      sha
            Port:          <none>
            Host Port:     <none>
            Command:
              sh
              -c
              true
              false
            State:          Terminated
              Reason:       Completed
              Exit Code:    0
              Started:      Fri, 20 Nov 2026 00:00:00 +0000
              Finished:     Fri, 20 Nov 2026 00:00:00 +0000
            Ready:          True
            Restart Count:  0
            Environment:    <none>
            Mounts:         <none>
        Containers:
          c:
            Container ID:  runc://1
            Image:         img:1
            Image ID:      sha256:1
            Ports:         80/TCP, 81/UDP
            Host Ports:    0/TCP, 82/UDP
            Args:
              sleep
            State:          Running
              Started:      Fri, 20 Nov 2026 00:00:00 +0000
            Last State:     Terminated
              Reason:       OOMKilled
              Exit Code:    137
              Signal:       9
              Started:      Fri, 20 Nov 2026 00:00:00 +0000
              Finished:     Fri, 20 Nov 2026 00:00:00 +0000
            Ready:          True
            Restart Count:  2
            Limits:
              cpu:     1
              memory:  64Mi
            Requests:
              cpu:     100m
            Liveness:  http-get http://:80/healthz delay=0s timeout=1s period=10s #success=1 #failure=3
            Environment Variables from:
              s  Secret with prefix 'P_'  Optional: true
            Environment:
              A:  1
              N:  web-1 (v1:metadata.name)
              L:  1 (limits.cpu)
              K:  <set to the key 'k' of config map 'cm'>  Optional: false
            Mounts:
              /a from t (ro)
              /z from v (rw,path="q")
          d:
            Container ID:   |
            Image:          img:2
            Image ID:       |
            Port:           <none>
            Host Port:      <none>
            State:          Waiting
              Reason:       ContainerCreating
            Ready:          False
            Restart Count:  0
            Environment:    <none>
            Mounts:         <none>
        Conditions:
          Type                        Status
          PodReadyToStartContainers   True |
          Ready                       False |
        Volumes:
          v:
            Type:       EmptyDir (a temporary directory that shares a pod's lifetime)
            Medium:     |
            SizeLimit:  <unset>
          t:
            Type:                    Projected (a volume that contains injected data from multiple sources)
            TokenExpirationSeconds:  3607
            DownwardAPI:             true
        QoS Class:                   Burstable
        Node-Selectors:              disk=ssd
        Tolerations:                 op=Exists
                                     k=v
                                     n:NoExecute op=Exists for 300s
        Events:
          Type     Reason   Age                  From     Message
          ----     ------   ----                 ----     -------
          Normal   Did      3d5h                 kubelet  did it
          Warning  BackOff  2d5h (x4 over 3d5h)  kubelet  did it
        """)


def test_a_pod_being_deleted_says_for_how_long():
    tree = {
        **POD,
        "metadata": metadata("gone", deletionTimestamp="2026-11-23T04:59:30Z", deletionGracePeriodSeconds=30),
        "spec": {"containers": []},
        "status": {"phase": "Running", "reason": "Evicted", "message": "too much"},
    }
    shown = described(tree)
    assert "Status:                    Terminating (lasts 30s)\nTermination Grace Period:  30s\n" in shown
    assert "Reason:                    Evicted\nMessage:                   too much\n" in shown
    assert "Node:                      <none>\n" in shown
    assert shown.endswith("Events:          <none>\n")


NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {
        "name": "node-1",
        "creationTimestamp": THEN,
        "labels": {"node-role.kubernetes.io/worker": "", "x": "y"},
    },
    "spec": {
        "podCIDR": "10.1.0.0/24",
        "podCIDRs": ["10.1.0.0/24"],
        "unschedulable": True,
        "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}, {"key": "a", "effect": "NoExecute"}],
    },
    "status": {
        "capacity": {"cpu": "2", "memory": "2Gi", "pods": "110"},
        "allocatable": {"cpu": "2", "memory": "2Gi", "pods": "110"},
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "lastHeartbeatTime": THEN,
                "lastTransitionTime": THEN,
                "reason": "KubeletReady",
                "message": "kubelet is posting ready status",
            }
        ],
        "addresses": [{"type": "InternalIP", "address": "10.0.0.2"}, {"type": "Hostname", "address": "node-1"}],
        "nodeInfo": {"kernelVersion": "6.1", "osImage": "Debian", "kubeletVersion": "v1.36.0"},
    },
}
LEASE = {
    "apiVersion": "coordination.k8s.io/v1",
    "kind": "Lease",
    "metadata": {"name": "node-1", "namespace": "kube-node-lease"},
    "spec": {"holderIdentity": "node-1", "renewTime": "2026-11-20T00:00:00.000000Z"},
}


def test_node():
    finished = {**POD, "metadata": metadata("done"), "status": {"phase": "Succeeded"}}
    related = Related(pods=(record(POD), record(finished)), lease=record(LEASE))
    assert describe(record(NODE), related, NOW) == text("""
        Name:               node-1
        Roles:              worker
        Labels:             node-role.kubernetes.io/worker=
                            x=y
        Annotations:        <none>
        CreationTimestamp:  Fri, 20 Nov 2026 00:00:00 +0000
        Taints:             a:NoExecute
                            k=v:NoSchedule
        Unschedulable:      true
        Lease:
          HolderIdentity:  node-1
          AcquireTime:     <unset>
          RenewTime:       Fri, 20 Nov 2026 00:00:00 +0000
        Conditions:
          Type    Status  LastHeartbeatTime                 LastTransitionTime                Reason         Message
          ----    ------  -----------------                 ------------------                ------         -------
          Ready   True    Fri, 20 Nov 2026 00:00:00 +0000   Fri, 20 Nov 2026 00:00:00 +0000   KubeletReady   kubelet is posting ready status
        Addresses:
          InternalIP:  10.0.0.2
          Hostname:    node-1
        Capacity:
          cpu:     2
          memory:  2Gi
          pods:    110
        Allocatable:
          cpu:     2
          memory:  2Gi
          pods:    110
        System Info:
          Machine ID:                 |
          System UUID:                |
          Boot ID:                    |
          Kernel Version:             6.1
          OS Image:                   Debian
          Operating System:           |
          Architecture:               |
          Container Runtime Version:  |
          Kubelet Version:            v1.36.0
          Kube-Proxy Version:         |
        PodCIDR:                      10.1.0.0/24
        PodCIDRs:                     10.1.0.0/24
        Non-terminated Pods:          (1 in total)
          Namespace                   Name     CPU Requests  CPU Limits  Memory Requests  Memory Limits  Age
          ---------                   ----     ------------  ----------  ---------------  -------------  ---
          default                     web-1    100m (5%)     1 (50%)     0 (0%)           64Mi (3%)      3d5h
        Allocated resources:
          (Total limits may be over 100 percent, i.e., overcommitted.)
          Resource           Requests   Limits
          --------           --------   ------
          cpu                100m (5%)  1 (50%)
          memory             0 (0%)     64Mi (3%)
          ephemeral-storage  0 (0%)     0 (0%)
        Events:              <none>
        """)  # noqa: E501


@pytest.mark.parametrize(
    ("init", "expected"),
    [
        ([{"name": "i", "resources": {"requests": {"cpu": "1500m"}}}], "1500m (75%)"),
        ([{"name": "i", "resources": {"requests": {"cpu": "50m"}}}], "100m (5%)"),
        ([{"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "300m"}}}], "400m (20%)"),
    ],
)
def test_a_pod_asks_for_its_containers_or_its_largest_init_container(init, expected):
    containers = [{"name": "c", "resources": {"requests": {"cpu": "100m"}}}]
    pod = {**POD, "spec": {"containers": containers, "initContainers": init}}
    shown = describe(record(NODE), Related(pods=(record(pod),)), NOW)
    assert f"web-1    {expected}" in shown


TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "c", "image": "img"}], "volumes": [{"name": "v", "emptyDir": {}}]},
}
SELECTOR = {"matchLabels": {"app": "web"}}


def replica_set(name, revision, replicas):
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": metadata(
            name,
            annotations={"deployment.kubernetes.io/revision": revision},
            ownerReferences=[
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "d", "controller": True}
            ],
        ),
        "spec": {"replicas": replicas, "selector": SELECTOR, "template": TEMPLATE},
        "status": {"replicas": replicas},
    }


def test_deployment():
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata("web", annotations={"deployment.kubernetes.io/revision": "2"}),
        "spec": {
            "replicas": 3,
            "selector": SELECTOR,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}},
            "template": TEMPLATE,
        },
        "status": {
            "replicas": 3,
            "updatedReplicas": 2,
            "availableReplicas": 1,
            "unavailableReplicas": 2,
            "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}],
        },
    }
    assert described(deployment, replica_sets=[replica_set("web-1", "1", 1), replica_set("web-2", "2", 2)]) == text("""
        Name:                   web
        Namespace:              default
        CreationTimestamp:      Fri, 20 Nov 2026 00:00:00 +0000
        Labels:                 <none>
        Annotations:            deployment.kubernetes.io/revision: 2
        Selector:               app=web
        Replicas:               3 desired | 2 updated | 3 total | 1 available | 2 unavailable
        StrategyType:           RollingUpdate
        MinReadySeconds:        0
        RollingUpdateStrategy:  1 max unavailable, 25% max surge
        Pod Template:
          Labels:  app=web
          Containers:
           c:
            Image:        img
            Port:         <none>
            Host Port:    <none>
            Environment:  <none>
            Mounts:       <none>
          Volumes:
           v:
            Type:          EmptyDir (a temporary directory that shares a pod's lifetime)
            Medium:        |
            SizeLimit:     <unset>
          Node-Selectors:  <none>
          Tolerations:     <none>
        Conditions:
          Type           Status  Reason
          ----           ------  ------
          Available      True    MinimumReplicasAvailable
        OldReplicaSets:  web-1 (1/1 replicas created)
        NewReplicaSet:   web-2 (2/2 replicas created)
        Events:          <none>
        """)


def test_replica_set_counts_its_own_pods():
    def pod(name, phase, owner):
        owners = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": owner, "controller": True}]
        return {**POD, "metadata": metadata(name, ownerReferences=owners), "status": {"phase": phase}}

    pods = [pod("a", "Running", "u-web-1"), pod("b", "Pending", "u-web-1"), pod("c", "Running", "u-other")]
    shown = described(replica_set("web-1", "1", 2), pods=pods)
    assert "Controlled By:  Deployment/web\nReplicas:       2 current / 2 desired\n" in shown
    assert "Pods Status:    1 Running / 1 Waiting / 0 Succeeded / 0 Failed\n" in shown


def endpoint(address, ready=True):
    return {"addresses": [address], "conditions": {"ready": ready}}


def test_service():
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata("web"),
        "spec": {
            "type": "NodePort",
            "clusterIP": "10.96.0.9",
            "clusterIPs": ["10.96.0.9"],
            "ipFamilyPolicy": "SingleStack",
            "ipFamilies": ["IPv4"],
            "selector": {"tier": "x", "app": "web"},
            "ports": [
                {"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP", "nodePort": 30080},
                {"port": 53, "targetPort": "dns", "protocol": "UDP"},
            ],
            "sessionAffinity": "None",
            "externalTrafficPolicy": "Cluster",
            "internalTrafficPolicy": "Cluster",
        },
    }
    endpoint_slice = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata("web-x"),
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [*(endpoint(f"10.1.0.{number}") for number in (3, 4, 5, 6)), endpoint("10.1.0.9", ready=False)],
    }
    assert described(service, endpoint_slices=[endpoint_slice]) == text("""
        Name:                     web
        Namespace:                default
        Labels:                   <none>
        Annotations:              <none>
        Selector:                 app=web,tier=x
        Type:                     NodePort
        IP Family Policy:         SingleStack
        IP Families:              IPv4
        IP:                       10.96.0.9
        IPs:                      10.96.0.9
        Port:                     http  80/TCP
        TargetPort:               8080/TCP
        NodePort:                 http  30080/TCP
        Endpoints:                10.1.0.3:8080,10.1.0.4:8080,10.1.0.5:8080 + 1 more...
        Port:                     <unset>  53/UDP
        TargetPort:               dns/UDP
        Endpoints:                |
        Session Affinity:         None
        External Traffic Policy:  Cluster
        Internal Traffic Policy:  Cluster
        Events:                   <none>
        """)


def test_service_without_endpoints():
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata("web"),
        "spec": {"type": "ClusterIP", "ports": [{"port": 80, "targetPort": 80, "protocol": "TCP"}]},
    }
    shown = described(service)
    assert "Endpoints:         <none>\n" in shown
    assert "IP Families:       <none>\n" in shown


def test_namespace():
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "default", "labels": {"kubernetes.io/metadata.name": "default"}},
        "status": {"phase": "Active"},
    }
    assert described(namespace) == text("""
        Name:         default
        Labels:       kubernetes.io/metadata.name=default
        Annotations:  <none>
        Status:       Active

        No resource quota.

        No LimitRange resource.
        """)


def test_config_map():
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata("cm"),
        "data": {"b": "2", "a": "line1\nline2\n"},
        "binaryData": {"bin": "AAEC"},
    }
    assert described(config_map) == text("""
        Name:         cm
        Namespace:    default
        Labels:       <none>
        Annotations:  <none>

        Data
        ====
        a:
        ----
        line1
        line2


        b:
        ----
        2


        BinaryData
        ====
        bin: 3 bytes

        Events:  <none>
        """)


def test_a_secret_is_kept():
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata("s"),
        "type": "Opaque",
        "data": {"k": "YWJj", "longer": "YWJjZA=="},
    }
    assert described(secret) == text("""
        Name:         s
        Namespace:    default
        Labels:       <none>
        Annotations:  <none>

        Type:  Opaque

        Data
        ====
        k:       3 bytes
        longer:  4 bytes
        """)


def test_any_other_kind():
    assert describe(record(LEASE), Related(), NOW) == text("""
        Name:         node-1
        Namespace:    kube-node-lease
        Labels:       <none>
        Annotations:  <none>
        API Version:  coordination.k8s.io/v1
        Kind:         Lease
        Metadata:
        Spec:
          Holder Identity:  node-1
          Renew Time:       2026-11-20T00:00:00.000000Z
        Events:             <none>
        """)


def test_columns_last_while_lines_have_cells_in_them():
    assert align(["a\tb\tc", "longer\tb", "plain", "x\ty"]) == "a       b  c\nlonger  b\nplain\nx  y\n"


def test_an_empty_page():
    assert Page().show() == ""
