"""The gRPC command line on a real cluster: what kubectl users expect, in fewer words."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from tests.support.cluster import PODLING, eventually
from tests.support.kube import Space, ready
from tests.support.manifests import SLEEP, WEB, config_map, container, deployment, pod, service
from tests.support.streaming import streaming

# Ends at once on SIGTERM, which process 1 ignores unless it handles it.
POLITE = "trap 'exit 0' TERM; sleep 3600 & wait"


class Cli:
    """`podling` in a test's namespace."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """What it printed; it must succeed."""
        done = self._space.cluster.podling(*self._placed(arguments), stdin=stdin, check=False)
        assert done.returncode == 0, f"podling {' '.join(arguments)}\n{done}\n{self._space.story()}"
        return done.stdout

    def fails(self, *arguments: str, stdin: str | None = None) -> str:
        """The one line it said to stderr when it failed as it should."""
        done = self._space.cluster.podling(*self._placed(arguments), stdin=stdin, check=False)
        assert done.returncode != 0, f"podling {' '.join(arguments)}\n{done}"
        assert done.stderr.count("\n") == 1 and done.stdout == "", done
        return done.stderr.rstrip("\n")

    def streams(self, *arguments: str):
        return streaming(str(PODLING), *self._placed(arguments), env=self._space.cluster.env)

    def _placed(self, arguments: tuple[str, ...]) -> tuple[str, ...]:
        """With the namespace, before what is meant for a container."""
        cut = arguments.index("--") if "--" in arguments else len(arguments)
        return (*arguments[:cut], "--namespace", self._space.name, *arguments[cut:])


@pytest.fixture
def podling(space: Space) -> Cli:
    return Cli(space)


def test_a_deployment_from_apply_to_delete(space: Space, podling: Cli) -> None:
    manifest = yaml.safe_dump_all([deployment("web", container(WEB), replicas=2), service("web")])
    assert podling("apply", "-f", "-", stdin=manifest).splitlines() == [
        "deployment.apps/web created",
        "service/web created",
    ]
    assert "successfully rolled out" in podling("rollout", "status", "deployment/web", "--timeout", "60s")
    assert podling("apply", "-f", "-", stdin=manifest).splitlines() == [
        "deployment.apps/web unchanged",
        "service/web unchanged",
    ]
    assert podling("scale", "deployment/web", "--replicas", "3") == "deployment.apps/web scaled\n"
    podling("rollout", "status", "deployment/web")
    assert space.wait_deployment("web")["spec"]["replicas"] == 3
    changed = manifest.replace("replicas: 2", "replicas: 1")
    assert podling("apply", "-f", "-", stdin=changed).splitlines()[0] == "deployment.apps/web configured"
    space.wait_deployment("web")
    # kubectl and podling keep the same account of what was applied.
    assert space.kubectl("apply", "-f", "-", stdin=changed).splitlines()[0] == "deployment.apps/web unchanged"
    podling("delete", "-f", "-", stdin=manifest)
    assert space.find("deployments", "web") is None and space.find("services", "web") is None
    eventually("nothing left", lambda: not space.list("pods"))


def test_get_in_all_forms(space: Space, podling: Cli) -> None:
    space.create(deployment("web", container(WEB), replicas=2), service("web"), config_map("one", a="1"))
    space.wait_deployment("web")
    names = sorted(tree["metadata"]["name"] for tree in space.list("pods"))
    for arguments in (
        ("get", "pods"),
        ("get", "pods", "-o", "wide"),
        ("get", "deploy,svc", "-o", "wide"),
        ("get", "pods", "-l", "app=web", "--show-labels"),
        ("get", "cm", "one", "--no-headers"),
        ("get", "all"),
    ):
        assert _without_ages(podling(*arguments)) == _without_ages(space.kubectl(*arguments)), arguments
    assert podling("get", "pods", "-o", "name").splitlines() == [f"pod/{name}" for name in names]
    tree = space.get("cm", "one")
    assert json.loads(podling("get", "cm", "one", "-o", "json")) == tree
    assert yaml.safe_load(podling("get", "cm/one", "-o", "yaml")) == tree
    assert f"{space.name} " in space.cluster.podling("get", "pods", "-A").stdout
    assert "node-3 " in podling("get", "nodes")


def _without_ages(table: str) -> list[str]:
    """Lines with single spaces and ages left out: they go on while two commands run."""
    return [re.sub(r"\b\d+[smh](\d+s)?\b", "AGE", " ".join(line.split())) for line in table.splitlines()]


def test_watching(space: Space, podling: Cli) -> None:
    space.create(pod("first"))
    with podling.streams("get", "pods", "-w") as watching:
        watching.until("first")
        space.create(pod("second"))
        watching.until("second")
        space.wait_running("second")
        watching.until("Running")


