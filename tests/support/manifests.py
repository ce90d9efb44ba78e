"""Objects for e2e and chaos tests: small images, short grace, nothing a test does not need."""

from __future__ import annotations

from typing import Any

Tree = dict[str, Any]

# A web server that answers with its pod's name.
WEB = "mkdir -p /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www"
SLEEP = "exec sleep 3600"


def metadata(name: str, labels: dict[str, str] | None = None) -> Tree:
    return {"name": name, "labels": labels or {"app": name}}


def container(script: str = SLEEP, name: str = "main", **fields: Any) -> Tree:
    """A container of busybox that runs a shell script."""
    return {"name": name, "image": "busybox", "command": ["sh", "-c", script], **fields}


def web(name: str = "main", **fields: Any) -> Tree:
    """A web server that is ready once it serves: one that has only been started may not listen yet."""
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 10}
    return container(WEB, name, readinessProbe=probe, **fields)


def python(script: str, name: str = "main", **fields: Any) -> Tree:
    """A container that runs a Python script."""
    return {"name": name, "image": "python", "command": ["python3", "-u", "-c", script], **fields}


def pod_spec(*containers: Tree, **fields: Any) -> Tree:
    return {"terminationGracePeriodSeconds": 0, "containers": list(containers) or [container()], **fields}


def pod(name: str, *containers: Tree, labels: dict[str, str] | None = None, **spec: Any) -> Tree:
    """A pod that sleeps unless containers are given; `spec` are further fields of its spec."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(name, labels),
        "spec": pod_spec(*containers, **spec),
    }


def deployment(name: str, *containers: Tree, replicas: int = 1, spec: Tree | None = None, **template: Any) -> Tree:
    """A Deployment of pods labelled app=NAME; `spec` goes into its spec, the rest into its pods'."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(name),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod_spec(*containers, **template)},
            **(spec or {}),
        },
    }


def service(name: str, *ports: Tree, selector: dict[str, str] | None = None, **fields: Any) -> Tree:
    """A Service in front of the pods labelled app=NAME: port 80 to their 8080 unless told otherwise."""
    spec = {"selector": selector or {"app": name}, "ports": list(ports) or [{"port": 80, "targetPort": 8080}], **fields}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata(name), "spec": spec}


def config_map(name: str, **data: str) -> Tree:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(name), "data": data}


def secret(name: str, **data: str) -> Tree:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata(name), "stringData": data}
