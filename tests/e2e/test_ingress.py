"""A cluster with an ingress: nothing is lost while pods and processes come and go; nothing is left when it is down."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from podling.launcher.plan import Port
from podling.launcher.stored_plan import read
from tests.support.cluster import Cluster, eventually
from tests.support.load import Load

HOST = "web.example.com"
MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      # It serves on for that long after it was told to end, as a server that drains does.
      terminationGracePeriodSeconds: 5
      containers:
      - name: web
        image: busybox
        command: [sh, -c, 'mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www']
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1, timeoutSeconds: 10}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules:
  - host: web.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}
"""

# A Gateway whose routes come from another namespace, to a Service of a third.
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec:
  gatewayClassName: podling
  listeners:
  - {name: http, port: 80, protocol: HTTP, hostname: "*.gateway.example.com", allowedRoutes: {namespaces: {from: All}}}
  - {name: other, port: 8080, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: front, namespace: default}]
  hostnames: [web.gateway.example.com]
  rules:
  - backendRefs: [{name: web, namespace: default, port: 80}]
"""
GRANT = """
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: shop}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}]
  to: [{group: "", kind: Service}]
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(Path(tmp_path_factory.mktemp("ingress")))
    cluster.up("--nodes", "1", "--ingress")
    try:
        yield cluster
    finally:
        cluster.down()
    assert cluster.leaks() == []


@pytest.fixture(scope="module")
def address(cluster: Cluster) -> str:
    """Where the Ingress of three servers says it is reached."""
    cluster.apply(MANIFEST)
    cluster.kubectl("rollout", "status", "deployment/web")

    def told() -> str:
        ingress = json.loads(cluster.kubectl("get", "ingress", "web", "-o", "json").stdout)
        found = ingress["status"]["loadBalancer"].get("ingress", [{}])
        return str(found[0].get("ip", ""))

    where: str = eventually("the Ingress has its address", told)
    eventually("it is served", lambda: ask(where) == 200)
    return where


def ask(address: str, host: str = HOST) -> int:
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request("GET", "/", headers={"Host": host})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def test_no_request_is_lost_while_pods_roll_and_the_control_process_restarts(cluster: Cluster, address: str) -> None:
    loads = [Load(address, HOST, keep_alive=keep_alive) for keep_alive in (True, False)]
    try:
        cluster.kubectl("rollout", "restart", "deployment/web")
        cluster.podling("restart", "ingress")
        cluster.kubectl("rollout", "status", "deployment/web")
        pods = [each["metadata"] for each in cluster.get("pods", "-l", "app=web")["items"]]
        cluster.kubectl("delete", "pod", next(each["name"] for each in pods if "deletionTimestamp" not in each))
        cluster.kubectl("rollout", "status", "deployment/web")
    finally:
        answers = [load.stop() for load in loads]
    assert [set(found) for found in answers] == [{"200"}, {"200"}], answers


def conditions(cluster: Cluster) -> dict[str, str]:
    """The reasons of what is told of the route of namespace shop."""
    route = cluster.get("httproute", "web", "-n", "shop")
    parents = route.get("status", {}).get("parents", [])
    return {each["type"]: each["reason"] for parent in parents for each in parent["conditions"]}


def attached(cluster: Cluster) -> tuple[str, list[int]]:
    """The Gateway's address, and how many routes each of its listeners has."""
    status = cluster.get("gateway", "front")["status"]
    [address] = [each["value"] for each in status.get("addresses", [{"value": ""}])]
    return address, [each["attachedRoutes"] for each in status.get("listeners", [])]


def test_routes_of_a_gateway_are_served_and_lose_no_request_while_pods_roll(cluster: Cluster, address: str) -> None:
    host = "web.gateway.example.com"
    cluster.apply(GATEWAY)
    eventually("the route is told of", lambda: conditions(cluster).get("ResolvedRefs") == "RefNotPermitted")
    eventually("its backend cannot be had", lambda: ask(address, host) == 500)
    cluster.apply(GRANT)
    eventually("it may be sent there", lambda: ask(address, host) == 200 and ask(f"{address}:8080", host) == 200)
    well = {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"}
    eventually("the route is told that all is well", lambda: conditions(cluster) == well)
    eventually("so is the Gateway", lambda: attached(cluster) == (address, [1, 1]))
    loads = [Load(where, host, keep_alive=True) for where in (address, f"{address}:8080")]
    try:
        cluster.kubectl("rollout", "restart", "deployment/web")
        cluster.kubectl("rollout", "status", "deployment/web")
    finally:
        answers = [load.stop() for load in loads]
    assert [set(found) for found in answers] == [{"200"}, {"200"}], answers
    cluster.kubectl("delete", "namespace", "shop")
    eventually("the route is gone with its namespace", lambda: ask(address, host) == 404)
    cluster.kubectl("delete", "gateway", "front")
    eventually("the port is closed", lambda: ask(f"{address}:8080", host) == 0)


def test_a_proxy_that_was_killed_is_back_with_all_it_knew(cluster: Cluster, address: str) -> None:
    before = cluster.processes()["ingress-proxy"]
    cluster.podling("restart", "ingress-proxy")
    eventually("another proxy runs", lambda: cluster.processes().get("ingress-proxy") not in (None, before))
    eventually("it serves", lambda: ask(address) == 200)


def test_the_proxys_metrics_are_shown_to_the_clusters_own(cluster: Cluster, address: str) -> None:
    plan = read(cluster.directory)
    assert plan is not None
    pki = cluster.directory / "pki"
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
    url = f"https://127.0.0.1:{plan.port(Port.INGRESS_STATUS)}"

    def counted() -> bool:
        assert ask(address) == 200
        with urllib.request.urlopen(f"{url}/metrics/envoy", context=context, timeout=30) as answer:
            text = answer.read().decode()
        return 'envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="default/web/80/http"}' in text

    eventually("requests are counted", counted)

    def routes() -> bool:
        with urllib.request.urlopen(f"{url}/metrics", context=context, timeout=30) as answer:
            return "podling_ingress_routes 2.0" in answer.read().decode()

    eventually("the routes are those of the Ingress", routes)
