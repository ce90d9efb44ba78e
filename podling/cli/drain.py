"""`podling cordon`, `uncordon` and `drain`: take nodes out of service and back."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated

from cyclopts import Parameter

from api import errors, scheme
from podling.cli import durations
from podling.cli.drain_plan import Plan, Rules, plan_drain
from podling.cli.each import each
from podling.cli.options import Dir, Timeout
from podling.cli.output import note, say
from podling.cli.pods import POD
from podling.cli.progress import Say, progress
from podling.cli.rpc import STRATEGIC, Api, ServerError, Tree, api, tree
from podling.cli.waiting import wait_gone
from podling.errors import CommandError

NODE = scheme.by_kind("v1", "Node")
RETRY_SECONDS = 5.0

_WHY = {
    "--ignore-daemonsets": "are managed by a DaemonSet",
    "--delete-emptydir-data": "would lose the data of their emptyDir volumes",
    "--force": "have no controller that would replace them",
}


def cordon(*nodes: str, dir: Dir = None) -> None:
    """Let no more pods onto nodes."""
    _set_all(nodes, dir, unschedulable=True)


def uncordon(*nodes: str, dir: Dir = None) -> None:
    """Let pods onto nodes again."""
    _set_all(nodes, dir, unschedulable=False)


def drain(
    *nodes: str,
    ignore_daemonsets: Annotated[bool, Parameter(negative="", help="Leave pods of DaemonSets where they are.")] = False,
    delete_emptydir_data: Annotated[bool, Parameter(negative="", help="Evict pods with emptyDir volumes.")] = False,
    force: Annotated[bool, Parameter(negative="", help="Evict pods without a controller.")] = False,
    grace_period: Annotated[int, Parameter(help="Seconds for pods to end in; -1 leaves it to them.")] = -1,
    timeout: Timeout = "0",
    dir: Dir = None,
) -> None:
    """Let no more pods onto nodes and evict those that are there; returns when they are gone."""
    rules = Rules(ignore_daemonsets, delete_emptydir_data, force)
    limit = durations.seconds(timeout)
    deadline = time.monotonic() + limit if limit else None
    options = {"gracePeriodSeconds": grace_period} if grace_period >= 0 else {}
    with api(dir) as server:
        each(_named(nodes), lambda name: _drain(server, name, rules, options, deadline))


def _named(nodes: tuple[str, ...]) -> tuple[str, ...]:
    if not nodes:
        raise CommandError("name the node: `podling get nodes` lists them")
    return tuple(name.removeprefix("node/").removeprefix("nodes/") for name in nodes)


def _set_all(nodes: tuple[str, ...], dir: Dir, *, unschedulable: bool) -> None:
    with api(dir) as server:
        each(_named(nodes), lambda name: _set(server, name, unschedulable=unschedulable))


def _set(server: Api, name: str, *, unschedulable: bool) -> None:
    done = "cordoned" if unschedulable else "uncordoned"
    if bool(server.get(NODE, "", name)["spec"].get("unschedulable")) == unschedulable:
        say(f"node/{name} already {done}")
        return
    server.patch(NODE, "", name, {"spec": {"unschedulable": unschedulable or None}}, patch_type=STRATEGIC)
    say(f"node/{name} {done}")


def _drain(server: Api, name: str, rules: Rules, options: Tree, deadline: float | None) -> None:
    _set(server, name, unschedulable=True)
    page = server.list(POD, field_selector=f"spec.nodeName={name}")
    plan = plan_drain([tree(item) for item in page.items], rules)
    _refuse(name, plan)
    if plan.ignored:
        note(f"Warning: ignoring DaemonSet-managed Pods: {', '.join(plan.ignored)}")
    with progress() as tell:
        for pod in plan.evict:
            metadata = pod["metadata"]
            tell(f"evicting pod {metadata['namespace']}/{metadata['name']}")
            _evict(server, pod, options, deadline)
        for pod in plan.evict:
            _await_end(server, pod, deadline, tell)
    for pod in plan.evict:
        say(f"pod/{pod['metadata']['name']} evicted")
    say(f"node/{name} drained")


def _refuse(name: str, plan: Plan) -> None:
    if plan.forbidden:
        reasons = "; ".join(
            f"{', '.join(pods)} {_WHY[option]} (use {option})" for option, pods in sorted(plan.forbidden.items())
        )
        raise CommandError(f"cannot drain node {name}, which stays cordoned: {reasons}")


def _evict(server: Api, pod: Tree, options: Tree, deadline: float | None) -> None:
    """Ask until it is granted: a disruption budget may forbid it for a while."""
    metadata = pod["metadata"]
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
        "deleteOptions": options,
    }
    while True:
        try:
            server.create(POD, metadata["namespace"], body, name=metadata["name"], subresource="eviction")
            return
        except ServerError as error:
            if error.not_found:
                return
            if not isinstance(error.status, errors.TooManyRequests):
                raise
            if deadline is not None and time.monotonic() + RETRY_SECONDS > deadline:
                raise CommandError(f"could not evict pod {metadata['name']} in time: {error}") from None
            note(f"could not evict pod {metadata['name']}, trying again in {RETRY_SECONDS:.0f} s: {error}")
        time.sleep(RETRY_SECONDS)


def _await_end(server: Api, pod: Tree, deadline: float | None, tell: Say) -> None:
    metadata = pod["metadata"]
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    waiting = partial(tell, f"waiting for pod {metadata['namespace']}/{metadata['name']} to end")
    if not wait_gone(server, POD, metadata["namespace"], metadata["name"], metadata["uid"], left, waiting):
        raise CommandError(f"pod {metadata['name']} did not end in time; the node stays cordoned, drain it again")
