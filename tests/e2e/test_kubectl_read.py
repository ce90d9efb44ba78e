"""kubectl get in all its forms, describe, watch, explain and what it asks about the cluster itself."""

from __future__ import annotations

import json
import re

import yaml

from tests.support.cluster import eventually
from tests.support.kube import Space
from tests.support.manifests import config_map, container, deployment, pod, secret, service, web


def _web(space: Space, replicas: int = 2) -> list[str]:
    limits = {"limits": {"cpu": "100m", "memory": "32Mi"}}
    space.create(deployment("web", web(resources=limits), replicas=replicas))
    space.create(service("web"))
    space.wait_deployment("web")
    space.wait_endpoints("web", replicas)
    return sorted(tree["metadata"]["name"] for tree in space.list("pods", "app=web"))


def _rows(table: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.rstrip()) for line in table.splitlines()]


def test_get_tables(space: Space) -> None:
    names = _web(space)
    header, *rows = _rows(space.kubectl("get", "pods"))
    assert header == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert [row[:4] for row in rows] == [[name, "1/1", "Running", "0"] for name in names]
    header, *rows = _rows(space.kubectl("get", "po", "-o", "wide"))
    assert header[5:] == ["IP", "NODE", "NOMINATED NODE", "READINESS GATES"]
    pods = {name: space.get("pods", name) for name in names}
    assert [row[5:] for row in rows] == [
        [pods[n]["status"]["podIP"], pods[n]["spec"]["nodeName"], "<none>", "<none>"] for n in names
    ]
    header, row = _rows(space.kubectl("get", "deploy", "web", "-o", "wide"))
    assert header == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"]
    assert row[:4] + row[5:] == ["web", "2/2", "2", "2", "main", "busybox", "app=web"]
    header, row = _rows(space.kubectl("get", "svc", "-o", "wide"))
    assert header == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE", "SELECTOR"]
    assert [row[0], row[1], row[3], row[4], row[6]] == ["web", "ClusterIP", "<none>", "80/TCP", "app=web"]
    header, *rows = _rows(space.kubectl("get", "nodes", "-o", "wide"))
    assert header[:6] == ["NAME", "STATUS", "ROLES", "AGE", "VERSION", "INTERNAL-IP"]
    assert [row[:3] for row in rows] == [[f"node-{number}", "Ready", "<none>"] for number in (1, 2, 3)]
    header, *rows = _rows(space.kubectl("get", "pods", "-l", "app=web", "--show-labels", "--sort-by=.status.podIP"))
    assert header[-1] == "LABELS"
    assert all(row[-1].startswith("app=web,pod-template-hash=") for row in rows)
    assert (
        space.kubectl("get", "pods", "--no-headers", "--field-selector=status.phase=Failed", stderr=_nothing(space))
        == ""
    )


def _nothing(space: Space) -> str:
    return f"No resources found in {space.name} namespace.\n"


def test_get_objects(space: Space) -> None:
    names = _web(space)
    assert space.kubectl("get", "pods", "-o", "name").splitlines() == [f"pod/{name}" for name in names]
    tree = json.loads(space.kubectl("get", "deployment", "web", "-o", "json"))
    assert (tree["apiVersion"], tree["kind"]) == ("apps/v1", "Deployment")
    assert yaml.safe_load(space.kubectl("get", "deployment", "web", "-o", "yaml")) == tree
    assert tree == space.get("deployments", "web")
    listed = json.loads(space.kubectl("get", "pods", "-o", "json"))
    assert (listed["apiVersion"], listed["kind"], len(listed["items"])) == ("v1", "List", 2)
    assert space.kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.name}").split() == names
    columns = space.kubectl("get", "pods", "-o", "custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[0].image")
    assert _rows(columns)[1] == [names[0], "busybox"]
    template = "{{range .items}}{{.metadata.name}}\n{{end}}"
    assert space.kubectl("get", "pods", "-o", f"go-template={template}").split() == names


