"""kubectl and the PyPI client against the API server alone: no warning and no error that Kubernetes would not give."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client as kubernetes
from kubernetes import config, watch

from tests.support.apiserver import Apiserver

KUBECTL = shutil.which("kubectl", path="/usr/bin") or "kubectl"
MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: busybox, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


class Kubectl:
    """Runs kubectl; what it writes to stderr fails the test unless `fails` expects it."""

    def __init__(self, directory: Path, kubeconfig: Path) -> None:
        self._directory = directory
        self._environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(directory),
            "KUBECONFIG": str(kubeconfig),
        }

    def __call__(self, *arguments: str, stdin: str | None = None, **environment: str) -> str:
        done = self._run(arguments, stdin, environment)
        assert (done.returncode, done.stderr) == (0, ""), f"kubectl {arguments}: {done.stderr}{done.stdout}"
        return done.stdout

    def fails(self, *arguments: str, stdin: str | None = None) -> str:
        done = self._run(arguments, stdin, {})
        assert done.returncode != 0, done.stdout
        return done.stderr

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [KUBECTL, *arguments], env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def _run(
        self, arguments: tuple[str, ...], stdin: str | None, environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [KUBECTL, *arguments],
            env=self._environment | environment,
            cwd=self._directory,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=90,
        )


@pytest.fixture(scope="module")
def kubeconfig(cluster: Apiserver, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pki = cluster.authority.directory
    file = tmp_path_factory.mktemp("kube") / "config"
    tree: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "c", "cluster": {"server": cluster.rest_url, "certificate-authority": str(pki / "ca.crt")}}
        ],
        "users": [
            {
                "name": "admin",
                "user": {"client-certificate": str(pki / "admin.crt"), "client-key": str(pki / "admin.key")},
            }
        ],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "admin"}}],
        "current-context": "x",
    }
    file.write_text(yaml.safe_dump(tree))
    return file


@pytest.fixture(scope="module")
def kubectl(kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    return Kubectl(tmp_path_factory.mktemp("home"), kubeconfig)


@pytest.fixture
def core(kubeconfig: Path) -> Iterator[kubernetes.CoreV1Api]:
    api_client = config.new_client_from_config(str(kubeconfig))
    with api_client:
        yield kubernetes.CoreV1Api(api_client)


def test_discovery(kubectl: Kubectl) -> None:
    resources = kubectl("api-resources", "-o", "wide")
    for expected in ("deployments", "endpointslices", "rolebindings", "selfsubjectreviews"):
        assert expected in resources
    assert "apps/v1" in kubectl("api-versions").splitlines()
    assert "Server Version: v1.32" in kubectl("version")
    assert "RollingUpdate" in kubectl("explain", "deployment.spec.strategy.type")
    assert kubectl("get", "--raw", "/readyz") == "ok"


def test_identity(kubectl: Kubectl) -> None:
    assert "kubernetes-admin" in kubectl("auth", "whoami")
    assert kubectl("auth", "can-i", "create", "pods") == "yes\n"
    assert "selfsubjectreviews" in kubectl("auth", "can-i", "--list", "--as=jane")
    assert "no\n" in kubectl.fails("auth", "can-i", "get", "secrets", "--as=jane") + "no\n"
    kubectl("create", "serviceaccount", "robot")
    assert kubectl("create", "token", "robot").count(".") == 2


def test_config_maps_from_creation_to_deletion(kubectl: Kubectl) -> None:
    assert kubectl("create", "configmap", "a", "--from-literal=k=v") == "configmap/a created\n"
    assert kubectl("label", "cm", "a", "x=y") == "configmap/a labeled\n"
    assert kubectl("annotate", "cm", "a", "n=1") == "configmap/a annotated\n"
    for kind, patch in (
        ("strategic", '{"data":{"k2":"v2"}}'),
        ("merge", '{"data":{"k":null}}'),
        ("json", '[{"op":"add","path":"/data/on","value":"y"}]'),
    ):
        assert kubectl("patch", "cm", "a", f"--type={kind}", "-p", patch) == "configmap/a patched\n"
    tree = yaml.safe_load(kubectl("get", "cm", "a", "-o", "yaml"))
    assert tree["data"] == {"k2": "v2", "on": "y"}
    kubectl("edit", "cm", "a", KUBE_EDITOR="sed -i s/v2/v3/")
    assert kubectl("get", "cm", "a", "-o", "jsonpath={.data.k2}") == "v3"
    assert kubectl("get", "cm", "-l", "x=y", "-o", "name") == "configmap/a\n"
    assert kubectl("delete", "cm", "a") == 'configmap "a" deleted\n'
    assert kubectl.fails("get", "cm", "a") == 'Error from server (NotFound): configmaps "a" not found\n'


def test_apply(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", stdin=MANIFEST) == "deployment.apps/web created\nservice/web created\n"
    assert kubectl("apply", "-f", "-", stdin=MANIFEST) == "deployment.apps/web unchanged\nservice/web unchanged\n"
    changed = MANIFEST.replace("replicas: 2", "replicas: 3")
    assert kubectl("apply", "--dry-run=server", "-f", "-", stdin=changed).startswith("deployment.apps/web configured")
    assert kubectl("apply", "-f", "-", stdin=changed).startswith("deployment.apps/web configured")
    assert kubectl("scale", "deployment/web", "--replicas=1") == "deployment.apps/web scaled\n"
    assert kubectl("set", "image", "deployment/web", "c=other") == "deployment.apps/web image updated\n"
    wide = kubectl("get", "deployment", "web", "-o", "wide").splitlines()
    assert wide[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"]
    assert wide[1].split()[-3:] == ["c", "other", "app=web"]
    assert "Image:         other" in kubectl("describe", "deployment", "web")
    kubectl("wait", "--for=jsonpath={.spec.replicas}=1", "deployment/web", "--timeout=60s")
    assert kubectl("delete", "-f", "-", stdin=MANIFEST).count("deleted") == 2


def test_unknown_fields_and_malformed_manifests(kubectl: Kubectl) -> None:
    wrong = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"w"},"dota":{}}'
    assert 'strict decoding error: unknown field "dota"' in kubectl.fails("apply", "-f", "-", stdin=wrong)
    assert 'no matches for kind "Nothing"' in kubectl.fails(
        "apply", "-f", "-", stdin=wrong.replace("ConfigMap", "Nothing")
    )
    assert kubectl.fails("get", "cm", "w").startswith("Error from server (NotFound)")


def test_watching_tables(kubectl: Kubectl) -> None:
    process = kubectl.start("get", "configmaps", "--watch-only", "--request-timeout=100s")
    try:
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")))  # type: ignore[union-attr]
        reader.start()
        deadline = time.monotonic() + 90
        number = 0
        while not any(line.startswith("seen") for line in lines):
            assert time.monotonic() < deadline, lines
            number += 1
            kubectl("create", "configmap", f"seen{number}", "--from-literal=a=b")
        assert lines[0].split() == ["NAME", "DATA", "AGE"]
    finally:
        process.terminate()
        process.wait()
        reader.join()
        if process.stdout is not None:
            process.stdout.close()


def test_pypi_client(core: kubernetes.CoreV1Api) -> None:
    body = kubernetes.V1ConfigMap(metadata=kubernetes.V1ObjectMeta(name="py"), data={"a": "b"})
    created = core.create_namespaced_config_map("default", body)
    revision = created.metadata.resource_version
    core.patch_namespaced_config_map("py", "default", {"data": {"a": "c"}})
    core.delete_namespaced_config_map("py", "default")
    seen = []
    watching = watch.Watch()
    for event in watching.stream(
        core.list_namespaced_config_map, "default", resource_version=revision, timeout_seconds=60
    ):
        seen.append((event["type"], event["object"].metadata.name, event["object"].data))
        if event["type"] == "DELETED":
            watching.stop()
    assert seen == [("MODIFIED", "py", {"a": "c"}), ("DELETED", "py", {"a": "c"})]
    with pytest.raises(kubernetes.ApiException) as caught:
        core.read_namespaced_config_map("py", "default")
    assert json.loads(caught.value.body)["reason"] == "NotFound"
    names = [item.metadata.name for item in core.list_namespace(limit=2).items]
    assert len(names) == 2
