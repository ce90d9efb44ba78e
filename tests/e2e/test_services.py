"""Services: from every node to every endpoint, by address, port and name, while pods come and go."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable

import pytest

from tests.support.cluster import eventually
from tests.support.kube import Space
from tests.support.manifests import WEB, container, deployment, pod, python, service, web

NODES = ("node-1", "node-2", "node-3")
# wget of one page, given up after two seconds: for whom nobody may answer yet.
GET = "timeout 2 wget -q -O - http://{}"
# The same where somebody answers, however busy the machine is.
PATIENT_GET = "timeout 30 wget -q -O - http://{}"


def _clients(space: Space) -> list[str]:
    """A pod on every node."""
    space.create(*(pod(f"client-{node}", nodeName=node) for node in NODES))
    return [tree["metadata"]["name"] for tree in space.wait_running(*(f"client-{node}" for node in NODES))]


def _servers(space: Space) -> list[str]:
    """A web server on every node, all of one Service `web`."""
    names = [f"web-{number}" for number in (1, 2, 3)]
    trees = [
        pod(name, web(ports=[{"name": "http", "containerPort": 8080}]), labels={"app": "web"}, nodeName=node)
        for name, node in zip(names, NODES, strict=True)
    ]
    space.create(*trees)
    space.wait_running(*names)
    return names


def _answers(space: Space, client: str, target: str, wanted: set[str]) -> None:
    """Every one of `wanted` answers sooner or later, and nobody else; no call goes unanswered once one is answered."""
    seen: set[str] = set()
    # The client's node learns of endpoints a moment after the API server does.
    eventually("rules", lambda: space.run("exec", client, "--", *GET.format(target).split()).returncode == 0)
    script = f"for i in 1 2 3 4 5 6 7 8; do {PATIENT_GET.format(target)} || echo FAILED; done"

    def everyone() -> bool:
        seen.update(space.exec(client, script).split())
        assert seen <= wanted, f"{client} → {target}: {seen}"
        return seen == wanted

    eventually(f"{client} reaches {wanted} by {target}", everyone, state=lambda: str(seen))


def test_from_every_node_to_every_endpoint(space: Space) -> None:
    servers = _servers(space)
    clients = _clients(space)
    address = space.create(service("web"))["spec"]["clusterIP"]
    space.wait_endpoints("web", 3)
    for client in clients:
        _answers(space, client, address, set(servers))
    # Directly as well, pod to pod, across nodes.
    script = "; ".join(PATIENT_GET.format(f"{space.get('pods', name)['status']['podIP']}:8080/") for name in servers)
    for client in clients:
        assert space.exec(client, script).split() == servers
    # A pod that reaches itself through its own Service (hairpin).
    for server in servers:
        _answers(space, server, address, set(servers))


def test_node_ports_from_the_host(space: Space) -> None:
    servers = _servers(space)
    tree = space.create(service("web", type="NodePort"))
    port = tree["spec"]["ports"][0]["nodePort"]
    assert 30000 <= port <= 32767
    space.wait_endpoints("web", 3)
    for node in NODES:
        addresses = space.get("nodes", node)["status"]["addresses"]
        address = next(each["address"] for each in addresses if each["type"] == "InternalIP")
        seen: set[str] = set()

        def everyone(address: str = address, seen: set[str] = seen) -> bool:
            try:
                with urllib.request.urlopen(f"http://{address}:{port}/", timeout=30) as response:
                    seen.add(response.read().decode().strip())
            except OSError:
                assert not seen, f"{address}:{port} answered and then did not"
            return seen == set(servers)

        eventually(f"every server through {address}:{port}", everyone, interval=0.01, state=lambda s=seen: str(s))


def test_session_affinity_keeps_a_client_with_its_server(space: Space) -> None:
    servers = _servers(space)
    clients = _clients(space)
    address = space.create(service("web", sessionAffinity="ClientIP"))["spec"]["clusterIP"]
    space.wait_endpoints("web", 3)
    script = f"for i in 1 2 3 4 5 6 7 8 9 10; do {PATIENT_GET.format(address)}; done"

    def served(client: str) -> set[str]:
        return set(space.exec(client, script).split())

    for client in clients:
        eventually("rules", lambda c=client: space.run("exec", c, "--", *GET.format(address).split()).returncode == 0)
        first = served(client)
        assert len(first) == 1 and first <= set(servers)
        assert served(client) == first


def test_nobody_there_is_refused_at_once(space: Space) -> None:
    [client, *_] = _clients(space)
    address = space.create(service("nobody"))["spec"]["clusterIP"]

    def refused() -> bool:
        # Before wget is ended for having waited too long.
        return "Connection refused" in space.run("exec", client, "--", "sh", "-c", GET.format(address)).stderr

    eventually("refused", refused)
    # Once the pods come it serves, and once the Service is gone nothing answers.
    _servers(space)
    space.merge("services", "nobody", {"spec": {"selector": {"app": "web"}}})
    space.wait_endpoints("nobody", 3)
    eventually("serving", lambda: "web-" in space.run("exec", client, "--", *GET.format(address).split()).stdout)
    space.delete("services", "nobody")
    eventually("gone", lambda: space.run("exec", client, "--", *GET.format(address).split()).returncode != 0)


def test_several_named_ports_and_named_target_ports(space: Space) -> None:
    one = "mkdir -p /a /b; echo first > /a/index.html; echo second > /b/index.html; httpd -p 8001 -h /a"
    two = f"{one}; exec httpd -f -p 8002 -h /b"
    ports = [{"name": "one", "containerPort": 8001}, {"name": "two", "containerPort": 8002}]
    wanted = [{"name": "a", "port": 81, "targetPort": "one"}, {"name": "b", "port": 82, "targetPort": "two"}]
    space.create(pod("double", container(two, ports=ports)), service("pair", *wanted, selector={"app": "double"}))
    space.wait_running("double")
    space.wait_endpoints("pair", 1)
    script = f"{GET.format('pair:81')}; {GET.format('pair:82')}"
    command = ("exec", "double", "--", "sh", "-c", script)
    eventually("both ports", lambda: space.run(*command).stdout == "first\nsecond\n")
    slices = space.list("endpointslices", "kubernetes.io/service-name=pair")
    assert sorted((p["name"], p["port"]) for p in slices[0]["ports"]) == [("a", 8001), ("b", 8002)]
    endpoints = space.get("endpoints", "pair")["subsets"][0]
    assert sorted((p["name"], p["port"]) for p in endpoints["ports"]) == [("a", 8001), ("b", 8002)]
    assert endpoints["addresses"][0]["targetRef"]["name"] == "double"


ECHO = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 5005))
while True:
    data, sender = server.recvfrom(999)
    server.sendto(b"echo " + data, sender)
"""
ASK = """
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(1)
client.sendto(b"hello", (sys.argv[1], 55))
print(client.recv(99).decode())
"""


