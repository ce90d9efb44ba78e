"""One namespace of a running cluster: objects by plain HTTPS for the set-up, kubectl for what is under test."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from api import scheme
from tests.support.cluster import Cluster, eventually, kubectl_binary, run
from tests.support.streaming import Streaming, streaming

Tree = dict[str, Any]

# For whatever takes a moment on a machine that has nothing else to do.
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whatever its code."""

    code: int
    body: bytes

    @property
    def tree(self) -> Tree:
        return json.loads(self.body)


class Api:
    """HTTPS to the cluster's API server; as the admin, else with `token`, else with the certificate given."""

    def __init__(self, cluster: Cluster, *, token: str = "", certificate: tuple[Path, Path] | None = None) -> None:
        address = urlsplit(cluster.server)
        pki = cluster.directory / "pki"
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        if not token:
            context.load_cert_chain(*(certificate or (pki / "admin.crt", pki / "admin.key")))
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._host, self._port, self._context = address.hostname or "", address.port, context

    def request(
        self, method: str, path: str, body: bytes | Tree | None = None, content_type: str = "application/json"
    ) -> Answer:
        """One request on a connection of its own, so that a test may outlive a restart of the server."""
        connection = http.client.HTTPSConnection(self._host, self._port, context=self._context, timeout=30)
        try:
            headers = {**self._headers, "Accept": "application/json"}
            if body is not None:
                headers["Content-Type"] = content_type
            connection.request(method, path, json.dumps(body) if isinstance(body, dict) else body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        finally:
            connection.close()

    def call(
        self, method: str, path: str, body: bytes | Tree | None = None, content_type: str = "application/json"
    ) -> Tree:
        """As `request`, and it must succeed."""
        answer = self.request(method, path, body, content_type)
        assert answer.code < 300, f"{method} {path}: {answer.code} {answer.body.decode(errors='replace')}"
        return answer.tree


class Space:
    """One namespace, and what tests do in it."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.api = Api(cluster)

    # -- objects -----------------------------------------------------------------------------------------

    def path(self, word: str, name: str = "") -> str:
        """Where a resource is served ("pods", "deployments", …), in this namespace if it is namespaced."""
        resource = scheme.find(word)
        prefix = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.version}"
        inside = f"/namespaces/{self.name}" if resource.namespaced else ""
        return f"{prefix}{inside}/{resource.plural}" + (f"/{name}" if name else "")

    def create(self, *trees: Tree) -> Tree:
        """Create each; the last as the server returned it."""
        created: Tree = {}
        for tree in trees:
            resource = scheme.by_kind(tree["apiVersion"], tree["kind"])
            created = self.api.call("POST", self.path(resource.group_resource), tree)
        return created

    def get(self, word: str, name: str) -> Tree:
        return self.api.call("GET", self.path(word, name))

    def find(self, word: str, name: str) -> Tree | None:
        """None when there is no such object."""
        answer = self.api.request("GET", self.path(word, name))
        return None if answer.code == 404 else answer.tree

    def list(self, word: str, labels: str = "") -> list[Tree]:
        query = f"?labelSelector={quote(labels)}" if labels else ""
        return self.api.call("GET", self.path(word) + query)["items"]

    def merge(self, word: str, name: str, patch: Tree) -> Tree:
        return self.api.call("PATCH", self.path(word, name), patch, "application/merge-patch+json")

    def delete(self, word: str, name: str, **options: Any) -> None:
        self.api.call("DELETE", self.path(word, name), options)

    def wait(
        self, what: str, word: str, name: str, check: Callable[[Tree], Any], *, seconds: float = PATIENCE_SECONDS
    ) -> Tree:
        """The object, once `check` says yes to it; on time-out fails with it as it is."""
        seen: list[Tree | None] = [None]

        def probe() -> Tree | None:
            seen[0] = self.find(word, name)
            return seen[0] if seen[0] and check(seen[0]) else None

        return eventually(
            f"{word}/{name} {what}",
            probe,
            seconds=seconds,
            interval=0.05,
            state=lambda: f"{json.dumps((seen[0] or {}).get('status'))}\n{self.story()}",
        )

    def gone(self, word: str, name: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        eventually(
            f"{word}/{name} gone",
            lambda: self.find(word, name) is None,
            seconds=seconds,
            interval=0.05,
            state=self.story,
        )

    def wait_event(self, reason: str, name: str = "", *, message: str = "", seconds: float = PATIENCE_SECONDS) -> Tree:
        """The first event of this reason (about the object `name`, whose message begins so): events are told after
        what they tell of."""

        def found() -> Tree | None:
            events = (event for event in self.list("events") if event["reason"] == reason)
            ours = (each for each in events if name in ("", each["involvedObject"]["name"]))
            return next((each for each in ours if each["message"].startswith(message)), None)

        what = f"the event {reason} {name} {message}"
        event: Tree = eventually(what, found, seconds=seconds, interval=0.05, state=self.story)
        return event

    def story(self) -> str:
        """The namespace's events, for failure messages."""
        events = self.list("events")
        return "\n".join(f"{e['involvedObject']['name']} {e['reason']}: {e['message']}" for e in events[-40:])

    # -- pods --------------------------------------------------------------------------------------------

    def wait_running(self, *names: str, seconds: float = PATIENCE_SECONDS) -> list[Tree]:
        """Each pod's containers are ready."""
        return [self.wait("Ready", "pods", name, ready, seconds=seconds) for name in names]

    def wait_schedulable(self, node: str) -> None:
        """A node that was cordoned or tainted is free of taints: a controller takes its own away some time after."""
        self.wait("open to pods", "nodes", node, lambda tree: not tree["spec"].keys() & {"taints", "unschedulable"})

    def wait_phase(self, name: str, phase: str, *, seconds: float = PATIENCE_SECONDS) -> Tree:
        return self.wait(f"to be {phase}", "pods", name, lambda pod: pod["status"]["phase"] == phase, seconds=seconds)

    def wait_deployment(self, name: str, *, seconds: float = PATIENCE_SECONDS) -> Tree:
        """Rolled out: every replica updated and available, none too many."""

        def rolled_out(tree: Tree) -> bool:
            status, wanted = tree["status"], tree["spec"]["replicas"]
            counts = (status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas"))
            return status.get("observedGeneration") == tree["metadata"]["generation"] and all(
                count == wanted for count in counts
            )

        return self.wait("rolled out", "deployments", name, rolled_out, seconds=seconds)

    def wait_endpoints(self, service: str, count: int, *, seconds: float = PATIENCE_SECONDS) -> None:
        """As many addresses of the Service are ready."""

        def addresses() -> int:
            slices = self.list("endpointslices", f"kubernetes.io/service-name={service}")
            endpoints = [endpoint for tree in slices for endpoint in tree["endpoints"] or ()]
            return sum(len(e["addresses"]) for e in endpoints if e["conditions"].get("ready"))

        eventually(f"{count} endpoints of {service}", lambda: addresses() == count, seconds=seconds, interval=0.05)

    def log(self, pod: str, query: str = "") -> str:
        answer = self.api.request("GET", f"{self.path('pods', pod)}/log{query}")
        assert answer.code == 200, answer.body
        return answer.body.decode()

    def logged(self, pod: str, text: str, *, seconds: float = PATIENCE_SECONDS, query: str = "") -> str:
        """The pod's log, once `text` stands in it."""
        seen = [""]

        def probe() -> str:
            answer = self.api.request("GET", f"{self.path('pods', pod)}/log{query}")
            seen[0] = answer.body.decode(errors="replace")
            return seen[0] if answer.code == 200 and text in seen[0] else ""

        return eventually(f"{text!r} in {pod}'s log", probe, seconds=seconds, state=lambda: seen[0])

    # -- kubectl -----------------------------------------------------------------------------------------

    def run(
        self, *arguments: str, stdin: str | None = None, timeout: float = 120, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """kubectl in this namespace, whatever it answers."""
        environment = {**self.cluster.env, **(env or {})}
        command = (kubectl_binary(), "--namespace", self.name, *arguments)
        done = run(*command, env=environment, stdin=stdin, check=False, timeout=timeout)
        if "delete" in arguments:
            # kubectl from 1.34 on says from where.
            done.stdout = done.stdout.replace(f" from {self.name} namespace\n", "\n")
        return done

    def kubectl(
        self,
        *arguments: str,
        stdin: str | None = None,
        timeout: float = 120,
        stderr: str = "",
        env: Mapping[str, str] | None = None,
    ) -> str:
        """What kubectl printed; it must succeed and say nothing but `stderr` to stderr."""
        done = self.run(*arguments, stdin=stdin, timeout=timeout, env=env)
        assert (done.returncode, done.stderr) == (0, stderr), f"kubectl {' '.join(arguments)}\n{done}\n{self.story()}"
        return done.stdout

    def kubectl_streams(self, *arguments: str) -> AbstractContextManager[Streaming]:
        """kubectl in this namespace, running beside the test."""
        return streaming(kubectl_binary(), "--namespace", self.name, *arguments, env=self.cluster.env)

    def kubectl_fails(self, *arguments: str, stdin: str | None = None, code: int = 1) -> str:
        """What kubectl said to stderr when it failed as it should."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == code, f"kubectl {' '.join(arguments)}\n{done}"
        return done.stderr

    def exec(self, pod: str, command: str, container: str = "") -> str:
        """What a shell command in a pod printed, to either stream; it must succeed."""
        chosen = ("-c", container) if container else ()
        done = self.run("exec", pod, *chosen, "--", "sh", "-c", command)
        assert done.returncode == 0, f"exec in {pod}: {command}\n{done}"
        return done.stdout + done.stderr

    def nudge(self, pod: str, command: str, container: str = "") -> None:
        """Run a shell command that makes its container end, or go on to its end.

        A container takes its execs with it: which of the two ends first is open, so what is said of this is not asked.
        """
        chosen = ("-c", container) if container else ()
        self.run("exec", pod, *chosen, "--", "sh", "-c", command)


def ready(pod: Tree) -> bool:
    conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions", ())}
    return conditions.get("Ready") == "True"


def container_status(pod: Tree, name: str = "main") -> Tree:
    statuses = pod["status"].get("containerStatuses", []) + pod["status"].get("initContainerStatuses", [])
    return next((status for status in statuses if status["name"] == name), {"state": {}, "lastState": {}})