def test_get_all_and_several_kinds(space: Space) -> None:
    names = _web(space, replicas=1)
    lines = [line.split()[0] for line in space.kubectl("get", "all").splitlines() if line and "NAME" not in line]
    replica_set = space.list("replicasets")[0]["metadata"]["name"]
    assert lines == [f"pod/{names[0]}", "service/web", "deployment.apps/web", f"replicaset.apps/{replica_set}"]
    several = space.kubectl("get", "svc,deploy,cm", "-o", "name").splitlines()
    assert several == ["service/web", "deployment.apps/web", "configmap/kube-root-ca.crt"]
    everywhere = space.kubectl("get", "pods", "-A", "-o", "wide")
    assert re.search(rf"^{space.name} +{names[0]} ", everywhere, re.MULTILINE)
    assert space.kubectl_fails("get", "pod", "nope") == 'Error from server (NotFound): pods "nope" not found\n'
    assert space.kubectl_fails("get", "nonsense") == 'error: the server doesn\'t have a resource type "nonsense"\n'
    assert space.kubectl("get", "pod", "nope", "--ignore-not-found") == ""


def test_watch_shows_changes_as_they_happen(space: Space) -> None:
    space.create(pod("first"))
    with space.kubectl_streams("get", "pods", "--watch", "--output-watch-events") as watching:
        watching.until("first")
        space.create(pod("seen"))
        space.wait_running("seen")
        space.delete("pods", "seen")
        watching.until("DELETED")
    lines = [line.split()[:4] for line in watching.lines if "first" not in line]
    assert lines[0] == ["EVENT", "NAME", "READY", "STATUS"]
    assert lines[1] == ["ADDED", "seen", "0/1", "Pending"]
    assert ["MODIFIED", "seen", "1/1", "Running"] in lines


def test_describe_workloads(space: Space) -> None:
    names = _web(space)
    # Events are told after what they tell of.
    space.wait_event("Started", names[0])
    space.wait_event("ScalingReplicaSet", "web")
    told = space.kubectl("describe", "pod", names[0])
    tree = space.get("pods", names[0])
    for pattern in (
        rf"^Name: +{names[0]}$",
        rf"^Node: +{tree['spec']['nodeName']}/{tree['status']['hostIP']}$",
        r"^Status: +Running$",
        rf"^IP: +{tree['status']['podIP']}$",
        r"^Controlled By: +ReplicaSet/web-",
        r"^    Image: +busybox$",
        r"^    State: +Running$",
        r"^    Restart Count: +0$",
        r"^      memory: +32Mi$",
        r"^    Readiness: +http-get http://:8080/ delay=0s timeout=10s period=1s (#success|successThreshold)=1 ",
        r"^  Ready +True *$",
        r"^QoS Class: +Guaranteed$",
    ):
        assert re.search(pattern, told, re.MULTILINE), (pattern, told)
    reasons = [line.split()[1] for line in told[told.index("Events:") :].splitlines()[3:]]
    assert reasons[:4] == ["Scheduled", "Pulled", "Created", "Started"]
    told = space.kubectl("describe", "deployment", "web")
    assert re.search(
        r"^Replicas: +2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable$", told, re.MULTILINE
    )
    assert re.search(r"^NewReplicaSet: +web-\w+ \(2/2 replicas created\)$", told, re.MULTILINE)
    assert re.search(r"Scaled up replica set web-\w+ from 0 to 2$", told, re.MULTILINE)
    addresses = {space.get("pods", name)["status"]["podIP"] for name in names}
    told = space.kubectl("describe", "service", "web")
    found = re.search(r"^Endpoints: +(\S+)$", told, re.MULTILINE)
    assert found and set(found[1].split(",")) == {f"{address}:8080" for address in addresses}, told
    assert re.search(r"^TargetPort: +8080/TCP$", told, re.MULTILINE)


def test_describe_nodes_and_the_rest(space: Space) -> None:
    space.create(pod("here", container(resources={"requests": {"cpu": "150m", "memory": "16Mi"}}), nodeName="node-2"))
    space.create(config_map("settings", colour="green"), secret("keys", token="hidden"))
    space.wait_running("here")
    told = space.kubectl("describe", "node", "node-2")
    assert re.search(rf"^  {space.name} +here +150m \(7%\) +0 \(0%\) +16Mi \(1%\) +0 \(0%\) ", told, re.MULTILINE), told
    assert re.search(r"^  Ready +True .* KubeletReady +kubelet is posting ready status$", told, re.MULTILINE)
    assert re.search(r"^Taints: +<none>$", told, re.MULTILINE)
    assert re.search(r"^  HolderIdentity: +node-2$", told, re.MULTILINE)
    told = space.kubectl("describe", "configmap", "settings")
    assert "colour:\n----\ngreen\n" in told
    told = space.kubectl("describe", "secret", "keys")
    assert "token:  6 bytes" in told and "hidden" not in told
    for kind in ("namespace", "serviceaccount", "endpointslice", "replicaset", "role", "rolebinding", "lease"):
        assert space.run("describe", kind).stderr in ("", f"No resources found in {space.name} namespace.\n")
    for name in ("clusterrole/admin", "clusterrolebinding/cluster-admin"):
        assert re.search(rf"^Name: +{name.split('/')[1]}$", space.kubectl("describe", name), re.MULTILINE)