def test_udp(space: Space) -> None:
    space.create(pod("echo", python(ECHO)), pod("asker", python("import time; time.sleep(3600)")))
    space.create(service("echo", {"port": 55, "targetPort": 5005, "protocol": "UDP"}))
    space.wait_running("echo", "asker")
    eventually("echo", lambda: space.run("exec", "asker", "--", "python3", "-c", ASK, "echo").stdout == "echo hello\n")


def test_names(space: Space, make_space: Callable[[], Space]) -> None:
    servers = _servers(space)
    address = space.create(service("web", {"name": "http", "port": 80, "targetPort": "http"}))["spec"]["clusterIP"]
    space.create(service("each", {"name": "http", "port": 8080}, selector={"app": "web"}, clusterIP="None"))
    elsewhere = make_space()
    client = python("import time; time.sleep(3600)")
    space.create(pod("stable", container(WEB), hostname="one", subdomain="each", labels={"app": "web"}))
    space.create(pod("client", client, container(name="box")))
    elsewhere.create(pod("client", client))
    space.wait_running("stable", "client")
    elsewhere.wait_running("client")
    space.wait_endpoints("each", 4)

    full = f"web.{space.name}.svc.cluster.local"
    names = ("web", f"web.{space.name}", f"web.{space.name}.svc", full, f"{full}.")
    _resolves(space, {name: {address} for name in names})
    _resolves(elsewhere, {"web": set(), **{name: {address} for name in names[1:]}})
    each = f"each.{space.name}.svc.cluster.local"
    own = space.get("pods", "stable")["status"]["podIP"]
    by_address = f"{own.replace('.', '-')}.{space.name}.pod.cluster.local"
    everyone = {space.get("pods", name)["status"]["podIP"] for name in [*servers, "stable"]}
    _resolves(space, {each: everyone, f"one.{each}": {own}, by_address: {own}, "kubernetes.default": {"10.96.0.1"}})


def test_service_records(space: Space) -> None:
    _servers(space)
    address = space.create(service("web", {"name": "http", "port": 80, "targetPort": "http"}))["spec"]["clusterIP"]
    space.create(service("each", {"name": "http", "port": 8080}, selector={"app": "web"}, clusterIP="None"))
    space.create(pod("client"))
    space.wait_running("client")
    space.wait_endpoints("each", 3)
    full, each = (f"{name}.{space.name}.svc.cluster.local" for name in ("web", "each"))

    def ask(*arguments: str) -> str:
        return space.run("exec", "client", "--", "nslookup", *arguments).stdout

    eventually("the record", lambda: f"service = 0 100 80 {full}" in ask("-type=srv", f"_http._tcp.{full}"))
    pattern = rf"service = 0 \d+ 8080 \S+\.{re.escape(each)}"
    eventually("one each", lambda: len(re.findall(pattern, ask("-type=srv", f"_http._tcp.{each}"))) == 3)
    for asked, told in (
        ((address,), f"name = {full}"),
        ((f"no.{space.name}.svc.cluster.local.",), "NXDOMAIN"),
        (("-type=srv", f"_https._tcp.{full}"), "NXDOMAIN"),
    ):
        eventually(f"{asked}: {told}", lambda asked=asked, told=told: told in ask(*asked))


