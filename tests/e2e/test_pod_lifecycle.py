"""A pod's life: start in order, restarts, probes, ends with their codes and reasons, a graceful end."""

from __future__ import annotations

import re
import time

import pytest

from tests.support.cluster import eventually
from tests.support.kube import Space, Tree, container_status, ready
from tests.support.manifests import WEB, container, pod, python, service

FOREVER = "while true; do sleep 0.1; done"


def _state(tree: Tree, name: str = "main") -> Tree:
    return container_status(tree, name)["state"]


def _conditions(tree: Tree) -> dict[str, str]:
    return {each["type"]: each["status"] for each in tree["status"].get("conditions", ())}


def test_init_containers_run_one_after_the_other(space: Space) -> None:
    shared = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
    wait = "until test -e /shared/go; do sleep 0.1; done; echo one >> /shared/order"
    init = [container(wait, "one", **shared), container("echo two >> /shared/order", "two", **shared)]
    main = container(f"cat /shared/order; {FOREVER}", **shared)
    space.create(pod("ordered", main, initContainers=init, volumes=[{"name": "shared", "emptyDir": {}}]))
    tree = space.wait("in its first init container", "pods", "ordered", lambda tree: "running" in _state(tree, "one"))
    assert tree["status"]["phase"] == "Pending"
    assert _conditions(tree)["Initialized"] == "False"
    assert _state(tree, "two") == {"waiting": {"reason": "PodInitializing"}}
    assert _state(tree) == {"waiting": {"reason": "PodInitializing"}}
    assert space.kubectl("get", "pod", "ordered", "--no-headers").split()[1:3] == ["0/1", "Init:0/2"]
    space.nudge("ordered", "touch /shared/go", "one")
    [tree] = space.wait_running("ordered")
    assert _conditions(tree)["Initialized"] == "True"
    assert _state(tree, "two")["terminated"]["reason"] == "Completed"
    assert space.logged("ordered", "two") == "one\ntwo\n"


def test_a_failing_init_container_fails_the_pod(space: Space) -> None:
    init = [container("exit 9", "first")]
    space.create(pod("failed", initContainers=init, restartPolicy="Never"), pod("again", initContainers=init))
    tree = space.wait_phase("failed", "Failed")
    assert _state(tree, "first")["terminated"]["exitCode"] == 9
    assert "running" not in _state(tree)
    space.wait("restarted", "pods", "again", lambda tree: container_status(tree, "first").get("restartCount", 0) >= 1)
    shown = space.kubectl("get", "pod", "again", "--no-headers").split()[2]
    assert shown in ("Init:Error", "Init:CrashLoopBackOff", "Init:0/1")


