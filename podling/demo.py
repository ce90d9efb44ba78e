"""`make demo`: a cluster of three nodes at work, and what happens when its parts die.

Every step is a command a person could have typed, shown before it runs; the cluster stays up afterwards.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from podling.errors import CommandError
from podling.launcher.plan import STATE_ROOT

DIRECTORY = Path(os.environ.get("PODLING_DIR") or STATE_ROOT / "demo")
EXAMPLE = Path(__file__).resolve().parent.parent / "deploy" / "examples" / "web.yaml"
PODLING = Path(sys.executable).parent / "podling"
NODES = 3
WAIT_SECONDS = 120
_SHOWN = 6


def main() -> None:
    """Run the demo. Exits 1, with the cluster left up to look at, when a step does not work out."""
    os.environ["PODLING_DIR"] = str(DIRECTORY)
    try:
        _start()
        _show()
        _kill_a_pod()
        _kill_a_node()
    except CommandError as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(1)
    _say_what_next()


def _start() -> None:
    _title(
        f"A cluster of {NODES} nodes: etcd, API server, scheduler, controllers; on each node a kubelet and a kube-proxy"
    )
    _run("up", "--nodes", str(NODES), "--dir", str(DIRECTORY))
    _run("status")
    _title("A web server of three replicas, a Service in front, and a client that calls it by name")
    _run("apply", "-f", str(EXAMPLE))
    _run("rollout", "status", "deployment/web")
    _run("rollout", "status", "deployment/caller")


def _show() -> None:
    _title("What runs where")
    _run("get", "nodes", "-o", "wide")
    _run("get", "pods", "-o", "wide")
    _run("get", "service", "web")
    _title("The Service answers from different pods")
    # The caller was there before the server: its first calls had no answer.
    _wait("answers from two pods or more", lambda: len(latest := _answers(_SHOWN)) == _SHOWN and len(set(latest)) > 1)
    _run("logs", "deployment/caller", "--tail", str(_SHOWN))


def _kill_a_pod() -> None:
    victim = _web_pods()[0]["metadata"]["name"]
    _title(f"Kill a pod ({victim}): the Service goes on, the ReplicaSet replaces it")
    with _Watching() as calls:
        _run("delete", "pod", victim, "--grace-period", "0", "--force")
        _wait("three pods ready again", lambda: len(_ready_names()) == 3 and victim not in _ready_names())
        _run("get", "pods", "-l", "app=web", "-o", "wide")
    calls.report()


def _kill_a_node() -> None:
    caller = _items("pods", "-l", "app=caller")[0]["spec"]["nodeName"]
    victim = next(pod["spec"]["nodeName"] for pod in _web_pods() if pod["spec"]["nodeName"] != caller)
    _title(f"Kill a node ({victim}): noticed when its lease lapses, its pods come back elsewhere")
    with _Watching() as calls:
        _run("node", "kill", victim)
        _wait(f"{victim} NotReady", lambda: not _condition(_node(victim), "Ready"))
        _wait("three pods ready on the other nodes", lambda: len(_ready_names(without_node=victim)) == 3)
        _run("get", "nodes")
        _run("get", "pods", "-o", "wide")
    calls.report("sent to the dead node's pod before its death was noticed")
    _title("Power it on again")
    _run("node", "start", victim)
    _wait(f"{victim} Ready", lambda: _condition(_node(victim), "Ready"))
    _run("get", "nodes")


def _say_what_next() -> None:
    _title("The cluster stays up. What you can type next")
    print(
        f"""  . .venv/bin/activate
  export KUBECONFIG={DIRECTORY}/kubeconfig
  kubectl get pods -A                           with the kubeconfig, any client of Kubernetes
  podling logs -f deployment/caller             watch the answers come in
  podling scale deployment/web --replicas 6     more of it
  podling exec -it deployment/caller -- sh      a shell inside a pod
  podling status                                each process
  podling down                                  stop it; `podling up` brings it all back"""
    )


class _Watching:
    """Counts the caller's answers and failures while a block runs."""

    def __enter__(self) -> _Watching:
        self._since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return self

    def __exit__(self, *_: object) -> None:
        # Let it be seen that things go on afterwards.
        time.sleep(2)

    def report(self, why: str = "") -> None:
        """Say how the calls went. why: what explains those that failed."""
        lines = _podling("logs", "deployment/caller", "--since-time", self._since).splitlines()
        answered = sum(line.startswith("hello") for line in lines)
        failed = len(lines) - answered
        reason = f" ({why})" if failed and why else ""
        print(f"\n  meanwhile the caller's calls: {answered} answered, {failed} without an answer{reason}")


def _title(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def _run(*arguments: str) -> None:
    """Show a command, run it, show what it prints."""
    print(f"\n$ podling {' '.join(arguments)}", flush=True)
    if subprocess.run([PODLING, *arguments], check=False).returncode:
        raise CommandError(f"`podling {' '.join(arguments)}` failed")


def _podling(*arguments: str) -> str:
    result = subprocess.run([PODLING, *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise CommandError(f"`podling {' '.join(arguments)}` failed: {result.stderr.strip()}")
    return result.stdout


def _items(*arguments: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(_podling("get", *arguments, "-o", "json"))["items"]
    return items


def _node(name: str) -> dict[str, Any]:
    return next(node for node in _items("nodes") if node["metadata"]["name"] == name)


def _web_pods() -> list[dict[str, Any]]:
    return [pod for pod in _items("pods", "-l", "app=web") if "deletionTimestamp" not in pod["metadata"]]


def _ready_names(without_node: str = "") -> set[str]:
    return {
        pod["metadata"]["name"]
        for pod in _web_pods()
        if _condition(pod, "Ready") and pod["spec"].get("nodeName") != without_node
    }


def _condition(object: dict[str, Any], type: str) -> bool:
    conditions = object.get("status", {}).get("conditions", [])
    return any(condition["type"] == type and condition["status"] == "True" for condition in conditions)


def _answers(tail: int) -> list[str]:
    """The pods that gave the last answers."""
    return re.findall(r"^hello from (\S+)", _podling("logs", "deployment/caller", "--tail", str(tail)), re.MULTILINE)


def _wait(what: str, probe: Callable[[], bool]) -> None:
    """Wait for something, saying so: a line that counts for a person who watches, a plain one otherwise."""
    started = time.monotonic()
    live = sys.stdout.isatty()
    while not probe():
        waited = time.monotonic() - started
        if waited > WAIT_SECONDS:
            raise CommandError(f"waited {WAIT_SECONDS} s in vain for {what}")
        if live:
            print(f"\r  waiting for {what} … {waited:.0f} s", end="", flush=True)
        time.sleep(0.2)
    ending = f"  {what}, after {time.monotonic() - started:.1f} s"
    print(f"\r{ending:<70}" if live else ending, flush=True)


if __name__ == "__main__":
    main()
