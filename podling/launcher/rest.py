"""The few REST calls `podling up` makes while it waits: light, synchronous, as admin."""

from __future__ import annotations

import http.client
import json
from typing import Any

from podling.launcher import health
from podling.launcher.plan import Cluster

ANSWER_SECONDS = 5.0


class Unavailable(Exception):
    """The API server does not answer (yet)."""


class Admin:
    """One keep-alive connection to the API server."""

    def __init__(self, cluster: Cluster) -> None:
        host, _, port = cluster.rest.rpartition(":")
        context = health.admin_tls(cluster)
        self._connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=ANSWER_SECONDS)

    def get(self, path: str) -> tuple[int, Any]:
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        return self._call("POST", path, json.dumps(body))

    def close(self) -> None:
        self._connection.close()

    def _call(self, method: str, path: str, body: str | None) -> tuple[int, Any]:
        try:
            self._connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise Unavailable(str(error)) from error
