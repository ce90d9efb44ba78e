"""A pod that calls a Service without pause, by its IP and by its name, and tells of every call that failed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.support.cluster import eventually
from tests.support.kube import Space
from tests.support.manifests import pod, python

# Prints what failed at once, and twice a second how many calls have been answered.
_SCRIPT = """
import http.client, itertools, threading, time

def call(kind, host, counts, pause):
    for _ in itertools.repeat(None):
        began = time.time()
        try:
            connection = http.client.HTTPConnection(host, 80, timeout={timeout})
            connection.request("GET", "/")
            assert connection.getresponse().read()
            connection.close()
            counts[kind] += 1
        except Exception as error:
            print(f"failed {{kind}} {{began:.3f}} after {{time.time() - began:.3f}} s: {{error!r}}", flush=True)
        time.sleep(pause)

counts = {{"address": 0, "name": 0}}
threading.Thread(target=call, args=("address", "{address}", counts, 0.03), daemon=True).start()
threading.Thread(target=call, args=("name", "{service}", counts, 0.06), daemon=True).start()
while True:
    time.sleep(0.5)
    print(f"answered {{counts['address']}} {{counts['name']}}", flush=True)
"""


@dataclass(frozen=True)
class Calls:
    """What became of the calls in a span of time."""

    by_address: int
    by_name: int
    failures: list[str]


class ServiceCaller:
    """The pod `caller` on a node of the test's choice, calling a Service of its own namespace."""

    def __init__(self, space: Space, service: str, node: str, *, timeout_seconds: float = 5) -> None:
        self._space = space
        address = space.get("services", service)["spec"]["clusterIP"]
        script = _SCRIPT.format(address=address, service=service, timeout=timeout_seconds)
        space.create(pod("caller", python(script), nodeSelector={"kubernetes.io/hostname": node}))
        self._answered = (0, 0)

    def wait_calling(self) -> None:
        """Calls are answered both ways; what failed until now does not count."""
        self._space.wait_running("caller")
        eventually("calls are answered", lambda: min(self._counts()) > 0, state=self._log)
        self.begin()

    def begin(self) -> None:
        """What comes from now on counts."""
        self._since = datetime.fromtimestamp(time.time(), UTC)
        self._answered = self._counts()

    def end(self) -> Calls:
        """The calls since `begin`, until some more were answered."""
        reached = self._counts()
        eventually("calls go on", lambda: all(new > old for new, old in zip(self._counts(), reached, strict=True)))
        by_address, by_name = (new - old for new, old in zip(self._counts(), self._answered, strict=True))
        since = self._since.timestamp()
        failures = [
            line for line in self._log().splitlines() if line.startswith("failed") and float(line.split()[2]) > since
        ]
        return Calls(by_address, by_name, failures)

    def _counts(self) -> tuple[int, int]:
        lines = [line for line in self._log().splitlines() if line.startswith("answered")]
        words = lines[-1].split() if lines else ["", "0", "0"]
        return int(words[1]), int(words[2])

    def _log(self) -> str:
        return self._space.log("caller")
