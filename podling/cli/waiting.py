"""Waits on single objects: until gone, or until something holds. Follows a watch, never polls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from api import errors
from api.scheme import Resource
from podling.cli.rpc import Api, ServerError, Tree, tree

WATCH_SECONDS = 300.0


def states(server: Api, resource: Resource, namespace: str, name: str, deadline: float | None) -> Iterator[Tree | None]:
    """The object now and after each change, None while it is not there; ends at `deadline` (monotonic)."""
    field = f"metadata.name={name}"
    while True:
        page = server.list(resource, namespace, field_selector=field)
        yield tree(page.items[0]) if page.items else None
        left = WATCH_SECONDS if deadline is None else min(WATCH_SECONDS, deadline - time.monotonic())
        if left <= 0:
            return
        watch = server.watch(resource, namespace, field_selector=field, revision=page.revision, seconds=left)
        try:
            for change in watch:
                yield None if change.type == "DELETED" else tree(change.object)
        except ServerError as error:
            if not isinstance(error.status, errors.Expired | errors.Gone):
                raise


def wait_until(
    server: Api,
    resource: Resource,
    namespace: str,
    name: str,
    holds: Callable[[Tree | None], bool],
    timeout_seconds: float | None,
) -> bool:
    """Wait until `holds` for the object, or for None when there is none; False when it did not in time."""
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    return any(holds(state) for state in states(server, resource, namespace, name, deadline))


def wait_gone(
    server: Api,
    resource: Resource,
    namespace: str,
    name: str,
    uid: str,
    timeout_seconds: float | None,
    still_there: Callable[[], None],
) -> bool:
    """Wait until the object is gone or another has taken its name; False when that took too long.

    still_there is called each time the object is found to be there yet.
    """

    def gone(state: Tree | None) -> bool:
        if state is None or state["metadata"]["uid"] != uid:
            return True
        still_there()
        return False

    return wait_until(server, resource, namespace, name, gone, timeout_seconds)
