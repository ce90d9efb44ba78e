"""Descriptions of stateful sets and daemon sets, compared with what kubectl 1.32 prints of the same objects."""

from textwrap import dedent

from api.codec import from_tree
from api.scheme import by_kind
from podling.describe import Related, describe

NOW = 1_795_410_000.0  # 2026-11-23T05:00:00Z
TEMPLATE = {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "main", "image": "busybox"}]}}
SHOWN_TEMPLATE = """\
Pod Template:
  Labels:  app=db
  Containers:
   main:
    Image:         busybox
    Port:          <none>
    Host Port:     <none>
    Environment:   <none>
    Mounts:        <none>
  Volumes:         <none>
  Node-Selectors:  <none>
  Tolerations:     <none>
"""


def described(kind, spec, status, **more):
    metadata = {"name": "db", "namespace": "default", "uid": "u", "creationTimestamp": "2026-11-20T00:00:00Z", **more}
    spec = {"selector": {"matchLabels": {"app": "db"}}, "template": TEMPLATE, **spec}
    record = from_tree(by_kind("apps/v1", kind).record, {"metadata": metadata, "spec": spec, "status": status})
    pods = [
        from_tree(by_kind("v1", "Pod").record, {
            "metadata": {"name": f"db-{number}", "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": kind, "name": "db", "uid": uid, "controller": True}
            ]},
            "status": {"phase": phase},
        })
        for number, (phase, uid) in enumerate([("Running", "u"), ("Pending", "u"), ("Running", "other")])
    ]  # fmt: skip
    return describe(record, Related(pods=tuple(pods)), NOW)


def test_a_stateful_set():
    claims = [
        {
            "metadata": {"name": "data", "labels": {"l": "m"}},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        },
        {
            "metadata": {"name": "logs", "annotations": {"x": "z"}},
            "spec": {"accessModes": ["ReadWriteOnce", "ReadOnlyMany"], "storageClassName": "fast"},
        },
    ]
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    spec = {"replicas": 2, "updateStrategy": strategy, "volumeClaimTemplates": claims}
    head = dedent("""\
        Name:               db
        Namespace:          default
        CreationTimestamp:  Fri, 20 Nov 2026 00:00:00 +0000
        Selector:           app=db
        Labels:             a=b
        Annotations:        <none>
        Replicas:           2 desired | 1 total
        Update Strategy:    RollingUpdate
          Partition:        0
        Pods Status:        1 Running / 1 Waiting / 0 Succeeded / 0 Failed
        """)
    tail = dedent("""\
        Volume Claims:
          Name:          data
          StorageClass:  |
          Labels:        l=m
          Annotations:   <none>
          Capacity:      1Gi
          Access Modes:  [ReadWriteOnce]
          Name:          logs
          StorageClass:  fast
          Labels:        <none>
          Annotations:   x=z
          Capacity:      <default>
          Access Modes:  [ReadWriteOnce ReadOnlyMany]
        Events:          <none>
        """).replace("|", "")
    shown = described("StatefulSet", spec, {"replicas": 1}, labels={"a": "b"})
    assert shown == head + SHOWN_TEMPLATE + tail


def test_a_daemon_set():
    status = {
        "desiredNumberScheduled": 3,
        "currentNumberScheduled": 2,
        "updatedNumberScheduled": 1,
        "numberAvailable": 1,
        "numberMisscheduled": 0,
        "numberReady": 1,
    }
    head = dedent("""\
        Name:           db
        Selector:       app=db
        Node-Selector:  <none>
        Labels:         <none>
        Annotations:    deprecated.daemonset.template.generation: 1
        Desired Number of Nodes Scheduled: 3
        Current Number of Nodes Scheduled: 2
        Number of Nodes Scheduled with Up-to-date Pods: 1
        Number of Nodes Scheduled with Available Pods: 1
        Number of Nodes Misscheduled: 0
        Pods Status:  1 Running / 1 Waiting / 0 Succeeded / 0 Failed
        """)
    annotations = {"deprecated.daemonset.template.generation": "1"}
    shown = described("DaemonSet", {}, status, annotations=annotations)
    assert shown == head + SHOWN_TEMPLATE + "Events:            <none>\n"
