"""A client that asks all the time while something else changes."""

from __future__ import annotations

import http.client
import threading
from collections import Counter

from tests.support.cluster import eventually


class Load:
    """A client that asks all the time, over one connection or a new one each time; counts what it is answered."""

    def __init__(self, address: str, host: str = "", *, keep_alive: bool = False) -> None:
        """address: `HOST:PORT`. host: whom it asks for, if not that."""
        self.answers: Counter[str] = Counter()
        self._address = address
        self._host = host or address
        self._keep_alive = keep_alive
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=30)
        while not self._stop.wait(0.02):
            try:
                connection.request("GET", "/", headers={"Host": self._host})
                answer = connection.getresponse()
                answer.read()
                self.answers[str(answer.status)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.answers[repr(error)] += 1
                connection.close()
            if not self._keep_alive:
                connection.close()
        connection.close()

    def stop(self, *, least: int = 20) -> Counter[str]:
        """What it was answered, once that are at least so many answers."""
        try:
            eventually(f"{least} answers", lambda: self.answers.total() >= least, state=lambda: str(self.answers))
        finally:
            self._stop.set()
            self._thread.join()
        return self.answers
