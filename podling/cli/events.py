"""`podling events`: what has happened, oldest first."""

from __future__ import annotations

import sys
import time
from typing import Annotated

from cyclopts import Parameter

from api import scheme, timestamps
from podling.cli import targets
from podling.cli.options import DEFAULT_NAMESPACE, AllNamespaces, Dir, Namespace
from podling.cli.output import note
from podling.cli.rpc import Api, Tree, api, tree
from podling.errors import CommandError
from podling.tabular import columns

EVENT = scheme.by_kind("v1", "Event")


def events(
    *,
    for_: Annotated[str, Parameter(name="--for", help="Only those about TYPE/NAME.")] = "",
    types: Annotated[str, Parameter(help="Only of these types: Warning, Normal.")] = "",
    watch: Annotated[bool, Parameter(name=("--watch", "-w"), negative="", help="Go on with what happens.")] = False,
    namespace: Namespace = DEFAULT_NAMESPACE,
    all_namespaces: AllNamespaces = False,
    dir: Dir = None,
) -> None:
    """Show events, oldest first."""
    where = "" if all_namespaces else namespace
    fields = _about(for_)
    wanted = {one.strip().lower() for one in types.split(",") if one.strip()}
    with api(dir) as server:
        page = server.list(EVENT, where, field_selector=fields)
        found = [event for event in map(tree, page.items) if _is_wanted(event, wanted)]
        found.sort(key=last_seen)
        if found:
            sys.stdout.write(_table(found, all_namespaces, with_header=True))
        elif not watch:
            note(f"No events found{f' in {where} namespace' if where else ''}.")
        sys.stdout.flush()
        if watch:
            _follow(server, where, fields, wanted, page.revision, all_namespaces)


def last_seen(event: Tree) -> str:
    """When the event was last seen, as the API writes times; comparable as text."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next((time for time in times if time), event["metadata"].get("creationTimestamp", "")))


def _about(word: str) -> str:
    """The field selector for events about TYPE/NAME."""
    if not word:
        return ""
    if "/" not in word:
        raise CommandError(f'"{word}" is not TYPE/NAME: write --for=pod/{word}')
    [target] = targets.parse([word])
    resource = target.resource
    return (
        f"involvedObject.kind={resource.kind},involvedObject.apiVersion={resource.api_version},"
        f"involvedObject.name={target.names[0]}"
    )


def _follow(server: Api, where: str, fields: str, wanted: set[str], revision: int, all_namespaces: bool) -> None:
    while True:
        for change in server.watch(EVENT, where, field_selector=fields, revision=revision):
            event = tree(change.object)
            revision = int(event["metadata"]["resourceVersion"])
            if change.type != "DELETED" and _is_wanted(event, wanted):
                sys.stdout.write(_table([event], all_namespaces, with_header=False))
                sys.stdout.flush()


def _is_wanted(event: Tree, types: set[str]) -> bool:
    return not types or str(event.get("type", "")).lower() in types


def _table(found: list[Tree], with_namespace: bool, *, with_header: bool) -> str:
    now = time.time()
    header = [*(["NAMESPACE"] if with_namespace else []), "LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    rows = [_row(event, with_namespace, now) for event in found]
    text = columns(header, rows) + "\n"
    return text if with_header else text.partition("\n")[2]


def _row(event: Tree, with_namespace: bool, now: float) -> list[str]:
    about = event["involvedObject"]
    seen = timestamps.age(last_seen(event) or None, now)
    series = event.get("series") or {}
    count = series.get("count") or event.get("count", 1)
    if count > 1:
        first = event.get("firstTimestamp") or event.get("eventTime")
        seen = f"{seen} (x{count} over {timestamps.age(first, now)})"
    message = str(event.get("message", "")).strip().replace("\n", "\\n")
    row = [seen, event.get("type", ""), event.get("reason", ""), f"{about['kind']}/{about.get('name', '')}", message]
    return [event["metadata"]["namespace"], *row] if with_namespace else row
