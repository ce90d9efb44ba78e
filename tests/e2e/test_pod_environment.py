"""What a container finds when it starts: variables, files, names, limits, neighbours."""

from __future__ import annotations

import json
import re

import yaml

from tests.support.cluster import eventually
from tests.support.kube import Space
from tests.support.manifests import SLEEP, config_map, container, pod, python, secret


def _once(space: Space, name: str, script: str, **spec: object) -> str:
    """The log of a pod of one container that runs a script to its end."""
    main = container(script, **spec.pop("container", {}))  # type: ignore[arg-type]
    space.create(pod(name, main, restartPolicy="Never", **spec))
    space.wait_phase(name, "Succeeded")
    return space.log(name)


def test_variables_from_everywhere(space: Space) -> None:
    space.create(config_map("settings", colour="green", size="9"), secret("keys", token="hidden"))
    env = [
        {"name": "PLAIN", "value": "plain"},
        {"name": "EXPANDED", "value": "$(PLAIN)-$(MISSING)-$$(PLAIN)"},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
        {"name": "ACCOUNT", "valueFrom": {"fieldRef": {"fieldPath": "spec.serviceAccountName"}}},
        {"name": "LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1m"}}},
        {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "requests.memory", "divisor": "1Mi"}}},
        {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}},
        {"name": "NONE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "no", "optional": True}}},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
    ]
    resources = {"limits": {"cpu": "250m", "memory": "64Mi"}, "requests": {"memory": "32Mi"}}
    prefixed = [{"prefix": "CM_", "configMapRef": {"name": "settings"}}]
    log = _once(space, "envy", "env", container={"env": env, "envFrom": prefixed, "resources": resources})
    found = dict(line.split("=", 1) for line in log.splitlines())
    tree = space.get("pods", "envy")
    expected = {
        "PLAIN": "plain",
        "EXPANDED": "plain-$(MISSING)-$(PLAIN)",
        "POD": "envy",
        "NODE": tree["spec"]["nodeName"],
        "IP": tree["status"]["podIP"],
        "HOST": tree["status"]["hostIP"],
        "ACCOUNT": "default",
        "LABEL": "envy",
        "CPU": "250",
        "MEMORY": "32",
        "COLOUR": "green",
        "TOKEN": "hidden",
        "CM_colour": "green",
        "CM_size": "9",
        "HOSTNAME": "envy",
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert "NONE" not in found


def test_command_arguments_and_folder(space: Space) -> None:
    fields = {
        "command": ["sh", "-c", 'echo "$0|$1|$(pwd)"; echo $(id -u):$(id -g)', "$(FIRST)"],
        "args": ["$$(FIRST)"],
        "env": [{"name": "FIRST", "value": "one two"}],
        "workingDir": "/var/log",
        "securityContext": {"runAsUser": 65534, "runAsGroup": 33},
    }
    space.create(pod("said", {"name": "main", "image": "busybox", **fields}, restartPolicy="Never"))
    space.wait_phase("said", "Succeeded")
    assert space.log("said") == "one two|$(FIRST)|/var/log\n65534:33\n"


def test_a_missing_reference_is_told_and_mended(space: Space) -> None:
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "a"}}}]
    space.create(pod("waiting", container("echo $A; sleep 3600", env=env)))
    space.wait(
        "in CreateContainerConfigError",
        "pods",
        "waiting",
        lambda tree: (
            tree["status"].get("containerStatuses", [{}])[0].get("state", {}).get("waiting")
            == {"reason": "CreateContainerConfigError", "message": 'configmap "late" not found'}
        ),
    )
    space.create(config_map("late", a="came"))
    space.logged("waiting", "came")