def test_describe_says_what_kubectl_says(space: Space, podling: Cli) -> None:
    limits = {"limits": {"cpu": "100m", "memory": "32Mi"}}
    space.create(deployment("web", container(WEB, resources=limits), replicas=1), service("web"))
    space.wait_deployment("web")
    space.wait_endpoints("web", 1)
    name = space.list("pods")[0]["metadata"]["name"]
    space.wait_event("Started", name)
    for what in (f"pod/{name}", "deployment/web", "service/web", "node/node-1", "cm/kube-root-ca.crt"):
        eventually(f"both tell the same of {what}", lambda what=what: _same_words(space, podling, what))


def _same_words(space: Space, podling: Cli, what: str) -> bool:
    """podling says what kubectl says, but for a line or two: heartbeats, events, other tests' pods come in between."""
    ours, theirs = (set(_without_ages(tool("describe", what))) for tool in (podling, space.kubectl))
    missing = {line for line in theirs - ours if "Node node-" not in line and not re.search(r"\d\d:\d\d:\d\d", line)}
    return len(missing) <= 2


def test_logs_and_exec(space: Space, podling: Cli) -> None:
    # It goes on when told, and ends when told: a container that ends takes its execs with it.
    until = "while ! test -e {}; do sleep 0.1; done".format
    script = f"echo one; echo two; {until('/go')}; echo three; {until('/end')}"
    space.create(pod("talker", container(script), container(SLEEP, "side"), restartPolicy="Never"))
    space.wait_running("talker")
    space.logged("talker", "two", query="?container=main")
    assert podling("logs", "talker", "-c", "main", "--tail", "1") == "two\n"
    with podling.streams("logs", "-f", "talker", "-c", "main") as following:
        following.until("two")
        assert podling("exec", "talker", "-c", "main", "--", "sh", "-c", "touch /go; echo touched") == "touched\n"
        following.until("three")
        space.nudge("talker", "touch /end", "main")
        assert following.end() == 0
    done = space.cluster.podling(
        "exec", "-n", space.name, "-i", "talker", "-c", "side", "--", "sh", stdin="exit 7", check=False
    )
    assert done.returncode == 7


def test_create_and_delete(space: Space, podling: Cli) -> None:
    told = podling("create", "deployment", "web", "--image", "busybox", "--replicas", "2", "--", "sh", "-c", POLITE)
    assert told == "deployment.apps/web created\n"
    space.wait_deployment("web")
    podling("create", "configmap", "settings", "--from-literal", "a=1")
    assert space.get("cm", "settings")["data"] == {"a": "1"}
    podling("delete", "deployment/web", "configmap/settings")
    assert space.find("deployments", "web") is None and space.find("cm", "settings") is None
    podling("create", "-f", "-", stdin=yaml.safe_dump(pod("alone")))
    podling("wait", "pod", "alone", "--for", "condition=Ready")
    space.wait_event("Started", "alone")
    lines = podling("events", "--for", "pod/alone").splitlines()
    assert any("Started" in line for line in lines)
    podling("delete", "pod", "alone")
    assert space.find("pods", "alone") is None


def test_cordon_and_drain(space: Space, podling: Cli) -> None:
    space.create(deployment("web", container(WEB), replicas=3))
    space.wait_deployment("web")
    try:
        # Elsewhere in the cluster other tests' pods may be ending; they are waited for as well.
        podling_nodes = space.cluster.podling
        assert podling_nodes("cordon", "node-2").stdout == "node/node-2 cordoned\n"
        assert "SchedulingDisabled" in podling_nodes("get", "node", "node-2").stdout
        drained = podling_nodes("drain", "node-2", "--force", "--delete-emptydir-data", "--timeout", "100s")
        assert "node/node-2 drained" in drained.stdout
        eventually("three elsewhere", lambda: _ready_nodes(space) <= {"node-1", "node-3"}, state=space.story)
    finally:
        space.cluster.podling("uncordon", "node-2")
    space.wait_schedulable("node-2")


def _ready_nodes(space: Space) -> set[str]:
    """Where the three pods are, once all of them are ready and no other is left."""
    pods = space.list("pods")
    return {tree["spec"]["nodeName"] for tree in pods} if len(pods) == 3 and all(map(ready, pods)) else {"nowhere"}


def test_errors_in_one_line(space: Space, podling: Cli) -> None:
    assert 'pods "nope" not found' in podling.fails("get", "pod", "nope")
    assert "gadget" in podling.fails("get", "gadgets")
    assert 'deployments.apps "nope" not found' in podling.fails("scale", "deployment/nope", "--replicas", "2")
    assert 'pods "nope" not found' in podling.fails("logs", "nope")
    wrong = yaml.safe_dump({**config_map("x"), "colour": "green"})
    assert 'unknown field "colour"' in podling.fails("apply", "-f", "-", stdin=wrong)
    assert "line 2" in podling.fails("apply", "-f", "-", stdin="a: b\n c: d\n")
    assert "no-such-file" in podling.fails("apply", "-f", "no-such-file")
