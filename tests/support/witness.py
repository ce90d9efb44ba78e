"""A witness of which pods live, by the machine's processes and not by what anybody says of them."""

from __future__ import annotations

import threading
from collections import defaultdict
from pathlib import Path

from tests.support.chaos import is_alive

# What a container must have in its environment to be seen.
WITNESSED = [
    {"name": "WITNESSED_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    {"name": "WITNESSED_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
]


class Witness:
    """Looks at the machine's processes again and again: which pods' containers live, by the pod's name."""

    def __init__(self) -> None:
        self.doubles: list[tuple[str, list[str]]] = []
        self.looks = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Witness:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self.looks += 1
            for name, pids in self.alive().items():
                if len(pids) > 1 and len(still := {uid for uid, pid in pids.items() if is_alive(pid)}) > 1:
                    self.doubles.append((name, sorted(still)))

    def alive(self) -> dict[str, dict[str, int]]:
        """By pod name: the uids of its living pods, each with a process."""
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal():
                continue
            try:
                words = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue  # it ended meanwhile
            variables = dict(
                word.decode(errors="replace").partition("=")[::2] for word in words if b"WITNESSED_" in word
            )
            name, uid = variables.get("WITNESSED_NAME"), variables.get("WITNESSED_UID")
            if name and uid and is_alive(int(folder.name)):
                found[name][uid] = int(folder.name)
        return found