def test_names_resolver_and_hosts(space: Space) -> None:
    extra = {"hostAliases": [{"ip": "10.9.8.7", "hostnames": ["elsewhere"]}], "subdomain": "sub", "hostname": "renamed"}
    log = _once(space, "named", "hostname; cat /etc/resolv.conf /etc/hosts", **extra)
    lines = log.splitlines()
    assert lines[0] == "renamed"
    assert f"search {space.name}.svc.cluster.local svc.cluster.local cluster.local" in log
    assert "nameserver 10.96.0.10" in lines
    assert "options ndots:5" in lines
    address = space.get("pods", "named")["status"]["podIP"]
    assert f"{address}\trenamed.sub.{space.name}.svc.cluster.local\trenamed" in lines
    assert "10.9.8.7\telsewhere" in lines
    policy = {
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["10.1.2.3"], "searches": ["a.b"], "options": [{"name": "x"}]},
    }
    log = _once(space, "own", "cat /etc/resolv.conf", **policy)
    assert log == "search a.b\nnameserver 10.1.2.3\noptions x\n"


def test_containers_share_the_network_and_volumes(space: Space) -> None:
    shared = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
    first = container("echo made by init > /shared/index.html; hostname > /shared/host", "first", **shared)
    second = container("cat /shared/index.html; echo second >> /shared/index.html", "second", **shared)
    server = container("exec httpd -f -p 127.0.0.1:8080 -h /shared", "server", **shared)
    reader = container(
        "until wget -q -O - http://localhost:8080/ 2>/dev/null; do sleep 0.1; done; hostname; sleep 3600", "reader"
    )
    volumes = [{"name": "shared", "emptyDir": {}}]
    space.create(pod("team", server, reader, initContainers=[first, second], volumes=volumes))
    space.logged("team", "team", query="?container=reader")
    assert space.log("team", "?container=reader") == "made by init\nsecond\nteam\n"
    assert space.log("team", "?container=second") == "made by init\n"
    assert "second" not in space.exec("team", "ls /", "reader").split()
    # Processes are each container's own, unless they are shared.
    assert "httpd" not in space.exec("team", "ps", "reader")
    space.create(pod("open", container(SLEEP, "one"), container("exec sleep 7200", "two"), shareProcessNamespace=True))
    space.wait_running("open")
    assert "sleep 7200" in space.exec("open", "ps", "one")


def test_limits_are_the_kernels(space: Space) -> None:
    limits = {"resources": {"requests": {"cpu": "200m", "memory": "16Mi"}, "limits": {"cpu": "500m", "memory": "48Mi"}}}
    unified = "cat cpu.weight cpu.max memory.max"
    space.create(pod("limited", container(**limits)))
    space.wait_running("limited")
    script = (
        f"cd /sys/fs/cgroup; if test -e memory/memory.limit_in_bytes; "
        f"then cat cpu/cpu.shares cpu/cpu.cfs_quota_us memory/memory.limit_in_bytes; else {unified}; fi"
    )
    values = space.exec("limited", script).split()
    assert values in (["204", "50000", str(48 << 20)], ["8", "50000", "100000", str(48 << 20)]), values


