"""A pod that calls a Service without pause, by its IP and by its name, and tells of every call that failed."""

from __future__ import annotations

import time

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


class ServiceCaller:
    """The pod `caller` on a node of the test's choice, calling a Service of its own namespace."""

    def __init__(self, space: Space, service: str, node: str, *, timeout_seconds: float = 30) -> None:
        self._space = space
        address = space.get("services", service)["spec"]["clusterIP"]
        script = _SCRIPT.format(address=address, service=service, timeout=timeout_seconds)
        # DNS is one of the processes that tests take away for a moment.
        patient = {"options": [{"name": "attempts", "value": "5"}]}
        on_node = {"kubernetes.io/hostname": node}
        space.create(pod("caller", python(script), nodeSelector=on_node, dnsConfig=patient))
        self._since = 0.0

    def wait_well(self) -> None:
        """Calls of late have all been answered: the nodes have heard who serves and who does not."""

        def well() -> bool:
            self.begin()
            return self.end() == []

        eventually("no call fails any more", well, state=self._log)

    def wait_calling(self) -> None:
        """Calls are answered both ways; what failed until now does not count."""
        self._space.wait_running("caller")
        eventually("calls are answered", lambda: min(self._counts()) > 0, state=self._log)
        self.wait_well()

    def begin(self) -> None:
        """What comes from now on counts."""
        self._since = time.time()

    def end(self, *, least: int = 5) -> list[str]:
        """The calls since `begin` that failed, once at least so many more were answered either way."""
        reached = [count + least for count in self._counts()]
        eventually(
            "calls go on",
            lambda: all(now >= wanted for now, wanted in zip(self._counts(), reached, strict=True)),
            state=self._log,
        )
        failed = (line for line in self._log().splitlines() if line.startswith("failed"))
        return [line for line in failed if float(line.split()[2]) > self._since]

    def _counts(self) -> tuple[int, int]:
        lines = [line for line in self._log().splitlines() if line.startswith("answered")]
        words = lines[-1].split() if lines else ["", "0", "0"]
        return int(words[1]), int(words[2])

    def _log(self) -> str:
        """Once its kubelet tells it: a new one may not be reached at once."""
        return self._space.logged("caller", "")
