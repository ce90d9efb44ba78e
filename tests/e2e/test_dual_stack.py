"""A dual-stack cluster: pods and Services of both IP families, as upstream's dual-stack conformance tests want them."""

from __future__ import annotations

import http.client
import ipaddress
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podling.launcher.plan import SERVICE_CIDR, SERVICE_CIDR_V6
from tests.support.cluster import Cluster, eventually
from tests.support.load import Load

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      # It serves on for that long after it was told to end, as a server that drains does.
      terminationGracePeriodSeconds: 5
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: DoNotSchedule
        labelSelector: {matchLabels: {app: web}}
        matchLabelKeys: [pod-template-hash]
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
  type: NodePort
  ipFamilyPolicy: RequireDualStack
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: pods}
spec:
  clusterIP: None
  ipFamilyPolicy: PreferDualStack
  selector: {app: web}
  ports: [{name: http, port: 8080}]
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: client
    image: busybox
    command: [sleep, '3600']
    env:
    - {name: POD_IPS, valueFrom: {fieldRef: {fieldPath: status.podIPs}}}
    - {name: HOST_IPS, valueFrom: {fieldRef: {fieldPath: status.hostIPs}}}
"""
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress], ingress: %s}
"""


def service(name: str, **spec: Any) -> dict[str, Any]:
    tree = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": tree}


def families(addresses: list[str]) -> list[str]:
    return [f"IPv{ipaddress.ip_address(address).version}" for address in addresses]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(Path(tmp_path_factory.mktemp("dual-stack")))
    cluster.up("--nodes", "2", "--dual-stack")
    try:
        cluster.apply(WEB)
        cluster.kubectl("rollout", "status", "deployment/web")
        cluster.kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=90s")
        yield cluster
        complaints = cluster.complaints()
    finally:
        cluster.down()
    assert cluster.leaks() == []
    assert complaints == []


def fetch(cluster: Cluster, *places: tuple[str, int]) -> list[str]:
    """Each page as the client pod gets it, one after the other, or what it says instead."""
    asked = "; ".join(f"ask {address} {port}" for address, port in places)
    ask = "ask() { printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 $1 $2 2>&1 | tail -1; echo; }"
    said = cluster.kubectl("exec", "client", "--", "sh", "-c", f"{ask}; {asked}").stdout.split("\n")
    return [line for line in said if line]


def serve(cluster: Cluster, *places: tuple[str, int]) -> None:
    """Wait until every place answers: nodes hear of what is new one after the other."""
    said: list[str] = []

    def all_answer() -> bool:
        said[:] = fetch(cluster, *places)
        return len(said) == len(places) and all(answer.startswith("web-") for answer in said)

    eventually("all answer", all_answer, state=lambda: str(list(zip(places, said, strict=False))))


def pod_ips(cluster: Cluster) -> list[list[str]]:
    """The addresses of the pods that serve and stay."""
    pods = cluster.get("pods", "-l", "app=web")["items"]
    staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return [[each["ip"] for each in pod["status"]["podIPs"]] for pod in staying]


def test_nodes_and_pods_have_addresses_of_both_families(cluster: Cluster) -> None:
    nodes = {node["metadata"]["name"]: node for node in cluster.get("nodes")["items"]}
    internal = {
        name: [each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP"]
        for name, node in nodes.items()
    }
    assert [families(addresses) for addresses in internal.values()] == [["IPv4", "IPv6"]] * 2
    for pod in cluster.get("pods")["items"]:
        status, node = pod["status"], pod["spec"]["nodeName"]
        ips = [each["ip"] for each in status["podIPs"]]
        assert families(ips) == ["IPv4", "IPv6"]
        assert (status["podIP"], [each["ip"] for each in status["hostIPs"]]) == (ips[0], internal[node])
        for ip, cidr in zip(ips, nodes[node]["spec"]["podCIDRs"], strict=True):
            assert ipaddress.ip_address(ip) in ipaddress.ip_network(cidr)
    client = cluster.get("pod", "client")["status"]
    told = cluster.kubectl("exec", "client", "--", "sh", "-c", "echo $POD_IPS $HOST_IPS; cat /etc/hosts").stdout
    both = [",".join(each["ip"] for each in client[field]) for field in ("podIPs", "hostIPs")]
    assert told.splitlines()[0] == " ".join(both)
    assert f"{client['podIPs'][1]['ip']}\tclient" in told


ASKED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unsaid": ({}, ["IPv4"]),
    "four": ({"ipFamilies": ["IPv4"]}, ["IPv4"]),
    "six": ({"ipFamilies": ["IPv6"]}, ["IPv6"]),
    "four-six": ({"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv4", "IPv6"]}, ["IPv4", "IPv6"]),
    "six-four": ({"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6", "IPv4"]}, ["IPv6", "IPv4"]),
}


