"""Network namespaces that a test makes, wires and removes, and agents that act inside them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

AGENT = Path(__file__).with_name("netns_agent.py")
_numbers = itertools.count()


def ip(*arguments: str) -> str:
    """Run `ip`; a failure fails the test with its words."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout


class Namespace:
    """A network namespace with a unique name; `role` makes it recognisable."""

    def __init__(self, role: str) -> None:
        self.name = f"t{os.getpid()}-{next(_numbers)}-{role}"
        ip("netns", "add", self.name)
        self._agent: subprocess.Popen[str] | None = None
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments: str) -> str:
        return ip("-netns", self.name, *arguments)

    def command(self, *arguments: str) -> list[str]:
        """A command line that runs inside."""
        return ["ip", "netns", "exec", self.name, *arguments]

    def run(self, *arguments: str) -> str:
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def call(self, op: str, **arguments: Any) -> Any:
        """Have the agent inside do something (`tests.support.netns_agent.Agent`)."""
        if self._agent is None:
            self._agent = subprocess.Popen(
                self.command(sys.executable, str(AGENT)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._agent.stdin is not None and self._agent.stdout is not None
        self._agent.stdin.write(json.dumps({"op": op, "arguments": arguments}) + "\n")
        self._agent.stdin.flush()
        answer = json.loads(self._agent.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def close(self) -> None:
        if self._agent is not None:
            self._agent.kill()
            self._agent.communicate()
        ip("netns", "delete", self.name)


def join(left: Namespace, left_name: str, right: Namespace, right_name: str) -> None:
    """A veth pair between two namespaces, both ends up."""
    left.ip("link", "add", left_name, "type", "veth", "peer", "name", right_name, "netns", right.name)
    left.ip("link", "set", left_name, "up")
    right.ip("link", "set", right_name, "up")