def test_sidecars_start_before_and_end_after(space: Space) -> None:
    shared = {"volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}
    script = "trap 'echo side ends; exit 0' TERM; echo side; touch /shared/up; " + FOREVER
    sidecar = container(script, "side", restartPolicy="Always", **shared)
    space.create(
        pod(
            "job",
            # Not before the sidecar minds being told to end.
            container("until test -e /shared/up; do sleep 0.1; done; echo main", **shared),
            initContainers=[sidecar],
            restartPolicy="Never",
            terminationGracePeriodSeconds=30,
            volumes=[{"name": "shared", "emptyDir": {}}],
        )
    )
    space.wait_phase("job", "Succeeded")
    assert space.log("job", "?container=side") == "side\nside ends\n"


@pytest.mark.parametrize(
    ("policy", "code", "phase"), [("Never", 0, "Succeeded"), ("Never", 3, "Failed"), ("OnFailure", 0, "Succeeded")]
)
def test_pods_that_end(space: Space, policy: str, code: int, phase: str) -> None:
    space.create(pod("ended", container(f"exit {code}"), restartPolicy=policy))
    tree = space.wait_phase("ended", phase)
    ended = _state(tree)["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (code, "Completed" if code == 0 else "Error")
    assert container_status(tree)["restartCount"] == 0
    assert not ready(tree)


def test_crash_loop_back_off(space: Space) -> None:
    space.create(
        pod("crashing", container("echo ran; exit 5")), pod("done", container("exit 0"), restartPolicy="Always")
    )
    for name, code, reason in (("crashing", 5, "Error"), ("done", 0, "Completed")):
        tree = space.wait(
            "backing off",
            "pods",
            name,
            lambda tree: _state(tree).get("waiting", {}).get("reason") == "CrashLoopBackOff",
        )
        status = container_status(tree)
        assert status["restartCount"] >= 1
        assert (status["lastState"]["terminated"]["exitCode"], status["lastState"]["terminated"]["reason"]) == (
            code,
            reason,
        )
        assert tree["status"]["phase"] == "Running"
        # The first one, unless looking took longer.
        message = r"back-off (10|20|40|80)s restarting failed container=main pod="
        assert re.match(message, _state(tree)["waiting"]["message"]), tree["status"]
    eventually("shown", lambda: "CrashLoopBackOff" in space.kubectl("get", "pods"))
    assert space.wait_event("BackOff")["type"] == "Warning"
    # On failure only, a container comes back after one.
    script = "if test -e /keep/once; then exit 0; fi; touch /keep/once; exit 1"
    kept = {"volumeMounts": [{"name": "keep", "mountPath": "/keep"}]}
    volumes = [{"name": "keep", "emptyDir": {}}]
    space.create(pod("twice", container(script, **kept), restartPolicy="OnFailure", volumes=volumes))
    assert container_status(space.wait_phase("twice", "Succeeded"))["restartCount"] == 1


def test_signals_messages_and_starts_that_fail(space: Space) -> None:
    space.create(
        pod("killed", container("kill -9 $$$$"), restartPolicy="Never", shareProcessNamespace=True),
        pod("message", container("echo why > /dev/termination-log; exit 1"), restartPolicy="Never"),
        pod(
            "lines",
            container("echo from the log; exit 1", terminationMessagePolicy="FallbackToLogsOnError"),
            restartPolicy="Never",
        ),
        pod("nocommand", {"name": "main", "image": "busybox", "command": ["/no/such"]}, restartPolicy="Never"),
    )
    assert _state(space.wait_phase("killed", "Failed"))["terminated"]["exitCode"] == 137
    assert _state(space.wait_phase("message", "Failed"))["terminated"]["message"] == "why\n"
    assert _state(space.wait_phase("lines", "Failed"))["terminated"]["message"] == "from the log\n"
    ended = _state(space.wait_phase("nocommand", "Failed"))["terminated"]
    assert ended["reason"] in ("StartError", "ContainerCannotRun")
    assert ended["exitCode"] in (127, 128)
    assert "/no/such" in ended["message"]


def test_out_of_memory_is_told(space: Space) -> None:
    hog = "data = bytearray(1)\nwhile True: data += bytes(1 << 20)"
    limits = {"resources": {"limits": {"memory": "32Mi"}}}
    space.create(pod("hog", python(hog, **limits), restartPolicy="Never"))
    ended = _state(space.wait_phase("hog", "Failed"))["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)
    assert "OOMKilled" in space.kubectl("get", "pod", "hog")


def test_readiness_decides_on_endpoints(space: Space) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1, "failureThreshold": 1}
    space.create(service("web"), pod("web", container(WEB, readinessProbe=probe)))
    space.wait("started", "pods", "web", lambda tree: container_status(tree).get("started"))
    assert not ready(space.get("pods", "web"))
    space.exec("web", "touch /tmp/ready")
    space.wait_running("web")
    space.wait_endpoints("web", 1)
    space.exec("web", "rm /tmp/ready")
    space.wait_endpoints("web", 0)
    tree = space.wait("not ready", "pods", "web", lambda tree: not ready(tree))
    assert container_status(tree)["restartCount"] == 0
    eventually("told", lambda: any("Readiness probe failed" in e["message"] for e in space.list("events")))


@pytest.mark.parametrize("kind", ["exec", "httpGet", "tcpSocket"])
def test_liveness_restarts(space: Space, kind: str) -> None:
    check = {
        "exec": {"command": ["test", "!", "-e", "/tmp/sick"]},
        "httpGet": {"path": "/index.html", "port": "web"},
        "tcpSocket": {"port": 8080},
    }[kind]
    probe = {kind: check, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 30}
    up = {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 60}
    harm = {"exec": "touch /tmp/sick", "httpGet": "rm /www/index.html", "tcpSocket": "kill $(pidof httpd)"}[kind]
    # Beside the shell, which stays, so that the server may be killed for itself.
    script = "mkdir -p /www; hostname > /www/index.html; rm -f /tmp/sick; httpd -p 8080 -h /www; " + FOREVER
    main = container(script, startupProbe=up, livenessProbe=probe, ports=[{"name": "web", "containerPort": 8080}])
    space.create(pod("watched", main))
    space.wait_running("watched")
    space.nudge("watched", harm)
    tree = space.wait("restarted", "pods", "watched", lambda tree: container_status(tree).get("restartCount") == 1)
    last = container_status(tree)["lastState"].get("terminated", {})
    assert last.get("exitCode") == 137, tree["status"]
    space.wait_event("Unhealthy", message="Liveness probe failed")
    space.wait_event("Killing", message="Container main failed liveness probe, will be restarted")


HEALTH = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ok = os.path.exists("/tmp" + self.path)
        self.send_response(200 if ok else 503); self.send_header("Content-Length", "0"); self.end_headers()
        if not ok: print("refused", self.path, self.headers["User-Agent"], self.headers["X-Who"])
    def log_request(self, *_): pass
http.server.HTTPServer(("", 8080), Handler).serve_forever()
"""


def test_a_startup_probe_holds_the_others_back(space: Space) -> None:
    def probe(path: str, failures: int) -> Tree:
        headers = [{"name": "X-Who", "value": path[1:]}]
        get = {"path": path, "port": 8080, "httpHeaders": headers}
        return {"httpGet": get, "periodSeconds": 1, "timeoutSeconds": 30, "failureThreshold": failures}

    main = python(
        HEALTH, startupProbe=probe("/up", 600), livenessProbe=probe("/live", 1), readinessProbe=probe("/ready", 1)
    )
    space.create(pod("slow", main))
    log = space.logged("slow", " up\n")
    assert "refused /up kube-probe/1." in log
    assert "/live" not in log and "/ready" not in log
    tree = space.get("pods", "slow")
    assert container_status(tree)["started"] is False
    space.exec("slow", "touch /tmp/live /tmp/ready /tmp/up")
    [tree] = space.wait_running("slow")
    assert container_status(tree)["started"] is True
    assert container_status(tree)["restartCount"] == 0


# Just enough of HTTP/2 for one gRPC call on a connection: the image has no gRPC.
GRPC_HEALTH = """
import os, socketserver, struct

def frame(kind, flags, stream, body=b""):
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body

def literal(name, value):
    return b"\\0" + bytes([len(name)]) + name + bytes([len(value)]) + value

class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.read(24)
        self.wfile.write(frame(4, 0, 0))
        while head := self.rfile.read(9):
            body = self.rfile.read(int.from_bytes(head[:3], "big"))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
            if kind in (4, 6) and not flags & 1:
                self.wfile.write(frame(kind, 1, 0, body if kind == 6 else b""))
            elif kind in (0, 1) and flags & 1:
                self.answer(stream)

    def answer(self, stream):
        status = 1 if os.path.exists("/tmp/serving") else 2
        message = bytes([8, status])
        self.wfile.write(
            frame(1, 4, stream, b"\\x88" + literal(b"content-type", b"application/grpc"))
            + frame(0, 0, stream, b"\\0" + struct.pack(">I", len(message)) + message)
            + frame(1, 5, stream, literal(b"grpc-status", b"0"))
        )

socketserver.ThreadingTCPServer(("", 9000), Handler).serve_forever()
"""


def test_a_grpc_probe(space: Space) -> None:
    probe = {"grpc": {"port": 9000}, "periodSeconds": 1, "timeoutSeconds": 30}
    space.create(pod("served", python(GRPC_HEALTH, readinessProbe=probe)))
    told = 'Readiness probe failed: service unhealthy (responded with "NOT_SERVING")'
    eventually("told", lambda: told in [e["message"] for e in space.list("events")], state=space.story)
    assert not ready(space.get("pods", "served"))
    space.exec("served", "touch /tmp/serving")
    space.wait_running("served")


def test_a_graceful_end(space: Space) -> None:
    script = "trap 'echo got TERM; sleep 0.5; echo done; exit 0' TERM; echo up; " + FOREVER
    hook = {
        "preStop": {
            "exec": {"command": ["sh", "-c", "echo hook > /proc/1/fd/1; until test -e /go; do sleep 0.1; done"]}
        }
    }
    post = {"postStart": {"exec": {"command": ["sh", "-c", "echo began > /proc/1/fd/1"]}}}
    main = container(script, lifecycle={**hook, **post})
    space.create(pod("polite", main, terminationGracePeriodSeconds=100))
    space.wait_running("polite")
    with space.kubectl_streams("logs", "-f", "polite") as following:
        following.until("up")
        space.delete("pods", "polite")
        tree = space.get("pods", "polite")
        assert tree["metadata"]["deletionGracePeriodSeconds"] == 100
        assert space.kubectl("get", "pod", "polite", "--no-headers").split()[2] == "Terminating"
        following.until("hook")
        space.nudge("polite", "touch /go")
        following.until("done")
    assert [line for line in following.lines if line not in ("up", "began")] == ["hook", "got TERM", "done"]
    space.gone("pods", "polite")


def test_grace_runs_out(space: Space) -> None:
    space.create(pod("stubborn", container("trap '' TERM; " + FOREVER), terminationGracePeriodSeconds=1))
    space.wait_running("stubborn")
    started = time.monotonic()
    space.delete("pods", "stubborn")
    # Sooner than with the grace of those who do not name one.
    space.gone("pods", "stubborn", seconds=25)
    assert time.monotonic() - started > 0.9
    space.create(pod("stubborn", container("trap '' TERM; " + FOREVER)))
    space.wait_running("stubborn")
    space.delete("pods", "stubborn", gracePeriodSeconds=0)
    assert space.find("pods", "stubborn") is None


def test_active_deadline(space: Space) -> None:
    space.create(pod("late", container(FOREVER), activeDeadlineSeconds=1))
    tree = space.wait_phase("late", "Failed")
    assert tree["status"]["reason"] == "DeadlineExceeded"
    assert "Pod was active on the node longer than the specified deadline" in tree["status"]["message"]


def test_images_that_are_not_there(space: Space) -> None:
    space.create(
        pod("missing", container(image="127.0.0.1:1/image:v1")),
        pod("never", container(image="127.0.0.1:1/image:v1", imagePullPolicy="Never")),
        pod("broken", container(image="Not/A:::Name")),
    )

    def waiting(name: str, *reasons: str) -> None:
        space.wait(
            f"in one of {reasons}", "pods", name, lambda tree: _state(tree).get("waiting", {}).get("reason") in reasons
        )

    waiting("missing", "ErrImagePull", "ImagePullBackOff")
    waiting("never", "ErrImageNeverPull")
    waiting("broken", "InvalidImageName")
