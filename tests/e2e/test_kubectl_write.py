"""kubectl apply, patch, edit, label, replace, delete: how objects change, and what is refused."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
import yaml

from tests.support.cluster import eventually
from tests.support.kube import Space, Tree
from tests.support.manifests import WEB, config_map, container, deployment, pod, secret, service

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def _text(*trees: Tree) -> str:
    return yaml.safe_dump_all(trees)


def test_apply_creates_configures_and_leaves_alone(space: Space) -> None:
    web = deployment("web", container(WEB))
    trees = (config_map("settings", a="1"), service("web"), web)
    told = space.kubectl("apply", "-f", "-", stdin=_text(*trees))
    assert told == "configmap/settings created\nservice/web created\ndeployment.apps/web created\n"
    space.wait_deployment("web")
    before = [space.get(kind, name) for kind, name in (("cm", "settings"), ("svc", "web"))]
    told = space.kubectl("apply", "-f", "-", stdin=_text(*trees))
    assert told == "configmap/settings unchanged\nservice/web unchanged\ndeployment.apps/web unchanged\n"
    assert [space.get(kind, name) for kind, name in (("cm", "settings"), ("svc", "web"))] == before
    assert json.loads(before[0]["metadata"]["annotations"][APPLIED])["data"] == {"a": "1"}

    changed = config_map("settings", b="2")
    assert space.kubectl("apply", "-f", "-", stdin=_text(changed)) == "configmap/settings configured\n"
    assert space.get("cm", "settings")["data"] == {"b": "2"}
    # What others set stays; what the manifest no longer has goes.
    space.kubectl("scale", "deployment/web", "--replicas=2")
    web["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": "b"}]
    del web["spec"]["replicas"]
    told = space.kubectl("apply", "-f", "-", stdin=_text(web))
    assert told == "deployment.apps/web configured\n"
    assert space.get("deployments", "web")["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == "b"
    difference = space.run("diff", "-f", "-", stdin=_text(config_map("settings", b="3")))
    assert difference.returncode == 1
    assert re.search(r'^-  b: "2"$', difference.stdout, re.MULTILINE), difference


def test_apply_prunes_lists_by_their_keys(space: Space) -> None:
    both = [
        container(name="one"),
        container(name="two", env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]),
    ]
    space.kubectl("apply", "-f", "-", stdin=_text(deployment("pair", *both, replicas=0)))
    both[1]["env"] = [{"name": "B", "value": "3"}]
    space.kubectl("apply", "-f", "-", stdin=_text(deployment("pair", both[1], replicas=0)))
    containers = space.get("deployments", "pair")["spec"]["template"]["spec"]["containers"]
    assert [(c["name"], c["env"]) for c in containers] == [("two", [{"name": "B", "value": "3"}])]


def test_apply_finds_mistakes(space: Space) -> None:
    tree = deployment("web", container(imagePulPolicy="Never"))
    tree["spec"]["replica"] = 3
    failure = space.kubectl_fails("apply", "-f", "-", stdin=_text(tree))
    assert failure == (
        'Error from server (BadRequest): error when creating "STDIN": Deployment in version "v1" cannot be handled '
        'as a Deployment: strict decoding error: unknown field "spec.replica", '
        'unknown field "spec.template.spec.containers[0].imagePulPolicy"\n'
    )
    unknown = ("spec.replica", "spec.template.spec.containers[0].imagePulPolicy")
    warning = "".join(f'Warning: unknown field "{field}"\n' for field in unknown)
    space.kubectl("apply", "--validate=warn", "--dry-run=server", "-f", "-", stdin=_text(tree), stderr=warning)
    tree = pod("web", container(ports=[{"containerPort": "http"}]))
    failure = space.kubectl_fails("apply", "-f", "-", stdin=_text(tree))
    assert (
        "cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32"
        in failure
    )
    tree = {**service("web"), "spec": {"ports": [{"port": 70000}]}}
    failure = space.kubectl_fails("apply", "-f", "-", stdin=_text(tree))
    assert failure == (
        'The Service "web" is invalid: \n'
        "* spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive\n"
        "* spec.ports[0].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive\n"
    )
    failure = space.kubectl_fails("apply", "-f", "-", stdin="kind: Thing\napiVersion: v1\nmetadata: {name: x}\n")
    assert 'no matches for kind "Thing" in version "v1"' in failure
    failure = space.kubectl_fails("apply", "-f", "-", stdin="kind: Pod\n  apiVersion: v1\n")
    assert failure.startswith("error: error parsing STDIN: error converting YAML to JSON: yaml: line 2: ")
    assert space.list("pods") + space.list("services") + space.list("deployments") == []


def test_create_get_back_and_replace(space: Space) -> None:
    assert space.kubectl("create", "configmap", "one", "--from-literal=a=1") == "configmap/one created\n"
    assert space.kubectl("create", "secret", "generic", "two", "--from-literal=b=2") == "secret/two created\n"
    assert space.get("secrets", "two")["data"] == {"b": "Mg=="}
    assert space.kubectl("create", "serviceaccount", "three") == "serviceaccount/three created\n"
    token = space.kubectl("create", "token", "three")
    assert token.count(".") == 2
    assert space.kubectl("create", "service", "clusterip", "four", "--tcp=80:8080") == "service/four created\n"
    failure = space.kubectl_fails("create", "configmap", "one")
    assert failure == 'error: failed to create configmap: configmaps "one" already exists\n'
    tree = space.get("cm", "one")
    tree["data"] = {"a": "2"}
    assert space.kubectl("replace", "-f", "-", stdin=_text(tree)) == "configmap/one replaced\n"
    tree["data"] = {"a": "3"}
    failure = space.kubectl_fails("replace", "-f", "-", stdin=_text(tree))
    assert failure.startswith(
        'Error from server (Conflict): error when replacing "STDIN": Operation cannot be fulfilled on configmaps '
        '"one": the object has been modified; please apply your changes to the latest version and try again'
    )
    assert space.get("cm", "one")["data"] == {"a": "2"}
    printed = space.kubectl("create", "deployment", "dry", "--image=busybox", "--dry-run=server", "-o", "yaml")
    assert yaml.safe_load(printed)["spec"]["progressDeadlineSeconds"] == 600
    assert space.find("deployments", "dry") is None


def test_three_kinds_of_patch(space: Space) -> None:
    space.create(deployment("web", container(name="one"), container(name="two"), replicas=0))
    strategic = {"spec": {"template": {"spec": {"containers": [{"name": "two", "image": "python"}]}}}}
    told = space.kubectl("patch", "deployment", "web", "-p", json.dumps(strategic))
    assert told == "deployment.apps/web patched\n"
    containers = space.get("deployments", "web")["spec"]["template"]["spec"]["containers"]
    assert [(c["name"], c["image"]) for c in containers] == [("one", "busybox"), ("two", "python")]
    merge = '{"metadata":{"labels":{"app":null,"tier":"front"}}}'
    space.kubectl("patch", "deployment", "web", "--type=merge", "-p", merge)
    assert space.get("deployments", "web")["metadata"]["labels"] == {"tier": "front"}
    operations = '[{"op":"test","path":"/spec/replicas","value":0},{"op":"replace","path":"/spec/paused","value":true}]'
    failure = space.kubectl_fails("patch", "deployment", "web", "--type=json", "-p", operations)
    assert "the server rejected our request due to an error in our request" in failure or "missing path" in failure
    operations = operations.replace("replace", "add")
    space.kubectl("patch", "deployment", "web", "--type=json", "-p", operations)
    assert space.get("deployments", "web")["spec"]["paused"] is True
    assert space.kubectl("patch", "deployment", "web", "--type=json", "-p", operations) == (
        "deployment.apps/web patched (no change)\n"
    )
    space.kubectl("patch", "deployment", "web", "--subresource=scale", "--type=merge", "-p", '{"spec":{"replicas":1}}')
    assert space.get("deployments", "web")["spec"]["replicas"] == 1


def test_label_annotate_set_and_edit(space: Space, tmp_path: Path) -> None:
    space.create(config_map("one", a="1"), deployment("web", container(WEB), replicas=0))
    assert space.kubectl("label", "cm", "one", "tier=back") == "configmap/one labeled\n"
    assert space.kubectl_fails("label", "cm", "one", "tier=front") == (
        "error: 'tier' already has a value (back), and --overwrite is false\n"
    )
    assert space.kubectl("label", "cm", "one", "tier-") == "configmap/one unlabeled\n"
    assert space.kubectl("annotate", "cm", "one", "note=written by hand") == "configmap/one annotated\n"
    assert space.get("cm", "one")["metadata"]["annotations"] == {"note": "written by hand"}
    assert space.kubectl("set", "resources", "deployment/web", "--limits=cpu=200m,memory=64Mi") == (
        "deployment.apps/web resource requirements updated\n"
    )
    limits = space.get("deployments", "web")["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert limits == {"cpu": "200m", "memory": "64Mi"}
    space.create(service("web"))
    assert space.kubectl("set", "selector", "service/web", "a=b") == "service/web selector updated\n"
    assert space.get("services", "web")["spec"]["selector"] == {"a": "b"}

    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/^  a: .*/  a: edited/' \"$1\"\n")
    editor.chmod(0o755)
    told = space.kubectl("edit", "configmap", "one", env={"KUBE_EDITOR": str(editor)})
    assert told == "configmap/one edited\n"
    assert space.get("cm", "one")["data"] == {"a": "edited"}
    assert (
        space.kubectl("edit", "cm", "one", env={"KUBE_EDITOR": "true"}, stderr="Edit cancelled, no changes made.\n")
        == ""
    )


def test_delete_with_grace_and_by_force(space: Space) -> None:
    trap = container("trap 'echo caught; sleep 0.3; exit 0' TERM; echo up; while true; do sleep 0.1; done")
    slow = container("trap '' TERM; echo up; while true; do sleep 0.1; done")
    space.create(
        pod("polite", trap, terminationGracePeriodSeconds=600),
        pod("stubborn", slow, terminationGracePeriodSeconds=1),
        pod("forced", slow, terminationGracePeriodSeconds=600),
    )
    for name in ("polite", "stubborn", "forced"):
        space.logged(name, "up")
    started = time.monotonic()
    assert space.kubectl("delete", "pod", "polite") == 'pod "polite" deleted\n'
    assert space.kubectl("delete", "pod/stubborn") == 'pod "stubborn" deleted\n'
    assert time.monotonic() - started >= 1
    warning = (
        "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. "
        "The resource may continue to run on the cluster indefinitely.\n"
    )
    told = space.kubectl("delete", "pod", "forced", "--force", "--grace-period=0", stderr=warning)
    assert told == 'pod "forced" force deleted\n'
    assert space.list("pods") == []


def test_delete_by_label_file_and_kind(space: Space) -> None:
    trees = [config_map(f"cm-{number}", a="1") for number in range(3)]
    trees[0]["metadata"]["labels"] = {"keep": "yes"}
    space.create(*trees, secret("s", a="1"))
    told = space.kubectl("delete", "cm", "-l", "keep!=yes,app", "--now")
    assert told == 'configmap "cm-1" deleted\nconfigmap "cm-2" deleted\n'
    told = space.kubectl("delete", "-f", "-", stdin=_text(trees[0], secret("s")))
    assert told == 'configmap "cm-0" deleted\nsecret "s" deleted\n'
    failure = space.kubectl_fails("delete", "cm", "cm-0")
    assert failure == 'Error from server (NotFound): configmaps "cm-0" not found\n'
    assert space.kubectl("delete", "cm", "cm-0", "--ignore-not-found") == ""
    space.create(*trees)
    space.kubectl("delete", "cm", "--all", "--wait=false")
    eventually("only the root CA", lambda: [c["metadata"]["name"] for c in space.list("cm")] == ["kube-root-ca.crt"])


@pytest.fixture
def node(space: Space) -> str:
    """A node that is schedulable again after the test."""
    yield "node-3"
    space.cluster.kubectl("uncordon", "node-3")
    space.wait_schedulable("node-3")


def test_cordon_drain_and_uncordon(space: Space, node: str) -> None:
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "nodeTaintsPolicy": "Honor",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    space.create(deployment("web", container(WEB), replicas=3, topologySpreadConstraints=[spread]))
    space.wait_deployment("web")
    here = f"--field-selector=spec.nodeName={node}"
    assert space.kubectl("get", "pods", here, "-o", "name") != ""
    assert space.kubectl("cordon", node) == f"node/{node} cordoned\n"
    assert re.search(rf"^{node} +Ready,SchedulingDisabled ", space.kubectl("get", "nodes"), re.MULTILINE)
    space.create(pod("bare", nodeName=node))
    space.wait_running("bare")
    selector = "--pod-selector=app in (web, bare),pod-template-hash"
    drained = space.run("drain", node, selector, "--timeout=100s")
    assert drained.returncode == 0, drained
    assert f"node/{node} drained\n" in drained.stdout
    assert f"evicting pod {space.name}/web-" in drained.stdout
    elsewhere = {"node-1", "node-2"}
    eventually("elsewhere", lambda: {p["spec"].get("nodeName") for p in space.list("pods", "app=web")} == elsewhere)
    space.wait_deployment("web")
    refusal = space.run("drain", node, "--pod-selector=app=bare")
    assert refusal.returncode == 1
    assert "cannot delete" in refusal.stderr and "declare no controller" in refusal.stderr
    assert space.kubectl("uncordon", node) == f"node/{node} uncordoned\n"
    space.wait_schedulable(node)


def test_taint(space: Space, node: str) -> None:
    assert space.kubectl("taint", "node", node, "e2e=yes:NoSchedule") == f"node/{node} tainted\n"
    assert {"key": "e2e", "value": "yes", "effect": "NoSchedule"} in space.get("nodes", node)["spec"]["taints"]
    assert space.kubectl("taint", "node", node, "e2e-") == f"node/{node} untainted\n"
