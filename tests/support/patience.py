"""Clients that outlive restarts of the API server: requests are sent again until one is answered, watches resumed."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.support.cluster import Cluster
from tests.support.kube import Answer, Api, Space, Tree

PATIENCE_SECONDS = 90
RETRY_SECONDS = 0.1
# What a server says that cannot do its work just now: perhaps it has done it all the same.
UNSURE = (500, 503, 504)


class PatientApi(Api):
    """Asks again when there is nobody to answer; what an unanswered request may have done is taken as done."""

    def request(
        self, method: str, path: str, body: bytes | Tree | None = None, content_type: str = "application/json"
    ) -> Answer:
        deadline, unsure = time.monotonic() + PATIENCE_SECONDS, False
        while True:
            try:
                answer = super().request(method, path, body, content_type)
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    raise
            else:
                if answer.code not in UNSURE or time.monotonic() > deadline:
                    return self._settled(method, path, body, answer) if unsure else answer
            unsure = True
            time.sleep(RETRY_SECONDS)

    def _settled(self, method: str, path: str, body: bytes | Tree | None, answer: Answer) -> Answer:
        if method == "POST" and answer.code == 409 and isinstance(body, dict) and "name" in body.get("metadata", {}):
            return self.request("GET", f"{path}/{body['metadata']['name']}")
        if method == "DELETE" and answer.code == 404:
            return Answer(200, b"{}")
        return answer


class PatientSpace(Space):
    """A namespace whose set-up and waits outlive restarts of the API server."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        super().__init__(cluster, name)
        self.api = PatientApi(cluster)


class Follower:
    """Follows a collection event by event, through restarts; `look` sees every state of it there has been.

    `look` is given the objects by name; an exception it raises is raised at the end of the context.
    """

    def __init__(self, cluster: Cluster, path: str, look: Callable[[dict[str, Tree]], None]) -> None:
        self._api = Api(cluster)
        self._path = path
        self._look = look
        self._seen: dict[str, Tree] = {}
        self._revision = ""
        self._done = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._done.is_set():
                try:
                    self._follow()
                except (OSError, http.client.HTTPException):
                    self._done.wait(RETRY_SECONDS)
        except BaseException as failure:
            self._failure = failure

    def _follow(self) -> None:
        if not self._revision:
            listed = self._api.request("GET", self._path)
            if listed.code != 200:
                self._done.wait(RETRY_SECONDS)
                return
            self._seen = {item["metadata"]["name"]: item for item in listed.tree["items"]}
            self._revision = listed.tree["metadata"]["resourceVersion"]
            self._look(self._seen)
        query = f"?watch=1&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion={self._revision}"
        answer = self._api.request("GET", self._path + query)
        if answer.code == 410:
            self._revision = ""
        elif answer.code != 200:
            self._done.wait(RETRY_SECONDS)
        else:
            for line in answer.body.splitlines():
                self._take_in(json.loads(line))

    def _take_in(self, event: dict[str, Any]) -> None:
        tree = event["object"]
        if event["type"] == "ERROR":
            self._revision = ""
            return
        name = tree["metadata"].get("name", "")
        if event["type"] == "DELETED":
            self._seen.pop(name, None)
        elif event["type"] != "BOOKMARK":
            self._seen[name] = tree
        self._revision = tree["metadata"]["resourceVersion"]
        self._look(self._seen)