def _resolves(space: Space, wanted: dict[str, set[str]]) -> None:
    """Every name has just these addresses, once the node's DNS has heard of them."""
    eventually(
        f"{wanted}",
        lambda: _lookup(space, *wanted) == list(wanted.values()),
        state=lambda: str(_lookup(space, *wanted)),
    )


RESOLVE = """
import socket, sys
for name in sys.argv[1:]:
    try:
        print(name, *socket.gethostbyname_ex(name)[2])
    except OSError:
        print(name)
"""


def _lookup(space: Space, *names: str) -> list[set[str]]:
    """The addresses the C library's resolver finds for each name, with the pod's search path."""
    lines = space.kubectl("exec", "client", "-c", "main", "--", "python3", "-c", RESOLVE, *names).splitlines()
    return [set(line.split()[1:]) for line in lines]


SERVER = """
import http.server, signal, socket, threading, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = socket.gethostname().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *_): pass

server = http.server.ThreadingHTTPServer(("", 8080), Handler)
server.daemon_threads = False
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
"""
LOOP = """
import sys, time, urllib.request
while True:
    try:
        with urllib.request.urlopen("http://web/", timeout=60) as response:
            print("ok", response.read().decode(), flush=True)
    except OSError as error:
        print("FAILED", error, flush=True)
    time.sleep(0.01)
"""


def test_a_rolling_update_loses_no_request(space: Space) -> None:
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 30}
    # Until the test has seen that calls go elsewhere: how long the nodes may need for that is not said.
    drain = {"preStop": {"exec": {"command": ["sh", "-c", "until test -e /tmp/left; do sleep 0.1; done"]}}}
    main = python(SERVER, readinessProbe=probe, lifecycle=drain)
    strategy = {"strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}
    space.create(service("web"))
    space.create(deployment("web", main, replicas=2, spec=strategy, terminationGracePeriodSeconds=120))
    space.wait_deployment("web")
    space.create(pod("client", python(LOOP)))
    space.logged("client", "ok web-")
    before = {tree["metadata"]["name"] for tree in space.list("pods", "app=web")}
    space.kubectl("rollout", "restart", "deployment/web")
    space.kubectl("rollout", "status", "deployment/web", "--timeout=100s")
    after = {tree["metadata"]["name"] for tree in space.list("pods", "app=web")} - before
    answered = {f"ok {name}" for name in after}
    eventually("answers of the new only", lambda: set(space.log("client").splitlines()[-50:]) == answered)
    for name in before:
        space.nudge(name, "touch /tmp/left")
        space.gone("pods", name)
    lines = len(space.log("client").splitlines())
    eventually("more answers", lambda: len(space.log("client").splitlines()) > lines + 50)
    assert [line for line in space.log("client").splitlines() if line.startswith("FAILED")] == []


def test_a_deleted_pod_gets_no_new_calls(space: Space) -> None:
    """Killed without notice, its endpoint goes at once and the others serve on."""
    servers = _servers(space)
    address = space.create(service("web"))["spec"]["clusterIP"]
    space.create(pod("client"))
    space.wait_running("client")
    space.wait_endpoints("web", 3)
    _answers(space, "client", address, set(servers))
    space.delete("pods", "web-1", gracePeriodSeconds=0)
    space.wait_endpoints("web", 2)
    eventually(
        "the rest", lambda: _quiet(space, address) == {"web-2", "web-3"}, state=lambda: str(_quiet(space, address))
    )


def _quiet(space: Space, address: str) -> set[str]:
    script = f"for i in 1 2 3 4 5 6 7 8 9 10 11 12; do {GET.format(address)} || echo FAILED; done"
    return set(space.exec("client", script).split())


@pytest.mark.parametrize("policy", ["Cluster", "Local"])
def test_external_traffic_policy(space: Space, policy: str) -> None:
    space.create(pod("web", web(), nodeName="node-2"))
    tree = space.create(service("web", type="NodePort", externalTrafficPolicy=policy))
    port = tree["spec"]["ports"][0]["nodePort"]
    space.wait_running("web")
    space.wait_endpoints("web", 1)

    def answers(node: str) -> bool:
        addresses = space.get("nodes", node)["status"]["addresses"]
        try:
            with urllib.request.urlopen(f"http://{addresses[0]['address']}:{port}/", timeout=3) as response:
                return bool(response.read() == b"web\n")
        except OSError:
            return False

    eventually("the pod's own node", lambda: answers("node-2"))
    if policy == "Cluster":
        eventually("another node", lambda: answers("node-1"))
    else:
        assert not answers("node-1")