def test_services_have_the_families_asked_for(cluster: Cluster) -> None:
    items = [service(name, **spec) for name, (spec, _) in ASKED.items()]
    cluster.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    places = []
    for made in cluster.get("services", *ASKED)["items"]:
        spec = made["spec"]
        assert spec["ipFamilies"] == families(spec["clusterIPs"]) == ASKED[made["metadata"]["name"]][1]
        for address in spec["clusterIPs"]:
            network = SERVICE_CIDR_V6 if ":" in address else SERVICE_CIDR
            assert ipaddress.ip_address(address) in ipaddress.ip_network(network)
            places.append((address, 80))

    def slices() -> Counter[tuple[str, str]]:
        found = cluster.get("endpointslices")["items"]
        owners = [(each["metadata"]["labels"]["kubernetes.io/service-name"], each["addressType"]) for each in found]
        counts = zip(owners, (len(each["endpoints"]) for each in found), strict=True)
        return Counter({owner: count for owner, count in counts if owner[0] in ASKED})

    wanted = Counter({(name, family): 2 for name, (_, given) in ASKED.items() for family in given})
    eventually("there is a slice a family", lambda: slices() == wanted)

    def endpoints() -> dict[str, list[str]]:
        found = {each["metadata"]["name"]: each.get("subsets") or [] for each in cluster.get("endpoints")["items"]}
        return {
            name: families([each["ip"] for subset in found.get(name, ()) for each in subset.get("addresses", ())])
            for name in ASKED
        }

    first = {name: given[:1] * 2 for name, (_, given) in ASKED.items()}
    eventually("Endpoints are of the first family", lambda: endpoints() == first, state=lambda: str(endpoints()))
    serve(cluster, *places)
    cluster.kubectl("delete", "services", *ASKED)


def test_pods_are_reached_over_both_families_and_names_are_of_both(cluster: Cluster) -> None:
    spec = cluster.get("service", "web")["spec"]
    nodes = [each["address"] for node in cluster.get("nodes")["items"] for each in node["status"]["addresses"]]
    places = [(address, 80) for address in spec["clusterIPs"]]
    places += [(address, 8080) for ips in pod_ips(cluster) for address in ips]
    places += [(address, spec["ports"][0]["nodePort"]) for address in nodes if not address.startswith("node-")]
    assert len(places) == 10
    serve(cluster, *places)
    lookup = "for name in web pods; do nslookup $name.default.svc.cluster.local; done; nslookup $0; nslookup $1"
    wanted = {*spec["clusterIPs"], *(ip for ips in pod_ips(cluster) for ip in ips)}

    def names() -> str:
        return cluster.kubectl("exec", "client", "--", "sh", "-c", lookup, *spec["clusterIPs"], check=False).stdout

    def known() -> bool:
        told = names()
        shown = {line.split(": ", 1)[1] for line in told.splitlines() if line.startswith("Address: ")}
        return wanted <= shown and told.count("name = web.default.svc.cluster.local") == 2

    eventually("names and addresses of both families are known", known, state=names)


def page(address: str, port: int) -> str:
    """The code that this machine is answered there, or what went wrong."""
    connection = http.client.HTTPConnection(address, port, timeout=30)
    try:
        connection.request("GET", "/")
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()


def test_no_request_of_either_family_is_lost_while_pods_roll(cluster: Cluster) -> None:
    port = cluster.get("service", "web")["spec"]["ports"][0]["nodePort"]
    [*addresses, _] = cluster.get("node", "node-1")["status"]["addresses"]
    ips = [each["address"] for each in addresses]
    for ip in ips:
        eventually(f"{ip} answers the host", lambda ip=ip: page(ip, port) == "200")
    loads = [Load(f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}") for ip in ips]
    try:
        cluster.kubectl("rollout", "restart", "deployment/web")
        cluster.kubectl("rollout", "status", "deployment/web")
    finally:
        answers = [load.stop() for load in loads]
    assert [set(found) for found in answers] == [{"200"}, {"200"}], answers


def test_a_policy_closes_pods_over_both_families(cluster: Cluster) -> None:
    places = [(address, 80) for address in cluster.get("service", "web")["spec"]["clusterIPs"]]
    cluster.apply(POLICY % "[]")
    closed = ["nc: timed out"] * 2
    eventually("both are closed", lambda: fetch(cluster, *places) == closed)
    cluster.apply(POLICY % "[{from: [{podSelector: {}}]}]")
    serve(cluster, *places)
    cluster.kubectl("delete", "networkpolicy", "web")


def test_a_load_balancer_has_an_address_of_each_family(cluster: Cluster) -> None:
    asked = service("balanced", type="LoadBalancer", ipFamilyPolicy="PreferDualStack")
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(asked))

    def given() -> list[str]:
        ingress = cluster.get("service", "balanced")["status"]["loadBalancer"].get("ingress", [])
        return [each["ip"] for each in ingress]

    addresses = eventually("there are addresses", given)
    assert families(addresses) == ["IPv4", "IPv6"]
    for address in addresses:
        eventually(f"{address} answers the host", lambda address=address: page(address, 80) == "200")
    cluster.kubectl("delete", "service", "balanced")


def test_a_service_gains_and_gives_up_its_second_address(cluster: Cluster) -> None:
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(service("grown")))
    first = cluster.get("service", "grown")["spec"]["clusterIPs"]
    for policy, wanted in (("PreferDualStack", ["IPv4", "IPv6"]), ("SingleStack", ["IPv4"])):
        patch = json.dumps({"spec": {"ipFamilyPolicy": policy}})
        cluster.kubectl("patch", "service", "grown", "--type=merge", "-p", patch)
        spec = cluster.get("service", "grown")["spec"]
        assert (spec["ipFamilies"], spec["clusterIPs"][:1]) == (wanted, first)
        assert families(spec["clusterIPs"]) == wanted
    cluster.kubectl("delete", "service", "grown")