def test_events(space: Space) -> None:
    space.create(pod("told"))
    space.wait_running("told")

    def reasons() -> list[str]:
        return [line.split()[2] for line in space.kubectl("events", "--for=pod/told", "--no-headers").splitlines()]

    eventually("all events", lambda: reasons() == ["Scheduled", "Pulled", "Created", "Started"], state=space.story)
    header, first, *_ = _rows(space.kubectl("get", "events", "--sort-by=.metadata.name"))
    assert header == ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert first[1:4] == ["Normal", "Scheduled", "pod/told"]
    assert first[4].startswith(f"Successfully assigned {space.name}/told to node-")
    wide = _rows(space.kubectl("get", "events", "-o", "wide", "--field-selector=reason=Started"))
    assert wide[1][3] == "pod/told"
    assert wide[1][4] == "spec.containers{main}"


def test_what_the_server_says_of_itself(space: Space) -> None:
    # A kubectl much newer than the server warns of that.
    version = json.loads(space.run("version", "-o", "json").stdout)["serverVersion"]
    assert re.fullmatch(r"v1\.\d+\.\d+.*", version["gitVersion"])
    assert "is running at https://127.0.0.1:" in space.kubectl("cluster-info")
    table = _rows(space.kubectl("api-resources"))
    assert table[0] == ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]
    assert ["deployments", "deploy", "apps/v1", "true", "Deployment"] in table
    assert ["nodes", "no", "v1", "false", "Node"] in table
    versions = space.kubectl("api-versions").split()
    assert {"v1", "apps/v1", "discovery.k8s.io/v1", "rbac.authorization.k8s.io/v1"} <= set(versions)
    assert space.kubectl("get", "--raw", "/readyz") == "ok"
    told = space.kubectl("explain", "pod.spec.containers.livenessProbe.httpGet")
    assert "FIELD: httpGet <HTTPGetAction>\n" in told
    assert re.search(r"^  port\t<IntOrString> -required-$", told, re.MULTILINE), told
    assert "GROUP:      apps\nKIND:       Deployment\nVERSION:    v1\n" in space.kubectl("explain", "deployments")
    recursive = space.kubectl("explain", "service", "--recursive")
    assert re.search(r"^    sessionAffinity\t<string>$", recursive, re.MULTILINE)
    failure = space.kubectl_fails("explain", "pod.spec.nonsense")
    assert failure == 'error: field "nonsense" does not exist\n'


def test_who_am_i_and_what_may_i(space: Space) -> None:
    told = space.kubectl("auth", "whoami")
    assert re.search(r"^Username +kubernetes-admin$", told, re.MULTILINE)
    assert re.search(r"^Groups +\[system:masters system:authenticated\]$", told, re.MULTILINE)
    assert space.kubectl("auth", "can-i", "delete", "nodes", stderr=_scope("nodes")) == "yes\n"
    assert space.run("auth", "can-i", "list", "pods", "--as=nobody").stdout == "no\n"
    space.kubectl("create", "role", "reader", "--verb=get,list", "--resource=pods")
    space.kubectl("create", "rolebinding", "reader", "--role=reader", "--user=ann")
    as_ann = "--as=ann"
    eventually("ann may", lambda: space.run("auth", "can-i", "list", "pods", as_ann).stdout == "yes\n")
    assert space.run("auth", "can-i", "delete", "pods", as_ann).stdout == "no\n"
    listed = _rows(space.kubectl("auth", "can-i", "--list", as_ann))
    assert ["pods", "[]", "[]", "[get list]"] in listed
    assert space.kubectl("get", "pods", as_ann, stderr=_nothing(space)) == ""
    refusal = space.kubectl_fails("delete", "pod", "x", as_ann)
    assert refusal == (
        'Error from server (Forbidden): pods "x" is forbidden: User "ann" cannot delete resource "pods" '
        f'in API group "" in the namespace "{space.name}"\n'
    )


def _scope(resource: str) -> str:
    return f"Warning: resource '{resource}' is not namespace scoped\n\n"
