"""A cluster with an ingress: nothing is lost while pods and processes come and go; nothing is left when it is down."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from podling.launcher.plan import Port
from podling.launcher.stored_plan import read
from tests.support.cluster import Cluster, eventually

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
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: busybox
        command: [sh, -c, 'mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www']
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
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


def ask(address: str) -> int:
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request("GET", "/", headers={"Host": HOST})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


class Load:
    """A client that asks all the time, over one connection or a new one each time; counts what it is answered."""

    def __init__(self, address: str, *, keep_alive: bool) -> None:
        self.answers: Counter[str] = Counter()
        self._address = address
        self._keep_alive = keep_alive
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=30)
        while not self._stop.wait(0.02):
            try:
                connection.request("GET", "/", headers={"Host": HOST})
                answer = connection.getresponse()
                answer.read()
                self.answers[str(answer.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.answers[repr(error)] += 1
                connection.close()
            if not self._keep_alive:
                connection.close()
        connection.close()

    def stop(self) -> Counter[str]:
        self._stop.set()
        self._thread.join()
        return self.answers


def test_no_request_is_lost_while_pods_roll_and_the_control_process_restarts(cluster: Cluster, address: str) -> None:
    loads = [Load(address, keep_alive=keep_alive) for keep_alive in (True, False)]
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
    assert all(found["200"] > 20 for found in answers)


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
    with urllib.request.urlopen(f"{url}/metrics", context=context, timeout=30) as answer:
        assert "podling_ingress_routes 2.0" in answer.read().decode()