def test_configuration_volumes_follow_their_objects(space: Space) -> None:
    space.create(config_map("settings", **{"colour": "green", "run.sh": "echo ran"}), secret("keys", token="hidden"))
    volumes = [
        {"name": "settings", "configMap": {"name": "settings"}},
        {
            "name": "script",
            "configMap": {"name": "settings", "items": [{"key": "run.sh", "path": "bin/go", "mode": 0o755}]},
        },
        {"name": "keys", "secret": {"secretName": "keys", "defaultMode": 0o400}},
        {"name": "self", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {
            "name": "all",
            "projected": {
                "sources": [{"configMap": {"name": "settings"}}, {"secret": {"name": "keys", "optional": True}}]
            },
        },
    ]
    mounts = [{"name": volume["name"], "mountPath": f"/v/{volume['name']}"} for volume in volumes]
    single = {"name": "settings", "mountPath": "/etc/colour", "subPath": "colour"}
    space.create(pod("reader", container(volumeMounts=[*mounts, single]), volumes=volumes))
    space.wait_running("reader")
    told = space.exec(
        "reader",
        "cd /v; cat settings/colour keys/token all/colour all/token /etc/colour; script/bin/go; cat self/labels",
    )
    assert told == 'greenhiddengreenhiddengreenran\napp="reader"'
    assert space.exec("reader", "stat -L -c %a /v/keys/token").strip() == "400"
    space.merge("cm", "settings", {"data": {"colour": "blue"}})
    space.merge("secrets", "keys", {"stringData": {"token": "newer"}})
    space.merge("pods", "reader", {"metadata": {"labels": {"tier": "front"}}})

    def values() -> str:
        return space.exec("reader", "cd /v; cat settings/colour keys/token all/colour self/labels")

    eventually(
        "new values",
        lambda: values() == 'bluenewerblueapp="reader"\ntier="front"',
        seconds=100,
        interval=1,
        state=values,
    )
    # What is mounted by subPath stays as it was (upstream's documented behaviour).
    assert space.exec("reader", "cat /etc/colour") == "green"


ASK = """
import json, ssl, sys, urllib.request, urllib.error
base = "/var/run/secrets/kubernetes.io/serviceaccount/"
token, namespace = open(base + "token").read(), open(base + "namespace").read()
context = ssl.create_default_context(cafile=base + "ca.crt")
def ask(path, token=token):
    request = urllib.request.Request("https://kubernetes.default.svc" + path)
    if token:
        request.add_header("Authorization", "Bearer " + token)
    try:
        with urllib.request.urlopen(request, context=context, timeout=20) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
for path in (f"/api/v1/namespaces/{namespace}/pods", f"/api/v1/namespaces/{namespace}/secrets", "/api/v1/nodes"):
    code, answer = ask(path)
    print(json.dumps([code, answer.get("kind"), answer.get("message")]))
print(json.dumps([ask("/version", "nonsense")[0], ask("/api/v1/nodes", "")[0]]))
"""


def test_the_service_account_reaches_the_api_server(space: Space) -> None:
    space.kubectl("create", "serviceaccount", "asker")
    space.kubectl("create", "role", "pods", "--verb=list", "--resource=pods")
    space.kubectl("create", "rolebinding", "pods", "--role=pods", f"--serviceaccount={space.name}:asker")
    space.create(pod("asker", python(ASK), restartPolicy="Never", serviceAccountName="asker"))
    space.wait_phase("asker", "Succeeded")
    account = f"system:serviceaccount:{space.name}:asker"
    assert [json.loads(line) for line in space.log("asker").splitlines()] == [
        [200, "PodList", None],
        [
            403,
            "Status",
            f'secrets is forbidden: User "{account}" cannot list resource "secrets" in API group "" '
            f'in the namespace "{space.name}"',
        ],
        [
            403,
            "Status",
            f'nodes is forbidden: User "{account}" cannot list resource "nodes" in API group "" at the cluster scope',
        ],
        [401, 401],
    ]


def test_what_is_not_mounted_is_not_there(space: Space) -> None:
    script = "ls /var/run/secrets 2>&1 | tail -1; touch /x 2>&1; cat /proc/1/status | grep -E '^(NoNewPrivs|CapEff)'"
    strict = {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    log = _once(space, "strict", script, container={"securityContext": strict}, automountServiceAccountToken=False)
    assert "No such file or directory" in log
    assert "Read-only file system" in log
    assert re.search(r"^NoNewPrivs:\t1$", log, re.MULTILINE)
    assert re.search(r"^CapEff:\t0{16}$", log, re.MULTILINE)


def test_a_root_image_is_refused_where_root_is(space: Space) -> None:
    space.create(pod("rooted", container(securityContext={"runAsNonRoot": True})))
    space.wait(
        "refused",
        "pods",
        "rooted",
        lambda tree: (
            tree["status"].get("containerStatuses", [{}])[0].get("state", {}).get("waiting", {}).get("reason")
            == "CreateContainerConfigError"
        ),
    )
    assert "container has runAsNonRoot and image will run as root" in yaml.dump(space.get("pods", "rooted"), width=1000)


def test_host_network_pods_are_on_the_node(space: Space) -> None:
    space.create(pod("host", hostNetwork=True, nodeName="node-1"))
    [tree] = space.wait_running("host")
    assert tree["status"]["podIP"] == tree["status"]["hostIP"]
    assert tree["status"]["hostIP"] in space.exec("host", "ip address")
